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
    const std::int64_t stride =
        shape.kv_stride != 0 ? shape.kv_stride : shape.kv_heads * shape.head_width;
    std::int64_t positions = 0;
    for (std::int64_t r = 0; r < row_count; ++r)
        positions += rows[r].positions;
    const bool small = positions * shape.heads * shape.head_width < kGrainElements;
    const auto work = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t job = begin; job < end; ++job) {
            const AttentionRow& row = rows[job / shape.kv_heads];
            const std::int64_t kv_head = job % shape.kv_heads;
            const std::int64_t query = kv_head * group * shape.head_width;
            const std::int64_t kv = kv_head * shape.head_width;
            table.attention({row.query + query, row.keys + kv, row.values + kv, row.out + query,
                             group, shape.head_width, row.positions, stride, shape.scale});
        }
    };
    for_range(small ? nullptr : pool, row_count * shape.kv_heads, 1, work);
}

}  // namespace cairn::kernels
