// SPDX-License-Identifier: Apache-2.0
// Norms, softmax, activations, rotary positions and attention: cuts rows over threads and calls the
// table in use.
#include <algorithm>
#include <cmath>

#include "cairn/kernels/kernels.h"
#include "dispatch.h"
#include "scratch.h"

namespace cairn::kernels {
namespace {

using detail::active_table;
using detail::for_range;

constexpr std::int64_t kGrainElements = 16 * 1024;  // of cheap elementwise work per piece

std::int64_t row_grain(std::int64_t columns) {
    return std::max<std::int64_t>(1, kGrainElements / std::max<std::int64_t>(1, columns));
}

}  // namespace

void rmsnorm(ThreadPool* pool, float* out, const float* x, const float* weight, std::int64_t rows,
             std::int64_t columns, float epsilon) noexcept {
    const auto& table = active_table();
    for_range(pool, rows, row_grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            table.rmsnorm(out + r * columns, x + r * columns, weight, columns, epsilon);
        }
    });
}

void layernorm(ThreadPool* pool, float* out, const float* x, const float* weight, const float* bias,
               std::int64_t rows, std::int64_t columns, float epsilon) noexcept {
    const auto& table = active_table();
    for_range(pool, rows, row_grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            table.layernorm(out + r * columns, x + r * columns, weight, bias, columns, epsilon);
        }
    });
}

void softmax_rows(ThreadPool* pool, float* x, std::int64_t rows, std::int64_t columns,
                  float scale) noexcept {
    const auto& table = active_table();
    for_range(pool, rows, row_grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            table.softmax(x + r * columns, columns, scale);
    });
}

float log_sum_exp(const float* x, std::int64_t count) noexcept {
    return active_table().log_sum_exp(x, count);
}

void silu_mul(ThreadPool* pool, float* out, const float* gate, const float* up,
              std::int64_t count) noexcept {
    const auto& table = active_table();
    for_range(pool, count, kGrainElements, [&](std::int64_t begin, std::int64_t end) {
        table.silu_mul(out + begin, gate + begin, up + begin, end - begin);
    });
}

void gelu(ThreadPool* pool, float* out, const float* x, std::int64_t count) noexcept {
    const auto& table = active_table();
    for_range(pool, count, kGrainElements, [&](std::int64_t begin, std::int64_t end) {
        table.gelu_mul(out + begin, x + begin, nullptr, end - begin);
    });
}

void gelu_mul(ThreadPool* pool, float* out, const float* gate, const float* up,
              std::int64_t count) noexcept {
    const auto& table = active_table();
    for_range(pool, count, kGrainElements, [&](std::int64_t begin, std::int64_t end) {
        table.gelu_mul(out + begin, gate + begin, up + begin, end - begin);
    });
}

void add(float* out, const float* a, const float* b, std::int64_t count) noexcept {
    active_table().add(out, a, b, count);
}

void exp_array(float* out, const float* x, std::int64_t count) noexcept {
    active_table().exp(out, x, count);
}

void rope_angles(float* cosines, float* sines, std::int64_t position, std::int64_t rotary_width,
                 double base) noexcept {
    for (std::int64_t i = 0; i < rotary_width / 2; ++i) {
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rotary_width);
        const double angle = static_cast<double>(position) * std::pow(base, exponent);
        cosines[i] = static_cast<float>(std::cos(angle));
        sines[i] = static_cast<float>(std::sin(angle));
    }
}

void rope(float* x, const float* cosines, const float* sines, std::int64_t heads,
          std::int64_t head_width, std::int64_t rotary_width, RopeStyle style) noexcept {
    const auto& table = active_table();
    const auto turn = style == RopeStyle::kInterleaved ? table.rope_interleaved : table.rope_halves;
    for (std::int64_t h = 0; h < heads; ++h)
        turn(x + h * head_width, cosines, sines, rotary_width / 2);
}

void attention(ThreadPool* pool, const AttentionRow* rows, std::int64_t row_count,
               const AttentionShape& shape) noexcept {
    const auto& table = active_table();
    const std::int64_t group = shape.heads / shape.kv_heads;
    const std::int64_t value_width = shape.value_width != 0 ? shape.value_width : shape.head_width;
    const std::int64_t key_stride =
        shape.key_stride != 0 ? shape.key_stride : shape.kv_heads * shape.head_width;
    const std::int64_t value_stride =
        shape.value_stride != 0 ? shape.value_stride : shape.kv_heads * value_width;
    std::int64_t positions = 0;
    for (std::int64_t r = 0; r < row_count; ++r)
        positions += rows[r].positions;
    const bool small = positions * shape.heads * shape.head_width < kGrainElements;
    // Query heads are computed one by one, so cutting a group among threads changes no bit.
    const bool few = row_count * shape.kv_heads < 2 * detail::pool_size(pool);
    const std::int64_t heads_per_job = few ? 1 : group;
    const std::int64_t jobs_per_row = shape.heads / heads_per_job;
    const auto work = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t job = begin; job < end; ++job) {
            const AttentionRow& row = rows[job / jobs_per_row];
            const std::int64_t head = job % jobs_per_row * heads_per_job;
            const std::int64_t kv_head = head / group;
            table.attention({.query = row.query + head * shape.head_width,
                             .keys = row.keys + kv_head * shape.head_width,
                             .values = row.values + kv_head * value_width,
                             .out = row.out + head * value_width,
                             .group = heads_per_job,
                             .head_width = shape.head_width,
                             .value_width = value_width,
                             .positions = row.positions,
                             .key_stride = key_stride,
                             .value_stride = value_stride,
                             .scale = shape.scale,
                             .softcap = shape.softcap,
                             .sinks = shape.sinks == nullptr ? nullptr : shape.sinks + head});
        }
    };
    for_range(small ? nullptr : pool, row_count * jobs_per_row, 1, work);
}

}  // namespace cairn::kernels
