// SPDX-License-Identifier: Apache-2.0
// Mixture of experts. Rows are grouped by expert, so that each matrix is read once for all of its
// rows; what a row gets is added in the order of the experts' numbers, whatever else is in the
// batch.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "blocks.h"

namespace cairn::engine {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

struct Use {
    std::int64_t row = 0;
    float weight = 0;
};

/// The indices of the `count` largest values; of equal ones the first.
std::vector<std::int64_t> top_indices(const std::vector<float>& values, std::int64_t count) {
    std::vector<std::int64_t> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    const auto end = order.begin() + std::min<std::ptrdiff_t>(count, std::ssize(order));
    std::partial_sort(order.begin(), end, order.end(), [&](std::int64_t a, std::int64_t b) {
        const float x = values[static_cast<std::size_t>(a)];
        const float y = values[static_cast<std::size_t>(b)];
        return x != y ? x > y : a < b;
    });
    order.erase(end, order.end());
    return order;
}

/// Experts outside of the best groups can not be chosen.
void limit_to_groups(std::vector<float>& scores, const ExpertConfig& config) {
    if (config.groups <= 1) return;
    const std::int64_t size = config.experts / config.groups;
    const std::ptrdiff_t counted = config.gating == Gating::kSigmoid ? 2 : 1;
    std::vector<float> groups;
    for (std::int64_t group = 0; group < config.groups; ++group) {
        std::vector<float> members(scores.begin() + group * size,
                                   scores.begin() + (group + 1) * size);
        const auto end = members.begin() + std::min<std::ptrdiff_t>(counted, size);
        std::partial_sort(members.begin(), end, members.end(), std::greater<>());
        groups.push_back(std::accumulate(members.begin(), end, 0.0F));
    }
    const std::vector<std::int64_t> best = top_indices(groups, config.groups_used);
    for (std::int64_t group = 0; group < config.groups; ++group) {
        if (std::find(best.begin(), best.end(), group) != best.end()) continue;
        std::fill_n(scores.begin() + group * size, size, kNever);
    }
}

/// Turns the router's logits of one row into the row's uses of experts.
void choose(float* logits, const float* bias, const ExpertConfig& config, std::int64_t row,
            std::vector<std::vector<Use>>& uses) {
    if (config.gating == Gating::kSoftmax) {
        kernels::softmax_rows(nullptr, logits, 1, config.experts, 1.0F);
    } else {
        for (std::int64_t i = 0; i < config.experts; ++i)
            logits[i] = 1.0F / (1.0F + std::exp(-logits[i]));
    }
    std::vector<float> scores(logits, logits + config.experts);
    for (std::size_t i = 0; bias != nullptr && i < scores.size(); ++i)
        scores[i] += bias[i];
    limit_to_groups(scores, config);
    const std::vector<std::int64_t> chosen = top_indices(scores, config.used);
    float sum = 0;
    for (const std::int64_t expert : chosen)
        sum += logits[expert];
    const float scale = config.normalise ? config.scale / (sum + 1e-20F) : config.scale;
    for (const std::int64_t expert : chosen)
        uses[static_cast<std::size_t>(expert)].push_back({row, logits[expert] * scale});
}

/// y = x * W[expert]^T + bias.
void expert_linear(ThreadPool* pool, const Weight& weight, std::int64_t expert, float* y,
                   const float* x, std::int64_t rows) {
    kernels::matmul_nt(pool, y, x, weight.expert(expert), weight.dtype, rows, weight.rows,
                       weight.columns);
    if (weight.bias == nullptr) return;
    const float* bias = weight.bias + expert * weight.rows;
    for (std::int64_t row = 0; row < rows; ++row)
        kernels::add(y + row * weight.rows, y + row * weight.rows, bias, weight.rows);
}

void run_expert(LayerContext& context, std::int64_t layer, std::int64_t expert,
                const std::vector<Use>& uses, float* out, const float* in) {
    const Model& model = context.model();
    const std::int64_t width = context.config().model_width;
    const std::int64_t inner = context.config().experts.ff_width;
    const std::int64_t count = std::ssize(uses);
    float* rows = context.buffer(Buffer::kExpertIn, width);
    float* gate = context.buffer(Buffer::kExpertGate, inner);
    float* up = context.buffer(Buffer::kExpertUp, inner);
    for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(rows + i * width, in + uses[static_cast<std::size_t>(i)].row * width,
                    static_cast<std::size_t>(width) * sizeof(float));
    }
    ThreadPool* pool = context.pool();
    expert_linear(pool, model.weight(layer, Slot::kExpertGate), expert, gate, rows, count);
    expert_linear(pool, model.weight(layer, Slot::kExpertUp), expert, up, rows, count);
    activate(pool, context.config().activation, gate, up, count * inner);
    float* result = context.buffer(Buffer::kExpertOut, width);
    expert_linear(pool, model.weight(layer, Slot::kExpertDown), expert, result, gate, count);
    for (std::int64_t i = 0; i < count; ++i) {
        const Use& use = uses[static_cast<std::size_t>(i)];
        for (std::int64_t c = 0; c < width; ++c)
            out[use.row * width + c] += use.weight * result[i * width + c];
    }
}

void add_shared_expert(LayerContext& context, std::int64_t layer, float* out, const float* in) {
    const std::int64_t inner = context.config().experts.shared_ff_width;
    const std::int64_t width = context.config().model_width;
    float* gate = context.buffer(Buffer::kGate, inner);
    float* up = context.buffer(Buffer::kUp, inner);
    context.linear(layer, Slot::kSharedGate, gate, in);
    context.linear(layer, Slot::kSharedUp, up, in);
    activate(context.pool(), context.config().activation, gate, up, context.rows() * inner);
    float* result = context.buffer(Buffer::kExpertOut, width);
    context.linear(layer, Slot::kSharedDown, result, gate);
    kernels::add(out, out, result, context.rows() * width);
}

}  // namespace

void expert_block(LayerContext& context, std::int64_t layer, float* out, const float* in) {
    const ExpertConfig& config = context.config().experts;
    float* logits = context.buffer(Buffer::kRouter, config.experts);
    context.linear(layer, Slot::kRouter, logits, in);
    const float* bias = context.has(layer, Slot::kRouterBias)
                            ? context.model().weight(layer, Slot::kRouterBias).floats()
                            : nullptr;
    std::vector<std::vector<Use>> uses(static_cast<std::size_t>(config.experts));
    for (std::int64_t row = 0; row < context.rows(); ++row)
        choose(logits + row * config.experts, bias, config, row, uses);
    std::fill_n(out, context.rows() * context.config().model_width, 0.0F);
    for (std::int64_t expert = 0; expert < config.experts; ++expert) {
        const std::vector<Use>& rows = uses[static_cast<std::size_t>(expert)];
        if (!rows.empty()) run_expert(context, layer, expert, rows, out, in);
    }
    if (config.shared_ff_width != 0) add_shared_expert(context, layer, out, in);
}

}  // namespace cairn::engine
