// SPDX-License-Identifier: Apache-2.0
// Measures how fast a model runs here, with the bytes and operations per token that bound it, so
// that `cairn bench engine` can report speed as a share of the machine's limits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

struct BenchOptions {
    int threads = 0;
    std::int64_t prompt_tokens = 256;
    std::int64_t decode_tokens = 64;
    std::vector<std::int64_t> batches = {1, 4, 16};
};

struct DecodeSpeed {
    std::int64_t batch = 0;
    double tokens_per_second = 0;       ///< all sequences together
    double weight_bytes_per_token = 0;  ///< weights are read once per step
    double kv_bytes_per_token = 0;      ///< mean over the measured positions
};

struct EngineSpeed {
    double prefill_tokens_per_second = 0;
    double operations_per_token = 0;  ///< multiply and add count as two
    std::vector<DecodeSpeed> decode;
    int threads = 0;
};

/// How soon a model answers, and what it then holds in memory.
struct Readiness {
    std::shared_ptr<const Model> model;
    double load_ms = 0;               ///< until a request can begin, tokenizer and all
    double first_token_ms = 0;        ///< one token through all layers after that
    std::int64_t resident_bytes = 0;  ///< that this process gained meanwhile, mapped pages too
    std::int64_t tensor_bytes = 0;    ///< of all tensors
    std::int64_t kv_bytes = 0;
};

/// Loads the model and computes one token of a sequence with room for `positions`. Errors: those of
/// Model::load; kIo when the system does not tell the resident size.
Result<Readiness> measure_readiness(const std::filesystem::path& path, int threads,
                                    std::int64_t positions);

/// Errors: kInvalid when prompt and decode tokens pass the context.
Result<EngineSpeed> measure_engine(const std::shared_ptr<const Model>& model,
                                   const BenchOptions& options);

}  // namespace cairn::engine
