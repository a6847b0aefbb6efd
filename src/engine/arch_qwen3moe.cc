// SPDX-License-Identifier: Apache-2.0
// Qwen3-MoE: Qwen3 with experts, chosen by softmax and weighted so that they add up to one.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 0, [](std::int64_t) { return true; }));
    CAIRN_TRY(read_expert_keys(keys, config, 0, {.normalise = true}));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(config, [](TensorList& list, const ModelConfig&, const LayerShape&) {
        list.attention_norm();
        list.attention();
        list.head_norms();
        list.ffn_norm();
        list.feed_forward();
    });
}

constexpr std::string_view kClasses[] = {"Qwen3MoeForCausalLM"};
constexpr HfName kKeys[] = {
    {"num_experts", "expert_count"},
    {"num_local_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
    {"moe_intermediate_size", "expert_feed_forward_length"},
    {"norm_topk_prob", "expert_weights_norm"},
};
constexpr HfName kTensors[] = {
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.#.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.#.up_proj", "ffn_up_exps"},
    {"mlp.experts.#.down_proj", "ffn_down_exps"},
};

/// The graph has experts in every layer.
Status adjust(HfParts& parts) {
    if (parts.config.size("mlp_only_layers") != 0 ||
        CAIRN_TRY(parts.config.get_integer_or("decoder_sparse_step", 1)) != 1) {
        return make_error(Code::kUnsupported,
                          "config.json: mlp_only_layers and decoder_sparse_step other than 1 are "
                          "not known");
    }
    return {};
}

const HfMapping kHf = {.classes = kClasses, .keys = kKeys, .tensors = kTensors, .adjust = adjust};

}  // namespace

extern const ArchSpec kQwen3MoeArch;
const ArchSpec kQwen3MoeArch = {
    .name = "qwen3moe",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
