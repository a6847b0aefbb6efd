// SPDX-License-Identifier: Apache-2.0
// Packing and register tiles of the training products, over the same thin Isa as generic.h. An
// element of a panel is four bytes: one f32, or a pair of bf16 that are neighbours in depth.
#pragma once

#include "generic.h"

namespace cairn::kernels::detail {
namespace {

/// Multiply-add of f32 elements.
template <typename S>
struct MacF32 {
    static constexpr std::int64_t kDepth = 1;
    static typename S::V mac(typename S::V sum, typename S::V a, typename S::V b) {
        return S::fma(a, b, sum);
    }
};

/// Copies `lanes` (<= kWidth) rows or columns into panel[depth][kWidth], zero-filled. `lane_stride`
/// steps from lane to lane, `depth_stride` along the depth; one of them is 1.
template <typename S, std::int64_t kWidth>
inline void pack_panel(float* panel, const float* from, std::int64_t lane_stride,
                       std::int64_t depth_stride, std::int64_t lanes, std::int64_t depth) {
    for (std::int64_t lane = 0; lane < kWidth; lane += kLanes) {
        const std::int64_t width = smaller(kWidth - lane, kLanes);
        const std::int64_t filled = lanes - lane < 0 ? 0 : smaller(lanes - lane, width);
        if (lane_stride == 1) {
            for (std::int64_t l = 0; l < depth; ++l) {
                const float* source = from + lane + l * depth_stride;
                const auto v =
                    filled == kLanes ? S::load(source) : typename S::Part{filled}.load(source);
                S::store_first(panel + l * kWidth + lane, v, width);
            }
            continue;
        }
        for (std::int64_t l = 0; l < depth; l += kLanes) {
            typename S::V rows[kLanes];
            const std::int64_t count = smaller(depth - l, kLanes);
            for (std::int64_t i = 0; i < kLanes; ++i) {
                const float* source = from + (lane + i) * lane_stride + l;
                rows[i] = i >= filled       ? S::zero()
                          : count == kLanes ? S::load(source)
                                            : typename S::Part{count}.load(source);
            }
            S::transpose(rows);
            for (std::int64_t i = 0; i < count; ++i) {
                S::store_first(panel + (l + i) * kWidth + lane, rows[i], width);
            }
        }
    }
}

/// f32 -> bf16 -> f32, nearest even: bf16 without instructions for it.
inline void round_panel(float* panel, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        std::uint32_t bits;
        __builtin_memcpy(&bits, panel + i, 4);
        const std::uint32_t nearest = bits + 0x7FFFU + ((bits >> 16) & 1U);
        const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
        bits = (nan ? bits | 0x400000U : nearest) & 0xFFFF0000U;
        __builtin_memcpy(panel + i, &bits, 4);
    }
}

template <typename S, int kRows, bool kRound>
void pack_a_f32(void* panel, const View& a, std::int64_t rows, std::int64_t depth) {
    auto* out = static_cast<float*>(panel);
    pack_panel<S, kRows>(out, a.data, a.row_stride, a.column_stride, rows, depth);
    if (kRound) round_panel(out, kRows * depth);
}

template <typename S, int kVectors, bool kRound>
void pack_b_f32(void* panel, const View& b, std::int64_t columns, std::int64_t depth) {
    constexpr std::int64_t kWidth = kVectors * kLanes;
    auto* out = static_cast<float*>(panel);
    pack_panel<S, kWidth>(out, b.data, b.column_stride, b.row_stride, columns, depth);
    if (kRound) round_panel(out, kWidth * depth);
}

/// c = alpha * sum + beta * c for the columns that exist.
template <typename S>
inline void update(float* c, typename S::V sum, float alpha, float beta, std::int64_t columns) {
    const auto scaled = S::mul(sum, S::set(alpha));
    if (columns >= kLanes) {
        S::store(c, beta == 0 ? scaled : S::fma(S::set(beta), S::load(c), scaled));
    } else if (columns > 0) {
        const typename S::Part part{columns};
        part.store(c, beta == 0 ? scaled : S::fma(S::set(beta), part.load(c), scaled));
    }
}

/// kRows x kVectors vectors of c in registers; depth outermost, each element summed in order of
/// depth.
template <typename S, typename Mac, int kRows, int kVectors>
void gemm_tile(const void* panel_a, const void* panel_b, std::int64_t depth, float alpha,
               float beta, float* c, std::int64_t ldc, std::int64_t rows, std::int64_t columns) {
    const auto* a = static_cast<const float*>(panel_a);
    const auto* b = static_cast<const float*>(panel_b);
    typename S::V sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j)
            sum[i][j] = S::zero();
        S::prefetch(c + i * ldc);
    }
    for (std::int64_t l = 0; l < depth / Mac::kDepth; ++l) {
        typename S::V column[kVectors];
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j)
            column[j] = S::load(b + j * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
            const auto row = S::set(a[i]);
#pragma GCC unroll 4
            for (int j = 0; j < kVectors; ++j)
                sum[i][j] = Mac::mac(sum[i][j], row, column[j]);
        }
        a += kRows;
        b += kVectors * kLanes;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
        if (i >= rows) continue;
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
            update<S>(c + i * ldc + j * kLanes, sum[i][j], alpha, beta, columns - j * kLanes);
        }
    }
}

constexpr std::int64_t kDepthBlock = 256;  // the same on every ISA: it decides the order of sums

template <typename S, int kRows, int kVectors, bool kRound = false>
constexpr GemmKernel f32_kernel() {
    return {.mr = kRows,
            .nr = kVectors * kLanes,
            .kc = kDepthBlock,
            .k_step = 1,
            .element_bytes = 4,
            .pack_a = pack_a_f32<S, kRows, kRound>,
            .pack_b = pack_b_f32<S, kVectors, kRound>,
            .tile = gemm_tile<S, MacF32<S>, kRows, kVectors>,
            .begin = nullptr,
            .end = nullptr};
}

}  // namespace
}  // namespace cairn::kernels::detail
