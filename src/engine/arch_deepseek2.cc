// SPDX-License-Identifier: Apache-2.0
// DeepSeek-V2, V3, Kimi K2, Moonlight: latent attention, first layers dense, then experts (with
// groups and a bias for the choice in V3) and shared experts. Both layouts of GGUF files are read:
// decompression in one matrix (attn_kv_b), or split and transposed (attn_k_b, attn_v_b).
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys, HeadWidths::kLatent));
    LatentConfig& latent = config.latent;
    latent.query_rank = CAIRN_TRY(keys.integer_or("attention.q_lora_rank", 0));
    latent.kv_rank = CAIRN_TRY(keys.integer("attention.kv_lora_rank"));
    // Older files state the widths of decompressed heads as key_length and value_length.
    const std::int64_t values = CAIRN_TRY(keys.integer("attention.value_length"));
    const std::int64_t key_width =
        CAIRN_TRY(keys.integer_or("attention.key_length_mla", config.head_width));
    latent.value_width = CAIRN_TRY(keys.integer_or("attention.value_length_mla", values));
    latent.rotary_width = CAIRN_TRY(keys.integer("rope.dimension_count"));
    latent.plain_width = key_width - latent.rotary_width;
    config.head_width = key_width;
    if (latent.kv_rank == 0) {
        return make_error(Code::kUnsupported,
                          keys.key("attention.kv_lora_rank") + ": expected more than 0, found 0");
    }
    for (LayerShape& shape : config.layer_shapes) {
        shape.mixer = Mixer::kLatent;
        shape.kv_heads = 1;
    }
    const float per_factor = CAIRN_TRY(keys.number_or("rope.scaling.yarn_log_multiplier", 0));
    if (config.rope_scaling.kind == RopeScaling::kYarn && per_factor != 0) {
        // The scale of scores takes the place of that on cosines and sines.
        const float grown = 1.0F + per_factor * std::log(config.rope_scaling.factor);
        config.attention_scale = grown * grown / std::sqrt(static_cast<float>(key_width));
        config.rope_scaling.attention_factor = 1.0F;
    }
    const std::int64_t dense = CAIRN_TRY(keys.integer_or("leading_dense_block_count", 0));
    CAIRN_TRY(read_expert_keys(keys, config, dense, {}));
    return config;
}

void latent_tensors(TensorList& list, const ModelConfig& c, const LayerShape& shape) {
    const LatentConfig& latent = c.latent;
    const std::int64_t width = latent.plain_width + latent.rotary_width;
    if (latent.query_rank != 0) {
        list.matrix("attn_q_a", Slot::kQueryDown, latent.query_rank, c.model_width);
        list.vector("attn_q_a_norm", Slot::kQueryDownNorm, latent.query_rank);
        list.matrix("attn_q_b", Slot::kQuery, shape.heads * width, latent.query_rank);
    } else {
        list.matrix("attn_q", Slot::kQuery, shape.heads * width, c.model_width);
    }
    list.matrix("attn_kv_a_mqa", Slot::kKeyValueDown, latent.kv_rank + latent.rotary_width,
                c.model_width);
    list.vector("attn_kv_a_norm", Slot::kKeyValueDownNorm, latent.kv_rank);
    list.matrix("attn_kv_b", Slot::kKeyValueUp,
                shape.heads * (latent.plain_width + latent.value_width), latent.kv_rank);
    list.make_optional();
    list.experts("attn_k_b", Slot::kKeyUp, latent.kv_rank, latent.plain_width, shape.heads);
    list.make_optional();
    list.experts("attn_v_b", Slot::kValueUp, latent.value_width, latent.kv_rank, shape.heads);
    list.make_optional();
    list.matrix("attn_output", Slot::kAttentionOutput, c.model_width,
                shape.heads * latent.value_width);
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(
        config, [](TensorList& list, const ModelConfig& c, const LayerShape& shape) {
            list.attention_norm();
            latent_tensors(list, c, shape);
            list.ffn_norm();
            list.feed_forward();
            if (!shape.experts) return;
            list.vector("exp_probs_b", Slot::kRouterBias, c.experts.experts, "bias");
            list.make_optional();
        });
}

// ---- Hugging Face directories ----

/// A width or a count: from 1 to 2^20, so that products of three fit.
Result<std::int64_t> size_of(const HfParts& parts, std::string_view key) {
    constexpr std::int64_t kSizeMax = 1 << 20;
    const std::int64_t found = CAIRN_TRY(parts.config.get_integer(key));
    if (found >= 1 && found <= kSizeMax) return found;
    return make_error(Code::kInvalid, fmt::format("config.json: {}: expected 1 to {}, found {}",
                                                  key, kSizeMax, found));
}

/// kv_b_proj becomes what newer files hold: keys transposed, values as they are, each head apart.
Result<bool> take_tensor(HfParts& parts, std::string_view name, const HfWeight& weight) {
    const HfTensorName parsed = parse_tensor_name(name);
    const std::uint64_t bytes = TensorType::kF32 == weight.type ? 4 : 2;
    const bool plain = weight.type == TensorType::kF32 || weight.type == TensorType::kF16 ||
                       weight.type == TensorType::kBF16;
    if (parsed.place != "self_attn.kv_b_proj" || parsed.ending != "weight" || !plain) return false;
    const auto heads = static_cast<std::uint64_t>(CAIRN_TRY(size_of(parts, "num_attention_heads")));
    const auto keys = static_cast<std::uint64_t>(CAIRN_TRY(size_of(parts, "qk_nope_head_dim")));
    const auto values = static_cast<std::uint64_t>(CAIRN_TRY(size_of(parts, "v_head_dim")));
    if (weight.shape.size() != 2 || weight.shape[0] != heads * (keys + values)) {
        return make_error(Code::kInvalid, fmt::format("tensor {}: expected {} rows", name,
                                                      heads * (keys + values)));
    }
    const std::uint64_t rank = weight.shape[1];
    std::vector<std::byte> turned(heads * keys * rank * bytes);
    std::vector<std::byte> straight(heads * values * rank * bytes);
    for (std::uint64_t head = 0; head < heads; ++head) {
        const std::byte* from = weight.bytes.data() + head * (keys + values) * rank * bytes;
        for (std::uint64_t row = 0; row < keys; ++row) {
            for (std::uint64_t column = 0; column < rank; ++column) {
                std::memcpy(turned.data() + ((head * rank + column) * keys + row) * bytes,
                            from + (row * rank + column) * bytes, bytes);
            }
        }
        std::memcpy(straight.data() + head * values * rank * bytes, from + keys * rank * bytes,
                    values * rank * bytes);
    }
    parts.add_copy(fmt::format("blk.{}.attn_k_b.weight", parsed.layer), weight.type,
                   {keys, rank, heads}, std::move(turned));
    parts.add_copy(fmt::format("blk.{}.attn_v_b.weight", parsed.layer), weight.type,
                   {rank, values, heads}, std::move(straight));
    return true;
}

Status refuse(std::string_view what) {
    return make_error(Code::kUnsupported, fmt::format("config.json: {} is not known", what));
}

/// How experts are chosen.
Status set_choice(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const bool v3 =
        CAIRN_TRY(config.get_strings("architectures")).front() == "DeepseekV3ForCausalLM";
    const std::string scoring =
        CAIRN_TRY(config.get_string_or("scoring_func", v3 ? "sigmoid" : "softmax"));
    if (scoring != "sigmoid" && scoring != "softmax") return refuse("scoring_func " + scoring);
    const std::string method =
        CAIRN_TRY(config.get_string_or("topk_method", v3 ? "noaux_tc" : "greedy"));
    if (method != "greedy" && method != "group_limited_greedy" && method != "noaux_tc") {
        return refuse("topk_method " + method);
    }
    parts.set_integer("expert_gating_func", scoring == "sigmoid" ? 2 : 1);
    if (method != "greedy") {
        parts.set_integer("expert_group_count", CAIRN_TRY(config.get_integer_or("n_group", 1)));
        parts.set_integer("expert_group_used_count",
                          CAIRN_TRY(config.get_integer_or("topk_group", 1)));
    }
    if (CAIRN_TRY(config.get_integer_or("moe_layer_freq", 1)) != 1) return refuse("moe_layer_freq");
    return {};
}

Status adjust(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const std::int64_t rank = CAIRN_TRY(size_of(parts, "kv_lora_rank"));
    const std::int64_t rotary = CAIRN_TRY(size_of(parts, "qk_rope_head_dim"));
    const std::int64_t plain = CAIRN_TRY(size_of(parts, "qk_nope_head_dim"));
    parts.set_integer("attention.head_count_kv", 1);
    parts.set_integer("attention.key_length", rank + rotary);
    parts.set_integer("attention.value_length", rank);
    parts.set_integer("attention.key_length_mla", plain + rotary);
    parts.set_integer("attention.value_length_mla", CAIRN_TRY(size_of(parts, "v_head_dim")));
    parts.set_integer("rope.dimension_count", rotary);
    CAIRN_TRY(set_choice(parts));
    if (!CAIRN_TRY(config.get_bool_or("rope_interleave", true))) return refuse("rope_interleave");
    const std::string place =
        config.is_object("rope_parameters") ? "rope_parameters." : "rope_scaling.";
    const double mscale = CAIRN_TRY(config.get_number_or(place + "mscale", 0));
    const double all = CAIRN_TRY(config.get_number_or(place + "mscale_all_dim", 0));
    if (mscale != all) return refuse("mscale other than mscale_all_dim");
    if (all != 0) {
        parts.set("rope.scaling.yarn_log_multiplier", static_cast<float>(0.1 * all));
        parts.metadata.erase("deepseek2.rope.scaling.attn_factor");
    }
    return {};
}

constexpr std::string_view kClasses[] = {"DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"};
constexpr HfName kKeys[] = {
    {"q_lora_rank", "attention.q_lora_rank"},
    {"kv_lora_rank", "attention.kv_lora_rank"},
    {"first_k_dense_replace", "leading_dense_block_count"},
    {"n_routed_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
    {"n_shared_experts", "expert_shared_count"},
    {"moe_intermediate_size", "expert_feed_forward_length"},
    {"routed_scaling_factor", "expert_weights_scale"},
    {"norm_topk_prob", "expert_weights_norm"},
};
constexpr HfName kTensors[] = {
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.experts.#.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.#.up_proj", "ffn_up_exps"},
    {"mlp.experts.#.down_proj", "ffn_down_exps"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
};
const HfMapping kHf = {.classes = kClasses,
                       .keys = kKeys,
                       .tensors = kTensors,
                       .rows_interleaved = true,
                       .adjust = adjust,
                       .take_tensor = take_tensor};

}  // namespace

extern const ArchSpec kDeepseek2Arch;
const ArchSpec kDeepseek2Arch = {
    .name = "deepseek2",
    .rope_style = kernels::RopeStyle::kInterleaved,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
