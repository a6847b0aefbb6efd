// SPDX-License-Identifier: Apache-2.0
// The shape of a language model, read from and written to GGUF metadata, and the tensors that such
// a model must have. What an architecture is made of lives in its ArchSpec (arch.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/format/gguf.h"
#include "cairn/kernels/kernels.h"

namespace cairn::engine {

struct ModelConfig {
    std::string architecture = "llama";
    std::int64_t layers = 0;
    std::int64_t model_width = 0;  ///< D
    std::int64_t heads = 0;        ///< H, query heads
    std::int64_t kv_heads = 0;     ///< divides heads
    std::int64_t head_width = 0;   ///< K
    std::int64_t ff_width = 0;
    std::int64_t vocabulary = 0;  ///< V
    std::int64_t context = 0;     ///< positions the model was trained for
    float rms_epsilon = 1e-5F;
    float rope_base = 10000.0F;
    bool tied_head = false;  ///< the output matrix is the embedding
    kernels::RopeStyle rope_style = kernels::RopeStyle::kInterleaved;

    std::int64_t query_width() const { return heads * head_width; }
    std::int64_t kv_width() const { return kv_heads * head_width; }
    /// Weights in all tensors of model_tensors().
    std::int64_t parameter_count() const;
};

/// Errors: kUnsupported for an architecture or a feature that is not known (named), kNotFound and
/// kInvalid for missing keys and values out of bounds (expected and found).
Result<ModelConfig> read_model_config(const format::GgufFile& file);

/// The keys that read_model_config reads, plus general.name. The tokenizer is written apart.
void write_model_config(format::GgufWriter& writer, const ModelConfig& config,
                        std::string_view name);

/// kInvalid names the field that is out of bounds or does not fit the others.
Status check_model_config(const ModelConfig& config);

/// What a weight is for. Layer slots exist once per layer.
enum class Slot : std::uint8_t {
    kEmbedding,
    kOutputNorm,
    kHead,
    kAttentionNorm,
    kQuery,
    kKey,
    kValue,
    kAttentionOutput,
    kFfNorm,
    kGate,
    kUp,
    kDown,
};
inline constexpr int kSlotCount = 12;

struct TensorSpec {
    std::string name;  ///< "blk.3.attn_q.weight"
    Slot slot = Slot::kEmbedding;
    std::int64_t layer = -1;   ///< -1: not in a layer
    std::int64_t rows = 1;     ///< outputs; 1 and is_vector for norms
    std::int64_t columns = 0;  ///< inputs, contiguous
    bool is_vector = false;
};

/// Every tensor of such a model, in the order in which files should hold them. The architecture
/// must be known: config comes from read_model_config or passed check_model_config.
std::vector<TensorSpec> model_tensors(const ModelConfig& config);

}  // namespace cairn::engine
