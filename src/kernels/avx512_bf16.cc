// SPDX-License-Identifier: Apache-2.0
// AVX512-BF16: the training product on pairs of bf16 with f32 sums.
#include "bf16_pack.h"
#include "generic_gemm.h"

namespace cairn::kernels::detail {
namespace {

constexpr int kRows = 14;
constexpr int kVectors = 2;

struct MacBf16 {
    static constexpr std::int64_t kDepth = 2;
    static __m512 mac(__m512 sum, __m512 a, __m512 b) {
        return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    }
};

template <std::int64_t kWidth>
void pack(void* panel, const LaneView& v, std::int64_t lanes, std::int64_t depth) {
    auto* out = static_cast<float*>(panel);
    for (std::int64_t lane = 0; lane < kWidth; lane += kLanes) {
        const std::int64_t width = smaller(kLanes, kWidth - lane);
        for (std::int64_t l = 0; l < depth; l += 32) {
            __m512 pairs[16];
            pairs_of_lanes(pairs, step(v, lane, l), smaller(kLanes, lanes - lane), depth - l);
            const std::int64_t count = smaller(16, (depth - l + 1) / 2);
            for (std::int64_t i = 0; i < count; ++i) {
                Avx512::store_first(out + (l / 2 + i) * kWidth + lane, pairs[i], width);
            }
        }
    }
}

void pack_a(void* panel, const View& a, std::int64_t rows, std::int64_t depth) {
    pack<kRows>(panel, {a.data, a.row_stride, a.column_stride}, rows, depth);
}

void pack_b(void* panel, const View& b, std::int64_t columns, std::int64_t depth) {
    pack<kVectors * kLanes>(panel, {b.data, b.column_stride, b.row_stride}, columns, depth);
}

}  // namespace

extern const Bf16Part kAvx512Bf16 = {
    .gemm = {.mr = kRows,
             .nr = kVectors * kLanes,
             .kc = 512,
             .k_step = 2,
             .element_bytes = 2,
             .pack_a = pack_a,
             .pack_b = pack_b,
             .tile = gemm_tile<Avx512, MacBf16, kRows, kVectors>,
             .begin = nullptr,
             .end = nullptr},
    .peak = peak_loop<Avx512, MacBf16, 16>,
};

}  // namespace cairn::kernels::detail
