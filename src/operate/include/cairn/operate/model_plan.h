// SPDX-License-Identifier: Apache-2.0
// What a model needs and what this machine has: memory by quantisation, the longest context, and
// the speed that bandwidth and arithmetic allow. Pure arithmetic over a shape; nothing is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/tensor_type.h"

namespace cairn::operate {

struct ModelShape {
    std::string name;
    std::string architecture;
    double parameters = 0;
    double active_parameters = 0;     ///< that one token uses: fewer with experts
    double vector_parameters = 0;     ///< norms and biases: never quantised
    double attention_operations = 0;  ///< per token and position before it
    std::int64_t layers = 0;
    std::int64_t context = 0;  ///< positions the model was trained for; 0: not said
    double kv_values_per_position = 0;
    double stored_bytes = 0;  ///< of the weights as they are; 0: only the shape is known
    std::string stored_type;  ///< "Q4_K", "BF16": the type of most weights; empty: not known
};

/// From the headers of a GGUF file (all shards), a folder with config.json, or a config.json alone.
/// Errors: kInvalid and kUnsupported naming the key that does not say what is needed.
Result<ModelShape> read_model_shape(const std::filesystem::path& path);
/// The same from the text of a config.json.
Result<ModelShape> shape_of_config(std::string_view config_json);

struct Machine {
    std::string isa;
    int threads = 0;
    double memory_bytes = 0;  ///< of the machine or of the control group, whichever is less
    double free_bytes = 0;    ///< at this moment
    double read_gb_per_s = 0;
    double int8_gop_per_s = 0;
    double f32_gflop_per_s = 0;
};
/// Memory as the system and the control group state it; speeds are the caller's to measure.
Machine measure_memory();

/// What share of the machine's limits the engine reaches; measured by the caller.
struct Efficiency {
    double prefill = 0;          ///< of int8 operations
    double decode = 0;           ///< of read bandwidth
    double attention = 0.12;     ///< of f32 operations
    bool of_this_model = false;  ///< else of the bundled one
};

inline constexpr std::int64_t kPlanContext = 4096;

struct PlanOptions {
    std::int64_t context = 0;   ///< positions a user; 0: kPlanContext, or the model's if fewer
    std::int64_t users = 1;     ///< at the same time
    double kv_value_bytes = 4;  ///< this engine keeps keys and values in f32
};

struct PlanRow {
    std::string type;  ///< "Q4_K"; "as stored"
    double weight_bytes = 0;
    double kv_bytes = 0;
    double total_bytes = 0;
    bool fits = false;
    std::int64_t context_max = 0;  ///< positions a user that fit; 0: not even the weights fit
    double prefill_tokens_per_s = 0;
    double decode_tokens_per_s = 0;      ///< one user alone
    double decode_all_tokens_per_s = 0;  ///< all users together
};

struct Plan {
    std::int64_t context = 0;   ///< positions a user that it is made for
    std::vector<PlanRow> rows;  ///< as stored first, then by size, largest first; none that has
                                ///< more bits than what is stored
    std::string advice;         ///< a sentence
    std::string take;           ///< the type to take, "as stored"; empty: none fits
};

Plan plan_model(const ModelShape& shape, const Machine& machine, const Efficiency& efficiency,
                const PlanOptions& options);

}  // namespace cairn::operate
