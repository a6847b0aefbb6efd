// SPDX-License-Identifier: Apache-2.0
// BERT and what is built like it (MiniLM, BGE, E5, RoBERTa, XLM-RoBERTa): learned positions, norm
// after every residual sum, biases everywhere, gelu. Keys and tensor names as in GGUF files.
#include <fmt/format.h>

#include <cmath>

#include "encoder_arch.h"

namespace cairn::engine {
namespace {

Result<EncoderConfig> read_config(const format::GgufFile& file) {
    EncoderConfig config;
    config.architecture = "bert";
    config.layers = CAIRN_TRY(file.get_u32("bert.block_count"));
    config.model_width = CAIRN_TRY(file.get_u32("bert.embedding_length"));
    config.ff_width = CAIRN_TRY(file.get_u32("bert.feed_forward_length"));
    config.heads = CAIRN_TRY(file.get_u32("bert.attention.head_count"));
    config.context = CAIRN_TRY(file.get_u32("bert.context_length"));
    config.norm_epsilon = CAIRN_TRY(file.get_f32("bert.attention.layer_norm_epsilon"));
    if (CAIRN_TRY(file.get_bool_or("bert.attention.causal", false))) {
        return make_error(Code::kUnsupported, "bert.attention.causal: expected false, found true");
    }
    // Makers round the context; the table of positions is what there is.
    if (const auto* positions = file.find_tensor("position_embd.weight")) {
        if (positions->dims.size() == 2) {
            const auto rows = static_cast<std::int64_t>(positions->dims[1]);
            config.context = std::min(config.context, rows);
        }
    }
    const auto* types = file.find_tensor("token_types.weight");
    config.token_types = types == nullptr || types->dims.empty() ? 0
                         : types->dims.size() == 1               ? 1
                                                   : static_cast<std::int64_t>(types->dims[1]);
    return config;
}

std::vector<PartSpec> parts(const EncoderConfig& c) {
    const std::int64_t d = c.model_width;
    std::vector<PartSpec> out;
    out.push_back({"token_embd.weight", Part::kTokens, -1, c.vocabulary, d});
    out.push_back({"position_embd.weight", Part::kPositions, -1, c.context, d});
    if (c.token_types > 0) {
        PartSpec types{"token_types.weight", Part::kTypes, -1, c.token_types, d};
        types.is_vector = c.token_types == 1;
        out.push_back(types);
    }
    add_part(out, {"token_embd_norm.weight", Part::kEmbeddingNorm, -1, 1, d, true});
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const auto add = [&](const char* name, Part part, std::int64_t rows, std::int64_t columns) {
            add_part(out, {fmt::format("blk.{}.{}.weight", layer, name), part, layer, rows, columns,
                           rows == 1});
        };
        add("attn_q", Part::kQuery, d, d);
        add("attn_k", Part::kKey, d, d);
        add("attn_v", Part::kValue, d, d);
        add("attn_output", Part::kAttentionOutput, d, d);
        add("attn_output_norm", Part::kAttentionNorm, 1, d);
        add("ffn_up", Part::kUp, c.ff_width, d);
        add("ffn_down", Part::kDown, d, c.ff_width);
        add("layer_output_norm", Part::kFfNorm, 1, d);
    }
    return out;
}

void run_layer(EncoderContext& context, std::int64_t layer) {
    const EncoderConfig& config = context.config();
    const std::int64_t d = config.model_width;
    float* x = context.x();
    float* query = context.buffer(0, d);
    float* key = context.buffer(1, d);
    float* value = context.buffer(2, d);
    context.linear(layer, Part::kQuery, query, x);
    context.linear(layer, Part::kKey, key, x);
    context.linear(layer, Part::kValue, value, x);
    float* attended = context.buffer(3, d);
    context.attend(attended, query, key, value, 0);
    float* out = context.buffer(4, d);
    context.linear(layer, Part::kAttentionOutput, out, attended);
    context.add_to_x(out);
    context.norm(layer, Part::kAttentionNorm, x, x);

    float* hidden = context.buffer(5, config.ff_width);
    context.linear(layer, Part::kUp, hidden, x);
    context.gelu(hidden, config.ff_width);
    context.linear(layer, Part::kDown, out, hidden);
    context.add_to_x(out);
    context.norm(layer, Part::kFfNorm, x, x);
}

void head_activation(float* values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
        values[i] = std::tanh(values[i]);
}

}  // namespace

extern const EncoderArch kBertArch;
const EncoderArch kBertArch = {"bert", read_config, parts, run_layer, head_activation};

}  // namespace cairn::engine
