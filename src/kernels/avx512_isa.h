// SPDX-License-Identifier: Apache-2.0
// The thin Isa of AVX-512 for generic.h: 16 floats are one register, tails are masks.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace cairn::kernels::detail {
namespace {

struct Avx512 {
    using V = __m512;

    static V zero() { return _mm512_setzero_ps(); }
    static V set(float x) { return _mm512_set1_ps(x); }
    static V load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
    static V add(V a, V b) { return _mm512_add_ps(a, b); }
    static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
    static V div(V a, V b) { return _mm512_div_ps(a, b); }
    static V max(V a, V b) { return _mm512_max_ps(a, b); }
    static V min(V a, V b) { return _mm512_min_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
    static float first(V v) { return _mm512_cvtss_f32(v); }
    static void prefetch(const float* p) {
        _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
    }

    static __mmask16 mask(std::int64_t count) {
        return static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U);
    }
    static void store_first(float* p, V v, std::int64_t count) {
        _mm512_mask_storeu_ps(p, mask(count), v);
    }

    struct Whole {
        V load(const float* p) const { return Avx512::load(p); }
        V load_or(const float* p, float) const { return Avx512::load(p); }
        V only(V v) const { return v; }
        void store(float* p, V v) const { Avx512::store(p, v); }
    };
    struct Part {
        std::int64_t count;  // 0..15
        V load(const float* p) const { return _mm512_maskz_loadu_ps(mask(count), p); }
        V load_or(const float* p, float other) const {
            return _mm512_mask_loadu_ps(set(other), mask(count), p);
        }
        V only(V v) const { return _mm512_maskz_mov_ps(mask(count), v); }
        void store(float* p, V v) const { _mm512_mask_storeu_ps(p, mask(count), v); }
    };

    /// Lane l + lane l + 8: the first step of every sum.
    static __m128 fold(V v) {
        const __m256 high = _mm512_extractf32x8_ps(v, 1);
        const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), high);
        return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    }
    static float sum(V v) {
        const __m128 four = fold(v);
        const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }
    /// out[0..4) = sums of four vectors, each in the order of `sum`.
    static void sum4(float* out, V v0, V v1, V v2, V v3) {
        const __m128 a = fold(v0);
        const __m128 b = fold(v1);
        const __m128 c = fold(v2);
        const __m128 d = fold(v3);
        const __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
        const __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(out, _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab)));
    }
    static float top(V v) { return _mm512_reduce_max_ps(v); }

    /// p * 2^e, e being the integer that was added to kRoundMagic; in two steps, so that the ends
    /// stay exact.
    static V scale_by_power(V p, V shifted) {
        const __m512i magic = _mm512_castps_si512(set(12582912.0F));
        const __m512i e = _mm512_sub_epi32(_mm512_castps_si512(shifted), magic);
        const __m512i half = _mm512_srai_epi32(e, 1);
        const auto power = [](__m512i n) {
            return _mm512_castsi512_ps(
                _mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
        };
        return mul(mul(p, power(half)), power(_mm512_sub_epi32(e, half)));
    }

    static void split_pairs(const float* p, V& even, V& odd) {
        const __m512i evens =
            _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
        const V low = load(p);
        const V high = load(p + 16);
        even = _mm512_permutex2var_ps(low, evens, high);
        odd = _mm512_permutex2var_ps(low, odds, high);
    }
    static void join_pairs(float* p, V even, V odd) {
        const __m512i low =
            _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        store(p, _mm512_permutex2var_ps(even, low, odd));
        store(p + 16, _mm512_permutex2var_ps(even, high, odd));
    }

    /// 16 x 16: pairs, quads, then 128-bit lanes twice.
    static void transpose(V* r) {
        V t[16];
#pragma GCC unroll 8
        for (int i = 0; i < 16; i += 2) {
            t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
            t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
        }
        V u[16];
#pragma GCC unroll 4
        for (int i = 0; i < 16; i += 4) {
            u[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
            u[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
            u[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
            u[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            const V a = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88);
            const V b = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xDD);
            const V c = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88);
            const V d = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xDD);
            r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
            r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
            r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
            r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
        }
    }

    /// Stops the compiler from merging or dropping what a measurement repeats.
    static void keep(V& v) {
        __asm__ volatile("" : "+v"(v));
    }
};

}  // namespace
}  // namespace cairn::kernels::detail
