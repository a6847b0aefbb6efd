// SPDX-License-Identifier: Apache-2.0
// Attention, dense feed-forward and the usual order of a decoder layer.
#include "blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace cairn::engine {
namespace {

/// Copies columns [begin, begin + width) of rows that are `stride` wide.
void take_columns(float* out, const float* in, std::int64_t rows, std::int64_t stride,
                  std::int64_t begin, std::int64_t width) {
    for (std::int64_t row = 0; row < rows; ++row) {
        std::memcpy(out + row * width, in + row * stride + begin,
                    static_cast<std::size_t>(width) * sizeof(float));
    }
}

/// z / (1 + exp(-z)) * up with z = slope(gate): the kernels' exp over short runs.
template <typename Slope, typename Finish>
void gate_by_exp(float* gate, const float* up, std::int64_t count, const Slope& slope,
                 const Finish& finish) {
    constexpr std::int64_t kRun = 256;
    std::array<float, kRun> power;
    for (std::int64_t begin = 0; begin < count; begin += kRun) {
        const std::int64_t size = std::min(kRun, count - begin);
        for (std::int64_t i = 0; i < size; ++i)
            power[static_cast<std::size_t>(i)] = -slope(gate[begin + i]);
        kernels::exp_array(power.data(), power.data(), size);
        for (std::int64_t i = 0; i < size; ++i) {
            const float share = 1.0F / (1.0F + power[static_cast<std::size_t>(i)]);
            gate[begin + i] = finish(gate[begin + i], share, up[begin + i]);
        }
    }
}

constexpr float kSwigluLimit = 7.0F;
constexpr float kSwigluSlope = 1.702F;

void activate_run(Activation activation, float* gate, float* up, std::int64_t count) {
    switch (activation) {
        case Activation::kGeluTanh:  // tanh(u) = 2 sigmoid(2 u) - 1
            gate_by_exp(
                gate, up, count,
                [](float x) { return 1.5957691216F * (x + 0.044715F * x * x * x); },
                [](float x, float share, float u) { return x * share * u; });
            return;
        case Activation::kGelu:
            for (std::int64_t i = 0; i < count; ++i) {
                gate[i] = 0.5F * gate[i] * (1.0F + std::erf(gate[i] * 0.70710678F)) * up[i];
            }
            return;
        case Activation::kSwigluLimited:
            for (std::int64_t i = 0; i < count; ++i) {
                gate[i] = std::min(gate[i], kSwigluLimit);
                up[i] = std::clamp(up[i], -kSwigluLimit, kSwigluLimit) + 1.0F;
            }
            gate_by_exp(
                gate, up, count, [](float x) { return kSwigluSlope * x; },
                [](float x, float share, float u) { return x * share * u; });
            return;
        case Activation::kSilu:
            kernels::silu_mul(nullptr, gate, gate, up, count);
    }
}

void project(LayerContext& context, std::int64_t layer, const LayerShape& shape, float* query,
             float* key, float* value, const float* in) {
    if (!context.has(layer, Slot::kQueryKeyValue)) {
        context.linear(layer, Slot::kQuery, query, in);
        context.linear(layer, Slot::kKey, key, in);
        context.linear(layer, Slot::kValue, value, in);
        return;
    }
    const std::int64_t width = context.config().head_width;
    const std::int64_t query_width = shape.heads * width;
    const std::int64_t kv_width = shape.kv_heads * width;
    const std::int64_t stride = query_width + 2 * kv_width;
    float* fused = context.buffer(Buffer::kFused, stride);
    context.linear(layer, Slot::kQueryKeyValue, fused, in);
    take_columns(query, fused, context.rows(), stride, 0, query_width);
    take_columns(key, fused, context.rows(), stride, query_width, kv_width);
    take_columns(value, fused, context.rows(), stride, query_width + kv_width, kv_width);
}

}  // namespace

void activate(ThreadPool* pool, Activation activation, float* gate, float* up, std::int64_t count) {
    if (activation == Activation::kSilu || pool == nullptr) {
        if (activation == Activation::kSilu) return kernels::silu_mul(pool, gate, gate, up, count);
        return activate_run(activation, gate, up, count);
    }
    constexpr std::size_t kGrain = 8192;
    pool->parallel_for(static_cast<std::size_t>(count), kGrain,
                       [&](std::size_t begin, std::size_t end) {
                           activate_run(activation, gate + begin, up + begin,
                                        static_cast<std::int64_t>(end - begin));
                       });
}

void attention_block(LayerContext& context, std::int64_t layer, float* out, const float* in) {
    const LayerShape shape = context.config().layer(layer);
    const std::int64_t width = context.config().head_width;
    float* query = context.buffer(Buffer::kQuery, shape.heads * width);
    float* key = context.buffer(Buffer::kKey, shape.kv_heads * width);
    float* value = context.buffer(Buffer::kValue, shape.kv_heads * width);
    project(context, layer, shape, query, key, value, in);
    if (context.has(layer, Slot::kQueryNorm)) {
        context.norm(layer, Slot::kQueryNorm, query, query, shape.heads * width);
        context.norm(layer, Slot::kKeyNorm, key, key, shape.kv_heads * width);
    }
    context.rope(shape.rope, query, shape.heads, width);
    context.rope(shape.rope, key, shape.kv_heads, width);
    float* attended = context.buffer(Buffer::kAttended, shape.heads * width);
    context.attend(layer, attended, query, key, value);
    context.linear(layer, Slot::kAttentionOutput, out, attended);
}

void dense_block(LayerContext& context, std::int64_t layer, float* out, const float* in) {
    const std::int64_t width = context.config().layer(layer).ff_width;
    float* gate = context.buffer(Buffer::kGate, width);
    float* up = context.buffer(Buffer::kUp, width);
    if (context.has(layer, Slot::kGateUp)) {
        float* fused = context.buffer(Buffer::kFused, 2 * width);
        context.linear(layer, Slot::kGateUp, fused, in);
        take_columns(gate, fused, context.rows(), 2 * width, 0, width);
        take_columns(up, fused, context.rows(), 2 * width, width, width);
    } else {
        context.linear(layer, Slot::kGate, gate, in);
        context.linear(layer, Slot::kUp, up, in);
    }
    activate(context.pool(), context.config().activation, gate, up, context.rows() * width);
    context.linear(layer, Slot::kDown, out, gate);
}

void feed_forward_block(LayerContext& context, std::int64_t layer, float* out, const float* in) {
    if (context.config().layer(layer).experts) return expert_block(context, layer, out, in);
    dense_block(context, layer, out, in);
}

void run_decoder_layer(LayerContext& context, std::int64_t layer) {
    const std::int64_t width = context.config().model_width;
    float* normed = context.buffer(Buffer::kNormed, width);
    float* out = context.buffer(Buffer::kOut, width);
    context.norm(layer, Slot::kAttentionNorm, normed, context.x());
    switch (context.config().layer(layer).mixer) {
        case Mixer::kAttention:
            attention_block(context, layer, out, normed);
            break;
        case Mixer::kLatent:
            latent_attention_block(context, layer, out, normed);
            break;
        case Mixer::kLinear:
            linear_attention_block(context, layer, out, normed);
            break;
    }
    if (context.has(layer, Slot::kAttentionPostNorm)) {
        context.norm(layer, Slot::kAttentionPostNorm, out, out);
    }
    context.add_to_x(out);
    context.norm(layer, Slot::kFfNorm, normed, context.x());
    feed_forward_block(context, layer, out, normed);
    if (context.has(layer, Slot::kFfPostNorm)) context.norm(layer, Slot::kFfPostNorm, out, out);
    context.add_to_x(out);
}

}  // namespace cairn::engine
