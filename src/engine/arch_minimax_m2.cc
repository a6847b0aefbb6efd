// SPDX-License-Identifier: Apache-2.0
// MiniMax-M2: queries and keys are normed as whole rows, half of each head turns, experts are
// chosen by sigmoid and a bias.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_expert_keys(keys, config, 0, {.gating = Gating::kSigmoid, .normalise = true}));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(
        config, [](TensorList& list, const ModelConfig& c, const LayerShape& shape) {
            list.attention_norm();
            list.attention();
            list.vector("attn_q_norm", Slot::kQueryNorm, shape.heads * c.head_width);
            list.vector("attn_k_norm", Slot::kKeyNorm, shape.kv_heads * c.head_width);
            list.ffn_norm();
            list.feed_forward();
            list.vector("exp_probs_b", Slot::kRouterBias, c.experts.experts, "bias");
        });
}

/// What the graph fixes must be what the directory says.
Status adjust(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const bool known =
        CAIRN_TRY(config.get_string_or("scoring_func", "sigmoid")) == "sigmoid" &&
        CAIRN_TRY(config.get_bool_or("use_qk_norm", true)) &&
        CAIRN_TRY(config.get_string_or("qk_norm_type", "per_layer")) == "per_layer" &&
        CAIRN_TRY(config.get_bool_or("use_routing_bias", true)) &&
        CAIRN_TRY(config.get_integer_or("shared_intermediate_size", 0)) == 0;
    parts.set_integer("expert_gating_func", 2);  // other programs do not assume the sigmoid
    if (known) return {};
    return make_error(Code::kUnsupported,
                      "config.json: expected scoring_func sigmoid, use_qk_norm, qk_norm_type "
                      "per_layer, use_routing_bias and no shared_intermediate_size");
}

constexpr std::string_view kClasses[] = {"MiniMaxM2ForCausalLM"};
constexpr HfName kKeys[] = {
    {"num_local_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
    {"intermediate_size", "expert_feed_forward_length"},
};
constexpr HfName kTensors[] = {
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"block_sparse_moe.e_score_correction_bias", "exp_probs_b.bias"},
    {"block_sparse_moe.experts.#.w1", "ffn_gate_exps"},
    {"block_sparse_moe.experts.#.w2", "ffn_down_exps"},
    {"block_sparse_moe.experts.#.w3", "ffn_up_exps"},
};
const HfMapping kHf = {.classes = kClasses, .keys = kKeys, .tensors = kTensors, .adjust = adjust};

}  // namespace

extern const ArchSpec kMiniMaxM2Arch;
const ArchSpec kMiniMaxM2Arch = {
    .name = "minimax-m2",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
