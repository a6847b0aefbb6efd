// SPDX-License-Identifier: Apache-2.0
// Llama: RMSNorm before attention and feed-forward, grouped-query attention with interleaved RoPE,
// SwiGLU; with experts it is Mixtral. Also what Mistral, Yi, SmolLM2 and TinyLlama files use.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_expert_keys(keys, config, 0, {.normalise = true}));
    CAIRN_TRY(read_window(keys, config, 0, [](std::int64_t) { return true; }));
    config.attention_scale = CAIRN_TRY(keys.number_or("attention.scale", 0));
    return config;
}

void write_config(format::GgufWriter& writer, const ModelConfig& config) {
    const auto set = [&](std::string_view name, std::int64_t value) {
        writer.set("llama." + std::string(name), static_cast<std::uint32_t>(value));
    };
    set("block_count", config.layers);
    set("context_length", config.context);
    set("embedding_length", config.model_width);
    set("feed_forward_length", config.ff_width);
    set("attention.head_count", config.heads);
    set("attention.head_count_kv", config.kv_heads);
    set("attention.key_length", config.head_width);
    set("attention.value_length", config.head_width);
    set("rope.dimension_count", config.head_width);
    set("vocab_size", config.vocabulary);
    writer.set("llama.attention.layer_norm_rms_epsilon", config.rms_epsilon);
    writer.set("llama.rope.freq_base", config.rope_base);
}

/// Some members of the family add biases; Llama 3.1 and later divide the rotary frequencies.
void optional_bias(TensorList& list, std::string_view name, Slot slot, std::int64_t rows) {
    list.bias(name, slot, rows);
    list.make_optional();
}

std::vector<TensorSpec> tensors(const ModelConfig& c) {
    TensorList list(c);
    list.embedding();
    list.vector("rope_freqs", Slot::kRopeFactors, c.rope_width() / 2);
    list.make_optional();
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const LayerShape shape = c.layer(layer);
        list.at_layer(layer);
        list.vector("attn_norm", Slot::kAttentionNorm, c.model_width);
        list.attention();
        optional_bias(list, "attn_q", Slot::kQuery, shape.heads * c.head_width);
        optional_bias(list, "attn_k", Slot::kKey, shape.kv_heads * c.head_width);
        optional_bias(list, "attn_v", Slot::kValue, shape.kv_heads * c.head_width);
        optional_bias(list, "attn_output", Slot::kAttentionOutput, c.model_width);
        list.vector("ffn_norm", Slot::kFfNorm, c.model_width);
        if (shape.experts) {
            list.expert_matrices();
            continue;
        }
        list.dense();
        optional_bias(list, "ffn_gate", Slot::kGate, shape.ff_width);
        optional_bias(list, "ffn_up", Slot::kUp, shape.ff_width);
        optional_bias(list, "ffn_down", Slot::kDown, c.model_width);
    }
    list.output();
    return list.take();
}

constexpr std::string_view kClasses[] = {"LlamaForCausalLM", "MistralForCausalLM",
                                         "MixtralForCausalLM"};
constexpr HfName kKeys[] = {
    {"num_local_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
};
constexpr HfName kTensors[] = {
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"block_sparse_moe.experts.#.w1", "ffn_gate_exps"},
    {"block_sparse_moe.experts.#.w2", "ffn_down_exps"},
    {"block_sparse_moe.experts.#.w3", "ffn_up_exps"},
};
const HfMapping kHf = {.classes = kClasses, .keys = kKeys, .tensors = kTensors};

}  // namespace

extern const ArchSpec kLlamaArch;
const ArchSpec kLlamaArch = {
    .name = "llama",
    .rope_style = kernels::RopeStyle::kInterleaved,
    .read_config = read_config,
    .tensors = tensors,
    .write_config = write_config,
    .hf = &kHf,
};

}  // namespace cairn::engine
