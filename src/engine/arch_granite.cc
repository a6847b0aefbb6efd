// SPDX-License-Identifier: Apache-2.0
// Granite 3: Llama with multipliers on embeddings, attention, what blocks add, and logits.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    config.embedding_scale = CAIRN_TRY(keys.number_or("embedding_scale", 1.0F));
    config.residual_scale = CAIRN_TRY(keys.number_or("residual_scale", 1.0F));
    config.attention_scale = CAIRN_TRY(keys.number_or("attention.scale", 0));
    config.logit_scale = 1.0F / CAIRN_TRY(keys.number_or("logit_scale", 1.0F));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(config, [](TensorList& list, const ModelConfig&, const LayerShape&) {
        list.attention_norm();
        list.attention();
        list.ffn_norm();
        list.dense();
    });
}

constexpr std::string_view kClasses[] = {"GraniteForCausalLM"};
constexpr HfName kKeys[] = {
    {"embedding_multiplier", "embedding_scale"},
    {"residual_multiplier", "residual_scale"},
    {"attention_multiplier", "attention.scale"},
    {"logits_scaling", "logit_scale"},
};
const HfMapping kHf = {.classes = kClasses, .keys = kKeys};

}  // namespace

extern const ArchSpec kGraniteArch;
const ArchSpec kGraniteArch = {
    .name = "granite",
    .rope_style = kernels::RopeStyle::kInterleaved,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
