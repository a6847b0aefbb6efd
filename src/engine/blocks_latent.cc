// SPDX-License-Identifier: Apache-2.0
// Multi-head latent attention (DeepSeek-V2 paper, section 2.1) in its absorbed form. The cache
// holds per position one row [compressed keys and values | shared rotary key]; queries are taken
// into that space, and what they attend to is brought back to values afterwards. Prefill and
// decoding compute the same, so their results are the same bytes.
#include <cmath>
#include <cstring>

#include "blocks.h"

namespace cairn::engine {
namespace {

/// For each head: out[row, head, at..] = W[head] * in[row, head, 0..columns).
void per_head(LayerContext& context, const Weight& weight, std::int64_t heads, float* out,
              std::int64_t out_width, const float* in, std::int64_t in_width) {
    const std::int64_t rows = context.rows();
    float* x = context.buffer(Buffer::kExpertIn, weight.columns);
    float* y = context.buffer(Buffer::kExpertOut, weight.rows);
    for (std::int64_t head = 0; head < heads; ++head) {
        for (std::int64_t row = 0; row < rows; ++row) {
            std::memcpy(x + row * weight.columns, in + (row * heads + head) * in_width,
                        static_cast<std::size_t>(weight.columns) * sizeof(float));
        }
        kernels::matmul_nt(context.pool(), y, x, weight.expert(head), weight.dtype, rows,
                           weight.rows, weight.columns);
        for (std::int64_t row = 0; row < rows; ++row) {
            std::memcpy(out + (row * heads + head) * out_width, y + row * weight.rows,
                        static_cast<std::size_t>(weight.rows) * sizeof(float));
        }
    }
}

/// Queries [rows, heads, plain | rotary], turned.
float* make_queries(LayerContext& context, std::int64_t layer, const LayerShape& shape,
                    const float* in) {
    const LatentConfig& latent = context.config().latent;
    const std::int64_t width = latent.plain_width + latent.rotary_width;
    float* query = context.buffer(Buffer::kQuery, shape.heads * width);
    if (latent.query_rank != 0) {
        float* compressed = context.buffer(Buffer::kCompressed, latent.query_rank);
        context.linear(layer, Slot::kQueryDown, compressed, in);
        context.norm(layer, Slot::kQueryDownNorm, compressed, compressed, latent.query_rank);
        in = compressed;
    }
    context.linear(layer, Slot::kQuery, query, in);
    context.rope(shape.rope, query + latent.plain_width, shape.heads, width);
    return query;
}

/// Stores [normed compressed row | turned rotary key] of each row in its cache.
void store_rows(LayerContext& context, std::int64_t layer, const LayerShape& shape,
                const float* in) {
    const LatentConfig& latent = context.config().latent;
    const std::int64_t width = latent.kv_rank + latent.rotary_width;
    float* rows = context.buffer(Buffer::kKey, width);
    context.linear(layer, Slot::kKeyValueDown, rows, in);
    context.rope(shape.rope, rows + latent.kv_rank, 1, width);
    const float* norm = context.model().weight(layer, Slot::kKeyValueDownNorm).floats();
    for (std::int64_t index = 0; index < context.rows(); ++index) {
        float* row = rows + index * width;
        kernels::rmsnorm(nullptr, row, row, norm, 1, latent.kv_rank, context.config().rms_epsilon);
        const LayerContext::Row& place = context.row(index);
        std::memcpy(place.kv->keys(layer) + place.position * width, row,
                    static_cast<std::size_t>(width) * sizeof(float));
    }
}

}  // namespace

void latent_attention_block(LayerContext& context, std::int64_t layer, float* out,
                            const float* in) {
    const ModelConfig& config = context.config();
    const LatentConfig& latent = config.latent;
    const LayerShape layer_shape = config.layer(layer);
    const std::int64_t heads = layer_shape.heads;
    const std::int64_t width = latent.plain_width + latent.rotary_width;
    const std::int64_t cached = latent.kv_rank + latent.rotary_width;
    const float* query = make_queries(context, layer, layer_shape, in);
    store_rows(context, layer, layer_shape, in);

    float* absorbed = context.buffer(Buffer::kFused, heads * cached);
    per_head(context, context.model().weight(layer, Slot::kKeyUp), heads, absorbed, cached, query,
             width);
    for (std::int64_t index = 0; index < context.rows() * heads; ++index) {
        std::memcpy(absorbed + index * cached + latent.kv_rank,
                    query + index * width + latent.plain_width,
                    static_cast<std::size_t>(latent.rotary_width) * sizeof(float));
    }
    kernels::AttentionShape shape = {.heads = heads, .kv_heads = 1, .head_width = cached};
    shape.value_width = latent.kv_rank;
    shape.key_stride = cached;
    shape.value_stride = cached;
    shape.scale = config.attention_scale != 0 ? config.attention_scale
                                              : 1.0F / std::sqrt(static_cast<float>(width));
    float* attended = context.buffer(Buffer::kAttended, heads * latent.kv_rank);
    context.attend_cached(layer, attended, absorbed, shape);
    float* values = context.buffer(Buffer::kValue, heads * latent.value_width);
    per_head(context, context.model().weight(layer, Slot::kValueUp), heads, values,
             latent.value_width, attended, latent.kv_rank);
    context.linear(layer, Slot::kAttentionOutput, out, values);
}

}  // namespace cairn::engine
