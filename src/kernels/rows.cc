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

namespace {

/// Gathers the queries of one kv head that read the same keys and values, and runs them when there
/// are enough or when the next ones read others.
class QueryTile {
  public:
    QueryTile(const AttentionShape& shape, std::int64_t kv_head) : shape_(shape) {
        const std::int64_t values = shape.value_width != 0 ? shape.value_width : shape.head_width;
        key_offset_ = kv_head * shape.head_width;
        value_offset_ = kv_head * values;
        args_ = {
            .queries = queries_,
            .count = 0,
            .keys = nullptr,
            .values = nullptr,
            .head_width = shape.head_width,
            .value_width = values,
            .key_stride =
                shape.key_stride != 0 ? shape.key_stride : shape.kv_heads * shape.head_width,
            .value_stride = shape.value_stride != 0 ? shape.value_stride : shape.kv_heads * values,
            .scale = shape.scale,
            .softcap = shape.softcap};
    }

    void add(const AttentionRow& row, std::int64_t head) {
        const float* keys = row.keys + key_offset_;
        const float* values = row.values + value_offset_;
        if (args_.count == detail::kAttentionQueries || keys != args_.keys ||
            values != args_.values) {
            run();
        }
        args_.keys = keys;
        args_.values = values;
        queries_[args_.count++] = {.query = row.query + head * args_.head_width,
                                   .out = row.out + head * args_.value_width,
                                   .positions = row.positions,
                                   .sink = shape_.sinks == nullptr ? nullptr : shape_.sinks + head};
    }

    void run() {
        if (args_.count > 0) detail::active_table().attention(args_);
        args_.count = 0;
    }

  private:
    const AttentionShape& shape_;
    std::int64_t key_offset_, value_offset_;
    detail::AttentionQuery queries_[detail::kAttentionQueries];
    detail::AttentionArgs args_;
};

}  // namespace

void attention(ThreadPool* pool, const AttentionRow* rows, std::int64_t row_count,
               const AttentionShape& shape) noexcept {
    const std::int64_t group = shape.heads / shape.kv_heads;
    std::int64_t positions = 0;
    for (std::int64_t r = 0; r < row_count; ++r)
        positions += rows[r].positions;
    const bool small = positions * shape.heads * shape.head_width < kGrainElements;
    // A job is a run of rows and a part of the heads of one kv head: as many queries as a tile
    // takes while every thread has enough jobs, fewer heads when there are few rows. No bit of a
    // query depends on how it is cut.
    const std::int64_t threads = detail::pool_size(pool);
    const std::int64_t pairs = row_count * shape.kv_heads;
    const std::int64_t rows_per_job =
        std::clamp(pairs / (4 * threads), std::int64_t{1},
                   std::max(std::int64_t{1}, detail::kAttentionQueries / group));
    const std::int64_t head_parts = std::min(group, detail::ceil_div(threads, pairs));
    const std::int64_t heads_per_job = detail::ceil_div(group, head_parts);
    const std::int64_t row_runs = detail::ceil_div(row_count, rows_per_job);
    const auto work = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t job = begin; job < end; ++job) {
            const std::int64_t kv_head = job / head_parts % shape.kv_heads;
            const std::int64_t first_head = kv_head * group + job % head_parts * heads_per_job;
            const std::int64_t last_head =
                std::min(first_head + heads_per_job, (kv_head + 1) * group);
            const std::int64_t first_row = job / head_parts / shape.kv_heads * rows_per_job;
            const std::int64_t last_row = std::min(first_row + rows_per_job, row_count);
            QueryTile tile(shape, kv_head);
            for (std::int64_t r = first_row; r < last_row; ++r) {
                for (std::int64_t head = first_head; head < last_head; ++head)
                    tile.add(rows[r], head);
            }
            tile.run();
        }
    };
    for_range(small ? nullptr : pool, row_runs * shape.kv_heads * head_parts, 1, work);
}

}  // namespace cairn::kernels
