// SPDX-License-Identifier: Apache-2.0
// Lightning attention (MiniMax-01 paper, section 2.2): each head keeps a matrix S that decays with
// every token, S = decay * S + k v^T, and answers q S. Token by token, so that no cut of the prompt
// changes a bit.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "blocks.h"

namespace cairn::engine {
namespace {

// The makers' code leaves this norm at its default, whatever rms_norm_eps says.
constexpr float kMixerEpsilon = 1e-6F;

/// How much of a head's state is left after one token; deeper layers forget less.
float decay(const ModelConfig& config, std::int64_t layer, std::int64_t heads, std::int64_t head) {
    const double slope =
        std::pow(2.0, -8.0 * static_cast<double>(head + 1) / static_cast<double>(heads));
    const double depth =
        1.0 - static_cast<double>(layer) / (static_cast<double>(config.layers - 1) + 1e-5) + 1e-5;
    return static_cast<float>(std::exp(-slope * depth));
}

/// One token of one head: `state` is [width, width], row by key.
void step(float* out, float* state, const float* query, const float* key, const float* value,
          std::int64_t width, float left) {
    std::memset(out, 0, static_cast<std::size_t>(width) * sizeof(float));
    for (std::int64_t i = 0; i < width; ++i) {
        float* row = state + i * width;
        for (std::int64_t j = 0; j < width; ++j) {
            row[j] = left * row[j] + key[i] * value[j];
            out[j] += query[i] * row[j];
        }
    }
}

/// Rows of one sequence up to the next position that may become a snapshot.
std::int64_t segment_end(const LayerContext& context, std::int64_t begin) {
    std::int64_t end = begin + 1;
    while (end < context.rows() && context.row(end).kv == context.row(begin).kv &&
           context.row(end).position % kSnapshotStep != 0) {
        ++end;
    }
    return end;
}

void run_heads(LayerContext& context, std::int64_t layer, float* out, const float* fused,
               std::int64_t begin, std::int64_t end) {
    const std::int64_t heads = context.config().layer(layer).heads;
    const std::int64_t width = context.config().head_width;
    const auto work = [&](std::size_t first, std::size_t last) {
        for (auto head = static_cast<std::int64_t>(first); head < static_cast<std::int64_t>(last);
             ++head) {
            const float left = decay(context.config(), layer, heads, head);
            float* state = context.row(begin).kv->state(layer) + head * width * width;
            for (std::int64_t row = begin; row < end; ++row) {
                const float* query = fused + (row * heads + head) * 3 * width;
                step(out + (row * heads + head) * width, state, query, query + width,
                     query + 2 * width, width, left);
            }
        }
    };
    if (context.pool() == nullptr) return work(0, static_cast<std::size_t>(heads));
    context.pool()->parallel_for(static_cast<std::size_t>(heads), 1, work);
}

}  // namespace

void linear_attention_block(LayerContext& context, std::int64_t layer, float* out,
                            const float* in) {
    const ModelConfig& config = context.config();
    const std::int64_t heads = config.layer(layer).heads;
    const std::int64_t width = config.head_width;
    const std::int64_t inner = heads * width;
    const std::int64_t rows = context.rows();
    // Per head [query | key | value], through SiLU.
    float* fused = context.buffer(Buffer::kFused, 3 * inner);
    context.linear(layer, Slot::kQueryKeyValue, fused, in);
    float* ones = context.buffer(Buffer::kGate, 3 * inner);
    std::fill_n(ones, rows * 3 * inner, 1.0F);
    kernels::silu_mul(context.pool(), fused, fused, ones, rows * 3 * inner);

    float* attended = context.buffer(Buffer::kAttended, inner);
    for (std::int64_t begin = 0; begin < rows;) {
        const std::int64_t end = segment_end(context, begin);
        run_heads(context, layer, attended, fused, begin, end);
        const LayerContext::Row& last = context.row(end - 1);
        last.kv->offer_snapshot(layer, last.position + 1);
        begin = end;
    }
    kernels::rmsnorm(context.pool(), attended, attended,
                     context.model().weight(layer, Slot::kMixerNorm).floats(), rows, inner,
                     kMixerEpsilon);
    float* gate = context.buffer(Buffer::kGate, inner);
    context.linear(layer, Slot::kMixerGate, gate, in);
    for (std::int64_t i = 0; i < rows * inner; ++i)
        attended[i] *= 1.0F / (1.0F + std::exp(-gate[i]));
    context.linear(layer, Slot::kAttentionOutput, out, attended);
}

}  // namespace cairn::engine
