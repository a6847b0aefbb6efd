// SPDX-License-Identifier: Apache-2.0
// ModernBERT: rotary positions, norm before each block, no biases, GeGLU, and layers that see a
// window of the text between layers that see all of it.
#include <fmt/format.h>

#include "encoder_arch.h"

namespace cairn::engine {
namespace {

constexpr std::int64_t kGlobalEvery = 3;  // of files that do not say it
// llama.cpp's kinds of pooling.
constexpr std::uint32_t kMean = 1;
constexpr std::uint32_t kCls = 2;

std::string key(std::string_view name) {
    return "modern-bert." + std::string(name);
}

Result<EncoderConfig> read_config(const format::GgufFile& file) {
    EncoderConfig config;
    config.architecture = "modern-bert";
    config.layers = CAIRN_TRY(file.get_u32(key("block_count")));
    config.model_width = CAIRN_TRY(file.get_u32(key("embedding_length")));
    config.ff_width = CAIRN_TRY(file.get_u32(key("feed_forward_length")));
    config.heads = CAIRN_TRY(file.get_u32(key("attention.head_count")));
    config.context = CAIRN_TRY(file.get_u32(key("context_length")));
    config.norm_epsilon = CAIRN_TRY(file.get_f32(key("attention.layer_norm_epsilon")));
    config.rope_base = CAIRN_TRY(file.get_f32_or(key("rope.freq_base"), 160000.0F));
    config.rope_base_local = CAIRN_TRY(file.get_f32_or(key("rope.freq_base_swa"), 10000.0F));
    // The key counts the whole window; half of it lies to each side.
    config.window = CAIRN_TRY(file.get_u32(key("attention.sliding_window"))) / 2;
    const std::int64_t every = CAIRN_TRY(
        file.get_u32_or(key("attention.sliding_window_pattern"), std::uint32_t{kGlobalEvery}));
    if (every == 0) {
        return make_error(Code::kInvalid, key("attention.sliding_window_pattern") +
                                              ": expected 1 or more, found 0");
    }
    for (std::int64_t layer = 0; layer < std::min<std::int64_t>(config.layers, 1024); ++layer)
        config.is_local.push_back(layer % every != 0);
    config.has_final_norm = true;
    const std::string activation = CAIRN_TRY(file.get_string_or(key("hidden_activation"), "gelu"));
    if (activation != "gelu") {
        return make_error(Code::kUnsupported,
                          key("hidden_activation") + ": expected gelu, found " + activation);
    }
    const std::uint32_t head = CAIRN_TRY(file.get_u32_or(key("classifier.pooling_type"), kMean));
    if (head != kMean && head != kCls) {
        return make_error(Code::kUnsupported,
                          fmt::format("{}: expected {} (mean) or {} (first token), found {}",
                                      key("classifier.pooling_type"), kMean, kCls, head));
    }
    // Files that do not say it: as rerankers of this kind are made.
    config.head_pooling = head == kCls ? Pooling::kCls : Pooling::kMean;
    return config;
}

std::vector<PartSpec> parts(const EncoderConfig& c) {
    const std::int64_t d = c.model_width;
    std::vector<PartSpec> out;
    out.push_back({"token_embd.weight", Part::kTokens, -1, c.vocabulary, d});
    add_part(out, {"token_embd_norm.weight", Part::kEmbeddingNorm, -1, 1, d, true});
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const auto add = [&](const char* name, Part part, std::int64_t rows, std::int64_t columns,
                             std::int64_t first_row = 0, std::int64_t total_rows = 0) {
            PartSpec spec{fmt::format("blk.{}.{}.weight", layer, name),
                          part,
                          layer,
                          rows,
                          columns,
                          rows == 1};
            spec.first_row = first_row;
            spec.total_rows = total_rows;
            add_part(out, spec);
        };
        // The first layer reads what token_embd_norm has just normed.
        if (layer > 0) add("attn_norm", Part::kAttentionNorm, 1, d);
        add("attn_qkv", Part::kQuery, d, d, 0, 3 * d);
        add("attn_qkv", Part::kKey, d, d, d, 3 * d);
        add("attn_qkv", Part::kValue, d, d, 2 * d, 3 * d);
        add("attn_output", Part::kAttentionOutput, d, d);
        add("ffn_norm", Part::kFfNorm, 1, d);
        add("ffn_up", Part::kGate, c.ff_width, d, 0, 2 * c.ff_width);
        add("ffn_up", Part::kUp, c.ff_width, d, c.ff_width, 2 * c.ff_width);
        add("ffn_down", Part::kDown, d, c.ff_width);
    }
    add_part(out, {"output_norm.weight", Part::kFinalNorm, -1, 1, d, true});
    return out;
}

void run_layer(EncoderContext& context, std::int64_t layer) {
    const EncoderConfig& config = context.config();
    const std::int64_t d = config.model_width;
    const bool local = config.is_local[static_cast<std::size_t>(layer)];
    const float* in = context.x();
    float* normed = context.buffer(4, d);
    if (context.has(layer, Part::kAttentionNorm)) {
        context.norm(layer, Part::kAttentionNorm, normed, in);
        in = normed;
    }
    float* query = context.buffer(0, d);
    float* key = context.buffer(1, d);
    float* value = context.buffer(2, d);
    context.linear(layer, Part::kQuery, query, in);
    context.linear(layer, Part::kKey, key, in);
    context.linear(layer, Part::kValue, value, in);
    const float base = local ? config.rope_base_local : config.rope_base;
    context.rope(query, base);
    context.rope(key, base);
    float* attended = context.buffer(3, d);
    context.attend(attended, query, key, value, local ? config.window : 0);
    context.linear(layer, Part::kAttentionOutput, normed, attended);
    context.add_to_x(normed);

    context.norm(layer, Part::kFfNorm, normed, context.x());
    float* gate = context.buffer(5, config.ff_width);
    float* up = context.buffer(6, config.ff_width);
    context.linear(layer, Part::kGate, gate, normed);
    context.linear(layer, Part::kUp, up, normed);
    context.gelu_mul(gate, up, config.ff_width);
    context.linear(layer, Part::kDown, normed, gate);
    context.add_to_x(normed);
}

void head_activation(float* values, std::int64_t count) {
    kernels::gelu(nullptr, values, values, count);
}

}  // namespace

extern const EncoderArch kModernBertArch;
const EncoderArch kModernBertArch = {"modern-bert", read_config, parts, run_layer, head_activation};

}  // namespace cairn::engine
