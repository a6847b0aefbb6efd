// SPDX-License-Identifier: Apache-2.0
// Gemma 2: norms in front of and behind each block, every second layer sees a window only, scores
// and logits are capped, embeddings scaled by sqrt(D).
#include <cmath>

#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 4096, [](std::int64_t layer) { return layer % 2 == 0; }));
    config.attention_softcap = CAIRN_TRY(keys.number_or("attn_logit_softcapping", 50.0F));
    config.logit_softcap = CAIRN_TRY(keys.number_or("final_logit_softcapping", 30.0F));
    config.embedding_scale = std::sqrt(static_cast<float>(config.model_width));
    config.activation = Activation::kGeluTanh;
    // The 27B (46 layers) divides by the width per head of the model, not by that of its heads.
    const std::int64_t scaled_width = config.layers == 46 && config.heads != 0
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
        list.vector("post_attention_norm", Slot::kAttentionPostNorm, c.model_width);
        list.ffn_norm();
        list.dense();
        list.vector("post_ffw_norm", Slot::kFfPostNorm, c.model_width);
    });
}

constexpr std::string_view kClasses[] = {"Gemma2ForCausalLM"};
constexpr HfName kKeys[] = {
    {"attn_logit_softcapping", "attn_logit_softcapping"},
    {"final_logit_softcapping", "final_logit_softcapping"},
};
constexpr HfName kTensors[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
};

Status adjust(HfParts& parts) {
    const double scaled = CAIRN_TRY(parts.config.get_number_or("query_pre_attn_scalar", 256));
    parts.set("attention.scale", static_cast<float>(1.0 / std::sqrt(scaled)));
    return {};
}

const HfMapping kHf = {.classes = kClasses,
                       .keys = kKeys,
                       .tensors = kTensors,
                       .activation = "gelu_pytorch_tanh",
                       .norms_plus_one = true,
                       .adjust = adjust};

}  // namespace

extern const ArchSpec kGemma2Arch;
const ArchSpec kGemma2Arch = {
    .name = "gemma2",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
