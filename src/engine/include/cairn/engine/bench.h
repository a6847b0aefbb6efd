// SPDX-License-Identifier: Apache-2.0
// Measures how fast a model runs here, with the bytes and operations per token that bound it, so
// that `cairn bench engine` can report speed as a share of the machine's limits.
#pragma once

#include <cstdint>
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

/// Errors: kInvalid when prompt and decode tokens pass the context.
Result<EngineSpeed> measure_engine(const std::shared_ptr<const Model>& model,
                                   const BenchOptions& options);

}  // namespace cairn::engine
