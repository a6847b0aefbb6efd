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

LayerContext::LayerContext(const Model& model, ThreadPool* pool)
    : model_(model), pool_(pool), ropes_(make_rope_tables(model)) {}

void LayerContext::begin(std::int64_t rows) {
    rows_ = rows;
    row_.clear();
    runs_.clear();
    ensure_size(x_, rows * config().model_width);
    const std::int64_t half = config().rope_width() / 2;
    for (Angles* angles : {&global_, &local_}) {
        if (angles == &local_ && ropes_.local.frequencies.empty()) continue;
        ensure_size(angles->cosines, rows * half);
        ensure_size(angles->sines, rows * half);
    }
}

void LayerContext::add_row(KvCache* kv, std::int64_t position, const Adapter* adapter) {
    const auto index = static_cast<std::int64_t>(row_.size());
    const std::int64_t at = index * (config().rope_width() / 2);
    const RopeTable& global = kv->is_long() ? ropes_.global_long : ropes_.global;
    global.angles(global_.cosines.data() + at, global_.sines.data() + at, position);
    if (!ropes_.local.frequencies.empty()) {
        ropes_.local.angles(local_.cosines.data() + at, local_.sines.data() + at, position);
    }
    row_.push_back({kv, position});
    if (runs_.empty() || runs_.back().adapter != adapter) runs_.push_back({adapter, index, index});
    runs_.back().end = index + 1;
}

float* LayerContext::buffer(Buffer which, std::int64_t width) {
    std::vector<float>& memory = buffers_[static_cast<std::size_t>(which)];
    ensure_size(memory, rows_ * width);
    return memory.data();
}

void LayerContext::norm(std::int64_t layer, Slot slot, float* out, const float* in,
                        std::int64_t width) {
    const Weight& weight = model_.weight(layer, slot);
    kernels::rmsnorm(pool_, out, in, weight.floats(), rows_ * (width / weight.columns),
                     weight.columns, config().rms_epsilon);
}

void LayerContext::norm(std::int64_t layer, Slot slot, float* out, const float* in) {
    norm(layer, slot, out, in, config().model_width);
}

void LayerContext::linear(std::int64_t layer, Slot slot, float* y, const float* in) {
    const Weight& weight = model_.weight(layer, slot);
    kernels::matmul_nt(pool_, y, in, weight.data, weight.dtype, rows_, weight.rows, weight.columns);
    for (std::int64_t row = 0; weight.bias != nullptr && row < rows_; ++row)
        kernels::add(y + row * weight.rows, y + row * weight.rows, weight.bias, weight.rows);
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

void LayerContext::rope(Rope which, float* values, std::int64_t heads, std::int64_t head_width) {
    if (which == Rope::kNone) return;
    const Angles& angles = which == Rope::kLocal ? local_ : global_;
    const std::int64_t width = config().rope_width();
    for (std::int64_t row = 0; row < rows_; ++row) {
        kernels::rope(values + row * heads * head_width, angles.cosines.data() + row * (width / 2),
                      angles.sines.data() + row * (width / 2), heads, head_width, width,
                      config().rope_style);
    }
}

void LayerContext::attend(std::int64_t layer, float* out, const float* query, const float* key,
                          const float* value) {
    const LayerShape layer_shape = config().layer(layer);
    const std::int64_t kv_width = layer_shape.kv_heads * config().head_width;
    const auto bytes = static_cast<std::size_t>(kv_width) * sizeof(float);
    for (std::int64_t index = 0; index < rows_; ++index) {
        const Row& place = row(index);
        const std::int64_t at = place.position * kv_width;
        std::memcpy(place.kv->keys(layer) + at, key + index * kv_width, bytes);
        std::memcpy(place.kv->values(layer) + at, value + index * kv_width, bytes);
    }
    kernels::AttentionShape shape;
    shape.heads = layer_shape.heads;
    shape.kv_heads = layer_shape.kv_heads;
    shape.head_width = config().head_width;
    shape.value_width = config().head_width;
    shape.key_stride = kv_width;
    shape.value_stride = kv_width;
    shape.scale = config().attention_scale != 0
                      ? config().attention_scale
                      : 1.0F / std::sqrt(static_cast<float>(config().head_width));
    shape.softcap = config().attention_softcap;
    if (has(layer, Slot::kSinks)) shape.sinks = model_.weight(layer, Slot::kSinks).floats();
    attend_cached(layer, out, query, shape);
}

void LayerContext::attend_cached(std::int64_t layer, float* out, const float* query,
                                 const kernels::AttentionShape& shape) {
    const std::int64_t window = config().layer(layer).window;
    const bool keys_are_values = config().value_row(layer) == 0;
    attention_.clear();
    for (std::int64_t index = 0; index < rows_; ++index) {
        const Row& place = row(index);
        const std::int64_t end = place.position + 1;
        const std::int64_t first = window == 0 ? 0 : std::max<std::int64_t>(0, end - window);
        const float* keys = place.kv->keys(layer);
        const float* values = keys_are_values ? keys : place.kv->values(layer);
        attention_.push_back({query + index * shape.heads * shape.head_width,
                              keys + first * shape.key_stride, values + first * shape.value_stride,
                              out + index * shape.heads * shape.value_width, end - first});
    }
    kernels::attention(pool_, attention_.data(), rows_, shape);
}

void LayerContext::add_to_x(float* values) {
    const std::int64_t count = rows_ * config().model_width;
    if (const float scale = config().residual_scale; scale != 1.0F) {
        for (std::int64_t i = 0; i < count; ++i)
            values[i] *= scale;
    }
    kernels::add(x_.data(), x_.data(), values, count);
}

}  // namespace cairn::engine
