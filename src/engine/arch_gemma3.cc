// SPDX-License-Identifier: Apache-2.0
// Gemma 3 (text): Gemma 2 with normed queries and keys instead of capped scores; five of six layers
// see a window and turn with a base of their own.
#include <cmath>

#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 1024, [](std::int64_t layer) { return layer % 6 < 5; }));
    config.local_rope_base = CAIRN_TRY(keys.number_or("rope.freq_base_swa", 10000.0F));
    for (LayerShape& shape : config.layer_shapes)
        shape.rope = shape.window != 0 ? Rope::kLocal : Rope::kGlobal;
    config.logit_softcap = CAIRN_TRY(keys.number_or("final_logit_softcapping", 0));
    config.embedding_scale = std::sqrt(static_cast<float>(config.model_width));
    config.activation = Activation::kGeluTanh;
    // The 27B (62 layers) divides by the width per head of the model, not by that of its heads.
    const std::int64_t scaled_width = config.layers == 62 && config.heads != 0
                                          ? config.model_width / config.heads
                                          : config.head_width;
    config.attention_scale = CAIRN_TRY(
        keys.number_or("attention.scale", 1.0F / std::sqrt(static_cast<float>(scaled_width))));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(config, [](TensorList& list, const ModelConfig& c, const LayerShape&) {
        list.attention_norm();
        list.attention();
        list.head_norms();
        list.vector("post_attention_norm", Slot::kAttentionPostNorm, c.model_width);
        list.ffn_norm();
        list.dense();
        list.vector("post_ffw_norm", Slot::kFfPostNorm, c.model_width);
    });
}

constexpr std::string_view kClasses[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"};
constexpr HfName kKeys[] = {
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"rope_local_base_freq", "rope.freq_base_swa"},
};
constexpr HfName kTensors[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
};

Status adjust(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const double scaled = CAIRN_TRY(config.get_number_or("query_pre_attn_scalar", 256));
    parts.set("attention.scale", static_cast<float>(1.0 / std::sqrt(scaled)));
    if (CAIRN_TRY(config.get_bool_or("use_bidirectional_attention", false)) ||
        !config.is_null("attn_logit_softcapping")) {
        return make_error(Code::kUnsupported,
                          "config.json: use_bidirectional_attention and attn_logit_softcapping are "
                          "not known for gemma3");
    }
    return {};
}

const HfMapping kHf = {.classes = kClasses,
                       .keys = kKeys,
                       .tensors = kTensors,
                       .activation = "gelu_pytorch_tanh",
                       .norms_plus_one = true,
                       .adjust = adjust};

}  // namespace

extern const ArchSpec kGemma3Arch;
const ArchSpec kGemma3Arch = {
    .name = "gemma3",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
