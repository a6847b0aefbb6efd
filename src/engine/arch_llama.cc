// SPDX-License-Identifier: Apache-2.0
// Llama: RMSNorm before attention and feed-forward, grouped-query attention with interleaved RoPE,
// SwiGLU. Also what Mistral, SmolLM2 and TinyLlama files use.
#include <fmt/format.h>

#include <cmath>

#include "arch.h"

namespace cairn::engine {
namespace {

constexpr std::string_view kPrefix = "llama.";

std::string key(std::string_view name) {
    return std::string(kPrefix) + std::string(name);
}

/// Variants of Llama that this graph would compute wrongly are refused by name.
Status refuse_variants(const format::GgufFile& file, std::int64_t head_width) {
    if (CAIRN_TRY(file.get_u32_or(key("expert_count"), 0)) != 0) {
        return make_error(Code::kUnsupported,
                          "llama with experts (llama.expert_count) is not known");
    }
    const std::string scaling = CAIRN_TRY(file.get_string_or(key("rope.scaling.type"), "none"));
    if (scaling != "none") {
        return make_error(
            Code::kUnsupported,
            fmt::format("llama.rope.scaling.type '{}' is not known, only 'none'", scaling));
    }
    for (const char* name : {"attention.value_length", "rope.dimension_count"}) {
        const std::uint32_t width =
            CAIRN_TRY(file.get_u32_or(key(name), static_cast<std::uint32_t>(head_width)));
        if (width != head_width) {
            return make_error(Code::kUnsupported,
                              fmt::format("llama.{}: expected the head width {}, found {}", name,
                                          head_width, width));
        }
    }
    return {};
}

Result<ModelConfig> read_config(const format::GgufFile& file) {
    ModelConfig config;
    config.architecture = "llama";
    config.layers = CAIRN_TRY(file.get_u32(key("block_count")));
    config.model_width = CAIRN_TRY(file.get_u32(key("embedding_length")));
    config.ff_width = CAIRN_TRY(file.get_u32(key("feed_forward_length")));
    config.context = CAIRN_TRY(file.get_u32(key("context_length")));
    const std::uint32_t heads = CAIRN_TRY(file.get_u32(key("attention.head_count")));
    config.heads = heads;
    config.kv_heads = CAIRN_TRY(file.get_u32_or(key("attention.head_count_kv"), heads));
    const std::uint32_t default_width =
        heads == 0 ? 0 : static_cast<std::uint32_t>(config.model_width) / heads;
    config.head_width = CAIRN_TRY(file.get_u32_or(key("attention.key_length"), default_width));
    config.rms_epsilon = CAIRN_TRY(file.get_f32(key("attention.layer_norm_rms_epsilon")));
    config.rope_base = CAIRN_TRY(file.get_f32_or(key("rope.freq_base"), 10000.0F));
    config.tied_head = file.find_tensor("output.weight") == nullptr;
    CAIRN_TRY(refuse_variants(file, config.head_width));
    return config;
}

void write_config(format::GgufWriter& writer, const ModelConfig& config) {
    const auto set = [&](std::string_view name, std::int64_t value) {
        writer.set(key(name), static_cast<std::uint32_t>(value));
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
    writer.set(key("attention.layer_norm_rms_epsilon"), config.rms_epsilon);
    writer.set(key("rope.freq_base"), config.rope_base);
}

std::vector<TensorSpec> tensors(const ModelConfig& c) {
    std::vector<TensorSpec> specs;
    specs.push_back(
        {"token_embd.weight", Slot::kEmbedding, -1, c.vocabulary, c.model_width, false});
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const auto matrix = [&](const char* name, Slot slot, std::int64_t rows,
                                std::int64_t columns) {
            specs.push_back(
                {fmt::format("blk.{}.{}.weight", layer, name), slot, layer, rows, columns, false});
        };
        const auto vector = [&](const char* name, Slot slot) {
            specs.push_back({fmt::format("blk.{}.{}.weight", layer, name), slot, layer, 1,
                             c.model_width, true});
        };
        vector("attn_norm", Slot::kAttentionNorm);
        matrix("attn_q", Slot::kQuery, c.query_width(), c.model_width);
        matrix("attn_k", Slot::kKey, c.kv_width(), c.model_width);
        matrix("attn_v", Slot::kValue, c.kv_width(), c.model_width);
        matrix("attn_output", Slot::kAttentionOutput, c.model_width, c.query_width());
        vector("ffn_norm", Slot::kFfNorm);
        matrix("ffn_gate", Slot::kGate, c.ff_width, c.model_width);
        matrix("ffn_up", Slot::kUp, c.ff_width, c.model_width);
        matrix("ffn_down", Slot::kDown, c.model_width, c.ff_width);
    }
    specs.push_back({"output_norm.weight", Slot::kOutputNorm, -1, 1, c.model_width, true});
    if (!c.tied_head) {
        specs.push_back({"output.weight", Slot::kHead, -1, c.vocabulary, c.model_width, false});
    }
    return specs;
}

void run_layer(LayerContext& context, std::int64_t layer) {
    const ModelConfig& config = context.config();
    float* x = context.x();

    float* normed = context.buffer(0, config.model_width);
    context.norm(layer, Slot::kAttentionNorm, normed, x);
    float* query = context.buffer(1, config.query_width());
    float* key = context.buffer(2, config.kv_width());
    float* value = context.buffer(3, config.kv_width());
    context.linear(layer, Slot::kQuery, query, normed);
    context.linear(layer, Slot::kKey, key, normed);
    context.linear(layer, Slot::kValue, value, normed);
    context.rope(query, config.heads);
    context.rope(key, config.kv_heads);
    float* attended = context.buffer(4, config.query_width());
    context.attend(layer, attended, query, key, value);
    context.linear(layer, Slot::kAttentionOutput, normed, attended);
    context.add_to_x(normed);

    context.norm(layer, Slot::kFfNorm, normed, x);
    float* gate = context.buffer(5, config.ff_width);
    float* up = context.buffer(6, config.ff_width);
    context.linear(layer, Slot::kGate, gate, normed);
    context.linear(layer, Slot::kUp, up, normed);
    context.silu_mul(gate, gate, up, config.ff_width);
    context.linear(layer, Slot::kDown, normed, gate);
    context.add_to_x(normed);
}

}  // namespace

extern const ArchSpec kLlamaArch;
const ArchSpec kLlamaArch = {
    "llama", kernels::RopeStyle::kInterleaved, read_config, write_config, tensors, run_layer};

}  // namespace cairn::engine
