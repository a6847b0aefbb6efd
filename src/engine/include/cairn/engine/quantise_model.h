// SPDX-License-Identifier: Apache-2.0
// A model to another weight type, tensor by tensor, with the importance of each input column
// measured on text.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/model.h"
#include "cairn/format/gguf.h"

namespace cairn::engine {

/// By tensor name: the mean square of each input column, [columns] or [experts, columns].
using Importance = std::map<std::string, std::vector<float>, std::less<>>;

/// Runs the tokens through the model in chunks of `chunk` and sums what its matrices are multiplied
/// with. Experts that no token reached count every column the same.
Result<Importance> measure_importance(const std::shared_ptr<const Model>& model,
                                      std::span<const TokenId> tokens, std::int64_t chunk,
                                      ThreadPool& pool, const ProgressSink& progress);

struct QuantiseOptions {
    /// nullopt: every tensor keeps its type (another container only).
    std::optional<TensorType> type;
    bool pure = false;  ///< all matrices in `type`, without the mix below
    const Importance* importance = nullptr;
};

/// What becomes of each tensor. Matrices get `type`; vectors, norms and routers stay. Unless pure:
/// - the output matrix (or a tied embedding) is at least Q6_K,
/// - Q2_K to Q5_K: attn_v and ffn_down of the first and last eighth and of every third layer
/// between
///   are Q6_K (Q2_K, Q3_K: two steps up).
/// Rows that are no multiple of 256 fall back: Q2_K and Q3_K to IQ4_NL, Q4_K and IQ4_XS to Q5_0,
/// Q5_K to Q5_1, Q6_K to Q8_0; no multiple of 32: F16.
std::vector<TensorType> plan_types(const format::GgufFile& file, const QuantiseOptions& options);

struct QuantisedModel {
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes_after = 0;
    std::map<std::string, std::int64_t> tensors;  ///< count by type name after
    double bits_per_weight = 0;
};

/// Writes `output` in one atomic step; holds one tensor at a time. Same input, same bytes, any
/// number of threads.
Result<QuantisedModel> quantise_model(const Model& model, const std::filesystem::path& output,
                                      const QuantiseOptions& options, ThreadPool& pool,
                                      const ProgressSink& progress);

}  // namespace cairn::engine
