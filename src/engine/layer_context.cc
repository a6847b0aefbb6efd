// SPDX-License-Identifier: Apache-2.0
// Rows of a ragged batch through the kernels. Every kernel here is batch invariant, and adapters
// are applied to runs of rows by the same kernels, so a row's result never depends on its company.
#include "layer_context.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace cairn::engine {

namespace {
void ensure_size(std::vector<float>& buffer, std::int64_t size) {
    if (buffer.size() < static_cast<std::size_t>(size))
        buffer.resize(static_cast<std::size_t>(size));
}
}  // namespace

void LayerContext::begin(std::int64_t rows) {
    rows_ = rows;
    row_.clear();
    runs_.clear();
    ensure_size(x_, rows * config().model_width);
    ensure_size(cosines_, rows * config().head_width / 2);
    ensure_size(sines_, rows * config().head_width / 2);
}

void LayerContext::add_row(KvCache* kv, std::int64_t position, const Adapter* adapter) {
    const auto index = static_cast<std::int64_t>(row_.size());
    const std::int64_t half = config().head_width / 2;
    kernels::rope_angles(cosines_.data() + index * half, sines_.data() + index * half, position,
                         config().head_width, config().rope_base);
    row_.push_back({kv, position});
    if (runs_.empty() || runs_.back().adapter != adapter) runs_.push_back({adapter, index, index});
    runs_.back().end = index + 1;
}

float* LayerContext::buffer(std::size_t index, std::int64_t width) {
    CAIRN_ASSERT(index < kBufferCount);
    ensure_size(buffers_[index], rows_ * width);
    return buffers_[index].data();
}

void LayerContext::norm(std::int64_t layer, Slot slot, float* out, const float* in) {
    const Weight& weight = model_.weight(layer, slot);
    kernels::rmsnorm(pool_, out, in, weight.floats(), rows_, weight.columns, config().rms_epsilon);
}

void LayerContext::linear(std::int64_t layer, Slot slot, float* y, const float* in) {
    const Weight& weight = model_.weight(layer, slot);
    kernels::matmul_nt(pool_, y, in, weight.data, weight.dtype, rows_, weight.rows, weight.columns);
    for (const AdapterRun& run : runs_) {
        if (run.adapter == nullptr) continue;
        const LoraDelta* delta = run.adapter->delta(layer, slot);
        if (delta == nullptr) continue;
        add_adapter(run, *delta, y + run.begin * weight.rows, in + run.begin * weight.columns);
    }
}

void LayerContext::add_adapter(const AdapterRun& run, const LoraDelta& delta, float* y,
                               const float* in) {
    const std::int64_t count = run.end - run.begin;
    const auto inputs = static_cast<std::int64_t>(delta.a.size()) / delta.rank;
    const auto outputs = static_cast<std::int64_t>(delta.b.size()) / delta.rank;
    ensure_size(lora_down_, count * delta.rank);
    ensure_size(lora_up_, count * outputs);
    kernels::matmul_nt(pool_, lora_down_.data(), in, delta.a.data(), kernels::DType::kF32, count,
                       delta.rank, inputs);
    for (std::int64_t i = 0; i < count * delta.rank; ++i) {
        lora_down_[static_cast<std::size_t>(i)] *= delta.scale;
    }
    kernels::matmul_nt(pool_, lora_up_.data(), lora_down_.data(), delta.b.data(),
                       kernels::DType::kF32, count, outputs, delta.rank);
    kernels::add(y, y, lora_up_.data(), count * outputs);
}

void LayerContext::rope(float* values, std::int64_t heads) {
    const std::int64_t width = config().head_width;
    for (std::int64_t row = 0; row < rows_; ++row) {
        kernels::rope(values + row * heads * width, cosines_.data() + row * width / 2,
                      sines_.data() + row * width / 2, heads, width, width, config().rope_style);
    }
}

void LayerContext::attend(std::int64_t layer, float* out, const float* query, const float* key,
                          const float* value) {
    const std::int64_t kv_width = config().kv_width();
    const std::int64_t query_width = config().query_width();
    attention_.clear();
    for (std::int64_t row = 0; row < rows_; ++row) {
        const Row& place = row_[static_cast<std::size_t>(row)];
        const auto bytes = static_cast<std::size_t>(kv_width) * sizeof(float);
        float* keys = place.kv->keys(layer);
        float* values = place.kv->values(layer);
        std::memcpy(keys + place.position * kv_width, key + row * kv_width, bytes);
        std::memcpy(values + place.position * kv_width, value + row * kv_width, bytes);
        attention_.push_back(
            {query + row * query_width, keys, values, out + row * query_width, place.position + 1});
    }
    kernels::AttentionShape shape;
    shape.heads = config().heads;
    shape.kv_heads = config().kv_heads;
    shape.head_width = config().head_width;
    shape.scale = 1.0F / std::sqrt(static_cast<float>(config().head_width));
    kernels::attention(pool_, attention_.data(), rows_, shape);
}

void LayerContext::silu_mul(float* out, const float* gate, const float* up, std::int64_t width) {
    kernels::silu_mul(pool_, out, gate, up, rows_ * width);
}

void LayerContext::add_to_x(const float* values) {
    kernels::add(x_.data(), x_.data(), values, rows_ * config().model_width);
}

}  // namespace cairn::engine
