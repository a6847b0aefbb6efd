// SPDX-License-Identifier: Apache-2.0
// MiniMax-Text-01 and M1: seven of eight layers use lightning attention, all have experts. The
// residual is the normed input, scaled.
#include <fmt/format.h>

#include <algorithm>

#include "arch.h"
#include "cairn/base/limits.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

constexpr std::int64_t kInterval = 8;  ///< every eighth layer attends in the usual way

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    // Trained for ten million positions; requests are bounded by what the engine takes.
    config.context = std::min<std::int64_t>(config.context, limits::kContextMax);
    config.rope_scaling.original_context =
        std::min<std::int64_t>(config.rope_scaling.original_context, limits::kContextMax);
    CAIRN_TRY(read_expert_keys(keys, config, 0, {.normalise = true}));
    config.residual_scale = CAIRN_TRY(keys.number("residual_scale"));
    const std::int64_t interval = CAIRN_TRY(keys.integer_or("full_attention_interval", kInterval));
    std::vector<std::int64_t> linear;
    if (keys.has("attention.recurrent_layers")) {
        linear = CAIRN_TRY(keys.per_layer("attention.recurrent_layers", config.layers));
    }
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const auto index = static_cast<std::size_t>(layer);
        const bool is_linear =
            linear.empty() ? interval == 0 || (layer + 1) % interval != 0 : linear[index] != 0;
        if (is_linear) config.layer_shapes[index].mixer = Mixer::kLinear;
    }
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(
        config, [](TensorList& list, const ModelConfig& c, const LayerShape& shape) {
            const std::int64_t width = shape.heads * c.head_width;
            list.attention_norm();
            if (shape.mixer == Mixer::kLinear) {
                list.vector("attn_norm_2", Slot::kMixerNorm, width);
                list.matrix("attn_qkv", Slot::kQueryKeyValue, 3 * width, c.model_width);
                list.matrix("attn_gate", Slot::kMixerGate, width, c.model_width);
                list.matrix("attn_output", Slot::kAttentionOutput, c.model_width, width);
            } else {
                list.attention();
            }
            list.ffn_norm();
            list.feed_forward();
        });
}

/// x = residual_scale * normed + out.
void join(LayerContext& context, const float* normed, const float* out) {
    const float scale = context.config().residual_scale;
    const std::int64_t count = context.rows() * context.config().model_width;
    for (std::int64_t i = 0; i < count; ++i)
        context.x()[i] = scale * normed[i] + out[i];
}

void run_layer(LayerContext& context, std::int64_t layer) {
    const std::int64_t width = context.config().model_width;
    float* normed = context.buffer(Buffer::kNormed, width);
    float* out = context.buffer(Buffer::kOut, width);
    context.norm(layer, Slot::kAttentionNorm, normed, context.x());
    if (context.config().layer(layer).mixer == Mixer::kLinear) {
        linear_attention_block(context, layer, out, normed);
    } else {
        attention_block(context, layer, out, normed);
    }
    join(context, normed, out);
    context.norm(layer, Slot::kFfNorm, normed, context.x());
    feed_forward_block(context, layer, out, normed);
    join(context, normed, out);
}

// ---- Hugging Face directories ----

/// One of two names of a number: of transformers, or of the makers' own code.
Result<double> either(const format::JsonConfig& config, const char* name, const char* other) {
    return config.get_number_or(name, CAIRN_TRY(config.get_number_or(other, 1.0)));
}

Status set_layers(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    std::vector<bool> linear;
    if (config.is_array("attn_type_list")) {  // 0: lightning attention, 1: the usual one
        for (const std::int64_t kind : CAIRN_TRY(config.get_integers("attn_type_list")))
            linear.push_back(kind == 0);
    } else {
        for (const std::string& kind : CAIRN_TRY(config.get_strings("layer_types"))) {
            if (kind != "linear_attention" && kind != "full_attention") {
                return make_error(Code::kUnsupported, fmt::format("config.json: layer type '{}' is "
                                                                  "not known",
                                                                  kind));
            }
            linear.push_back(kind == "linear_attention");
        }
    }
    parts.set("attention.recurrent_layers", std::move(linear));
    return {};
}

Status adjust(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const double scale =
        CAIRN_TRY(either(config, "linear_attn_alpha_factor", "layernorm_linear_attention_alpha"));
    const struct {
        const char* name;
        const char* other;
        double expected;
    } kFixed[] = {
        {"full_attn_alpha_factor", "layernorm_full_attention_alpha", scale},
        {"mlp_alpha_factor", "layernorm_mlp_alpha", scale},
        {"linear_attn_beta_factor", "layernorm_linear_attention_beta", 1.0},
        {"full_attn_beta_factor", "layernorm_full_attention_beta", 1.0},
        {"mlp_beta_factor", "layernorm_mlp_beta", 1.0},
    };
    for (const auto& [name, other, expected] : kFixed) {
        const double found = CAIRN_TRY(either(config, name, other));
        if (found == expected) continue;
        return make_error(Code::kUnsupported, fmt::format("config.json: {}: expected {}, found {}",
                                                          name, expected, found));
    }
    if (CAIRN_TRY(config.get_integer_or("shared_intermediate_size", 0)) != 0) {
        return make_error(Code::kUnsupported,
                          "config.json: shared_intermediate_size is not known for minimax-01");
    }
    parts.set("residual_scale", static_cast<float>(scale));
    return set_layers(parts);
}

constexpr std::string_view kClasses[] = {"MiniMaxForCausalLM", "MiniMaxText01ForCausalLM",
                                         "MiniMaxM1ForCausalLM"};
constexpr HfName kKeys[] = {
    {"num_local_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
};
constexpr HfName kTensors[] = {
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.norm", "attn_norm_2"},
    {"self_attn.output_gate", "attn_gate"},
    {"self_attn.out_proj", "attn_output"},
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"block_sparse_moe.experts.#.w1", "ffn_gate_exps"},
    {"block_sparse_moe.experts.#.w2", "ffn_down_exps"},
    {"block_sparse_moe.experts.#.w3", "ffn_up_exps"},
};
const HfMapping kHf = {.classes = kClasses, .keys = kKeys, .tensors = kTensors, .adjust = adjust};

}  // namespace

extern const ArchSpec kMiniMax01Arch;
const ArchSpec kMiniMax01Arch = {
    .name = "minimax-01",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .run_layer = run_layer,
    .hf = &kHf,
};

}  // namespace cairn::engine
