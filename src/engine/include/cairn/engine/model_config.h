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

/// How a layer lets positions see each other.
enum class Mixer : std::uint8_t {
    kAttention,  ///< keys and values of every position are kept
    kLatent,     ///< multi-head latent attention: one compressed row per position is kept
    kLinear,     ///< lightning attention: a state of fixed size is kept
};

/// Which rotary table a layer uses. kLocal: base `local_rope_base`, never scaled.
enum class Rope : std::uint8_t { kNone, kGlobal, kLocal };

enum class RopeScaling : std::uint8_t { kNone, kLinear, kYarn, kLongRope };

/// act(gate) * up. kSwigluLimited is gpt-oss: clamped, with sigmoid(1.702 gate) and up + 1.
enum class Activation : std::uint8_t { kSilu, kGeluTanh, kGelu, kSwigluLimited };

enum class Gating : std::uint8_t { kSoftmax, kSigmoid };

struct RopeScalingConfig {
    RopeScaling kind = RopeScaling::kNone;
    float factor = 1.0F;
    std::int64_t original_context = 0;
    float attention_factor = 1.0F;  ///< on cosines and sines
    float beta_fast = 32.0F;        ///< yarn: turns in the original context above which none scale
    float beta_slow = 1.0F;
    bool truncate = true;  ///< yarn: bounds of the ramp are whole dimensions
};

/// Mixture of experts: `used` of `experts` run for each token.
struct ExpertConfig {
    std::int64_t experts = 0;  ///< 0: none
    std::int64_t used = 0;
    std::int64_t groups = 1;       ///< experts are chosen from the best groups_used groups
    std::int64_t groups_used = 1;  ///< a group counts as much as its best expert (softmax) or two
    std::int64_t ff_width = 0;     ///< of one expert
    std::int64_t shared_ff_width = 0;  ///< of the expert that always runs; 0: none
    Gating gating = Gating::kSoftmax;
    bool normalise = false;  ///< weights of the chosen add up to one
    float scale = 1.0F;
};

/// Multi-head latent attention: widths before and after the compression.
struct LatentConfig {
    std::int64_t query_rank = 0;    ///< 0: queries are not compressed
    std::int64_t kv_rank = 0;       ///< 0: no latent attention
    std::int64_t plain_width = 0;   ///< part of each head without positions
    std::int64_t rotary_width = 0;  ///< part of each head that turns; its key is shared
    std::int64_t value_width = 0;   ///< of one head, decompressed
};

/// What differs between the layers of one model.
struct LayerShape {
    Mixer mixer = Mixer::kAttention;
    Rope rope = Rope::kGlobal;
    bool experts = false;
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t ff_width = 0;
    std::int64_t window = 0;  ///< positions that are seen, with the own one; 0: all
};

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

    std::int64_t rotary_width = 0;  ///< first values of each head that turn; 0: all
    float local_rope_base = 0;      ///< of layers with Rope::kLocal
    RopeScalingConfig rope_scaling;
    float embedding_scale = 1.0F;
    float residual_scale = 1.0F;  ///< on what a block adds to the residual stream
    float attention_scale = 0;    ///< 0: 1 / sqrt(head width)
    float attention_softcap = 0;  ///< 0: none
    float logit_scale = 1.0F;
    float logit_softcap = 0;  ///< 0: none
    Activation activation = Activation::kSilu;
    ExpertConfig experts;
    LatentConfig latent;
    std::vector<LayerShape> layer_shapes;  ///< empty: every layer has the figures above

    LayerShape layer(std::int64_t index) const;
    std::int64_t query_width() const { return heads * head_width; }
    std::int64_t kv_width() const { return kv_heads * head_width; }
    std::int64_t rope_width() const { return rotary_width != 0 ? rotary_width : head_width; }
    /// Floats that a layer's cache holds for each position.
    std::int64_t key_row(std::int64_t layer) const;
    std::int64_t value_row(std::int64_t layer) const;
    /// Floats that a layer's cache holds however many positions there are.
    std::int64_t state_size(std::int64_t layer) const;
    /// True when sequences longer than the original context turn with other factors.
    bool has_two_ropes() const { return rope_scaling.kind == RopeScaling::kLongRope; }
    /// Weights in all tensors of model_tensors().
    std::int64_t parameter_count() const;
};

/// Errors: kUnsupported for an architecture or a feature that is not known (named), kNotFound and
/// kInvalid for missing keys and values out of bounds (expected and found).
Result<ModelConfig> read_model_config(const format::GgufFile& file);

/// The keys that read_model_config reads, plus general.name. The tokenizer is written apart. Only
/// for architectures that are trained (llama).
void write_model_config(format::GgufWriter& writer, const ModelConfig& config,
                        std::string_view name);

/// kInvalid names the field that is out of bounds or does not fit the others.
Status check_model_config(const ModelConfig& config);

/// What a weight is for. Layer slots exist once per layer.
enum class Slot : std::uint8_t {
    kEmbedding,
    kOutputNorm,
    kHead,
    kRopeFactors,       ///< divisors of the rotary frequencies (Llama 3)
    kRopeFactorsLong,   ///< the same for sequences beyond the original context
    kRopeFactorsShort,  ///< and within it
    kAttentionNorm,
    kQuery,
    kKey,
    kValue,
    kQueryKeyValue,  ///< the three in one matrix
    kQueryNorm,
    kKeyNorm,
    kSinks,
    kAttentionOutput,
    kAttentionPostNorm,
    kFfNorm,
    kGate,
    kUp,
    kGateUp,  ///< the two in one matrix
    kDown,
    kFfPostNorm,
    kRouter,
    kRouterBias,  ///< decides who is chosen, not how much they weigh
    kExpertGate,
    kExpertUp,
    kExpertDown,
    kSharedGate,
    kSharedUp,
    kSharedDown,
    kQueryDown,  ///< latent attention: compress, norm, decompress
    kQueryDownNorm,
    kKeyValueDown,
    kKeyValueDownNorm,
    kKeyValueUp,  ///< keys and values of all heads in one matrix; or apart:
    kKeyUp,       ///< per head [rank, plain width]: transposed
    kValueUp,
    kMixerGate,  ///< lightning attention
    kMixerNorm,
    kCount,
};
inline constexpr int kSlotCount = static_cast<int>(Slot::kCount);

struct TensorSpec {
    std::string name;  ///< "blk.3.attn_q.weight"
    Slot slot = Slot::kEmbedding;
    std::int64_t layer = -1;   ///< -1: not in a layer
    std::int64_t rows = 1;     ///< outputs; 1 and is_vector for norms
    std::int64_t columns = 0;  ///< inputs, contiguous
    bool is_vector = false;
    bool is_bias = false;      ///< added to the outputs of the slot's matrix
    bool optional = false;     ///< a file may lack it
    std::int64_t experts = 0;  ///< > 0: so many matrices, one behind the other
};

/// Every tensor of such a model, in the order in which files should hold them. The architecture
/// must be known: config comes from read_model_config or passed check_model_config.
std::vector<TensorSpec> model_tensors(const ModelConfig& config);

}  // namespace cairn::engine
