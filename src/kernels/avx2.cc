// SPDX-License-Identifier: Apache-2.0
// AVX2 + FMA + F16C: the thin Isa for the generic algorithms; 16 floats are two registers.
#include <immintrin.h>

#include "generic_gemm.h"
#include "generic_matmul.h"

namespace cairn::kernels::detail {
namespace {

struct Avx2 {
    struct V {
        __m256 low, high;
    };
    struct I {
        __m256i low, high;
    };
    static constexpr int kDotRows = 2;
    static constexpr int kDotColumns = 3;
    static constexpr int kQ8Rows = 2;
    static constexpr int kTileQueries = 2;
    static constexpr int kTileKeys = 2;
    static constexpr std::int32_t kSignedBias = 0;
    static constexpr bool kSumsPairs = true;

    static V zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
    static V set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
    static V load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
    static void store(float* p, V v) {
        _mm256_storeu_ps(p, v.low);
        _mm256_storeu_ps(p + 8, v.high);
    }
    static V add(V a, V b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
    static V sub(V a, V b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
    static V mul(V a, V b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
    static V div(V a, V b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
    static V max(V a, V b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
    static V min(V a, V b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
    static V fma(V a, V b, V c) {
        return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
    }
    static float first(V v) { return _mm256_cvtss_f32(v.low); }
    static void prefetch(const float* p) {
        _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
    }

    /// All bits set in the lanes below `count` (which may be negative or above 8).
    static __m256i mask(std::int64_t count) {
        const auto bounded = static_cast<int>(count < 0 ? 0 : count > 8 ? 8 : count);
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(bounded),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static void store_first(float* p, V v, std::int64_t count) {
        if (count == 16) return store(p, v);
        Part{count}.store(p, v);
    }

    struct Whole {
        V load(const float* p) const { return Avx2::load(p); }
        V load_or(const float* p, float) const { return Avx2::load(p); }
        V only(V v) const { return v; }
        void store(float* p, V v) const { Avx2::store(p, v); }
    };
    struct Part {
        std::int64_t count;  // 0..15
        V load(const float* p) const {
            return {_mm256_maskload_ps(p, mask(count)), _mm256_maskload_ps(p + 8, mask(count - 8))};
        }
        V load_or(const float* p, float other) const {
            const V v = load(p);
            const __m256 o = _mm256_set1_ps(other);
            return {_mm256_blendv_ps(o, v.low, _mm256_castsi256_ps(mask(count))),
                    _mm256_blendv_ps(o, v.high, _mm256_castsi256_ps(mask(count - 8)))};
        }
        V only(V v) const {
            return {_mm256_and_ps(v.low, _mm256_castsi256_ps(mask(count))),
                    _mm256_and_ps(v.high, _mm256_castsi256_ps(mask(count - 8)))};
        }
        void store(float* p, V v) const {
            _mm256_maskstore_ps(p, mask(count), v.low);
            _mm256_maskstore_ps(p + 8, mask(count - 8), v.high);
        }
    };

    static __m128 fold(V v) {
        const __m256 eight = _mm256_add_ps(v.low, v.high);
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
    static float top(V v) {
        const __m256 eight = _mm256_max_ps(v.low, v.high);
        __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        four = _mm_max_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
    }

    static __m256 scale_by_power(__m256 p, __m256 shifted) {
        const __m256i magic = _mm256_castps_si256(_mm256_set1_ps(kRoundMagic));
        const __m256i e = _mm256_sub_epi32(_mm256_castps_si256(shifted), magic);
        const __m256i half = _mm256_srai_epi32(e, 1);
        const auto power = [](__m256i n) {
            return _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
        };
        return _mm256_mul_ps(_mm256_mul_ps(p, power(half)), power(_mm256_sub_epi32(e, half)));
    }
    static V scale_by_power(V p, V shifted) {
        return {scale_by_power(p.low, shifted.low), scale_by_power(p.high, shifted.high)};
    }

    static __m256 ordered(__m256 v) {
        return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xD8));
    }
    static void split_pairs(const float* p, V& even, V& odd) {
        const V a = load(p);
        const V b = load(p + 16);
        even = {ordered(_mm256_shuffle_ps(a.low, a.high, 0x88)),
                ordered(_mm256_shuffle_ps(b.low, b.high, 0x88))};
        odd = {ordered(_mm256_shuffle_ps(a.low, a.high, 0xDD)),
               ordered(_mm256_shuffle_ps(b.low, b.high, 0xDD))};
    }
    static V join_half(__m256 even, __m256 odd) {
        const __m256 near = _mm256_unpacklo_ps(even, odd);
        const __m256 far = _mm256_unpackhi_ps(even, odd);
        return {_mm256_permute2f128_ps(near, far, 0x20), _mm256_permute2f128_ps(near, far, 0x31)};
    }
    static void join_pairs(float* p, V even, V odd) {
        store(p, join_half(even.low, odd.low));
        store(p + 16, join_half(even.high, odd.high));
    }

    /// 8 x 8 of one half of the columns, rows[0], rows[stride]...
    static void transpose8(__m256* r) {
        __m256 t[8];
        for (int i = 0; i < 8; i += 2) {
            t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
            t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
        }
        __m256 u[8];
        for (int i = 0; i < 8; i += 4) {
            u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
            u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
            u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
            u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
        }
        for (int i = 0; i < 4; ++i) {
            r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
            r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
        }
    }
    /// 16 x 16 as four quarters.
    static void transpose(V* r) {
        __m256 a[8];
        __m256 b[8];
        __m256 c[8];
        __m256 d[8];
        for (int i = 0; i < 8; ++i) {
            a[i] = r[i].low;
            b[i] = r[i].high;
            c[i] = r[i + 8].low;
            d[i] = r[i + 8].high;
        }
        transpose8(a);
        transpose8(b);
        transpose8(c);
        transpose8(d);
        for (int i = 0; i < 8; ++i) {
            r[i] = {a[i], c[i]};
            r[i + 8] = {b[i], d[i]};
        }
    }

    static V load_f16(const char* p) {
        const auto* half = reinterpret_cast<const __m128i*>(p);
        return {_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
    }
    static __m256 widen_bf16(const __m128i* p) {
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
    }
    static V load_bf16(const char* p) {
        const auto* half = reinterpret_cast<const __m128i*>(p);
        return {widen_bf16(half), widen_bf16(half + 1)};
    }
    static V absolute(V v) {
        const __m256 sign = _mm256_set1_ps(-0.0F);
        return {_mm256_andnot_ps(sign, v.low), _mm256_andnot_ps(sign, v.high)};
    }
    static V to_float(I v) { return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)}; }

    static I set_dwords(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
    static I load_dwords(const std::int32_t* p) {
        return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p)),
                _mm256_load_si256(reinterpret_cast<const __m256i*>(p + 8))};
    }
    static void store_dwords(std::int32_t* p, I v) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(p), v.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(p + 8), v.high);
    }
    static void store_signed(std::int32_t* p, I v) { store_dwords(p, v); }
    static I bits_and(I a, I b) {
        return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
    }
    static I bits_or(I a, I b) {
        return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
    }
    static I shift_right(I v, int bits) {
        return {_mm256_srli_epi32(v.low, bits), _mm256_srli_epi32(v.high, bits)};
    }
    static I shift_left(I v, int bits) {
        return {_mm256_slli_epi32(v.low, bits), _mm256_slli_epi32(v.high, bits)};
    }
    static I shift_signed(I v, int bits) {
        return {_mm256_srai_epi32(v.low, bits), _mm256_srai_epi32(v.high, bits)};
    }
    static I mul_dwords(I v, std::int32_t x) {
        const __m256i factor = _mm256_set1_epi32(x);
        return {_mm256_mullo_epi32(v.low, factor), _mm256_mullo_epi32(v.high, factor)};
    }
    /// Each byte, 0 to 15, becomes the table's.
    static I lookup(const std::int8_t* table, I v) {
        const __m256i values =
            _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
        return {_mm256_shuffle_epi8(values, v.low), _mm256_shuffle_epi8(values, v.high)};
    }
    /// The lower halves of the dwords.
    static V half_to_float(I v) {
        const __m256i mask = _mm256_set1_epi32(0xFFFF);
        const __m256i words = _mm256_permute4x64_epi64(
            _mm256_packus_epi32(_mm256_and_si256(v.low, mask), _mm256_and_si256(v.high, mask)),
            0xD8);
        return {_mm256_cvtph_ps(_mm256_castsi256_si128(words)),
                _mm256_cvtph_ps(_mm256_extracti128_si256(words, 1))};
    }

    /// Signed weights: |w| is unsigned, w's sign moves to x. Two products of 128 * 127 fit 16 bits;
    /// those of unsigned weights are smaller.
    template <bool kSigned>
    static __m256i dot4(__m256i sum, __m256i w, __m256i x) {
        const __m256i pairs = kSigned
                                  ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                                  : _mm256_maddubs_epi16(w, x);
        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    template <bool kSigned>
    static I dot4(I sum, I w, std::int32_t x) {
        const __m256i four = _mm256_set1_epi32(x);
        return {dot4<kSigned>(sum.low, w.low, four), dot4<kSigned>(sum.high, w.high, four)};
    }
    /// Unsigned weights times x, neighbours added to 16 bits.
    static I multiply_pairs(I w, std::int32_t x) {
        const __m256i four = _mm256_set1_epi32(x);
        return {_mm256_maddubs_epi16(w.low, four), _mm256_maddubs_epi16(w.high, four)};
    }
    static I add_pairs(I a, I b) {
        return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
    }
    static I widen_pairs(I sum, I pairs) {
        const __m256i ones = _mm256_set1_epi16(1);
        return {_mm256_add_epi32(sum.low, _mm256_madd_epi16(pairs.low, ones)),
                _mm256_add_epi32(sum.high, _mm256_madd_epi16(pairs.high, ones))};
    }
    /// 8 rows of 16 bytes -> four dwords by row.
    static void transpose4(__m256i* out, const char* const* row, int offset) {
        __m256i r[4];
        for (int i = 0; i < 4; ++i) {
            const auto load = [&](int k) {
                return _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[k] + offset));
            };
            r[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(i)), load(i + 4), 1);
        }
        const __m256i a = _mm256_unpacklo_epi32(r[0], r[1]);
        const __m256i b = _mm256_unpacklo_epi32(r[2], r[3]);
        const __m256i c = _mm256_unpackhi_epi32(r[0], r[1]);
        const __m256i d = _mm256_unpackhi_epi32(r[2], r[3]);
        out[0] = _mm256_unpacklo_epi64(a, b);
        out[1] = _mm256_unpackhi_epi64(a, b);
        out[2] = _mm256_unpacklo_epi64(c, d);
        out[3] = _mm256_unpackhi_epi64(c, d);
    }
    /// 16 rows of 16 bytes -> four vectors of dwords.
    static void load_rows(I* out, const char* const* row, int offset) {
        __m256i low[4];
        __m256i high[4];
        transpose4(low, row, offset);
        transpose4(high, row + 8, offset);
        for (int c = 0; c < 4; ++c)
            out[c] = {low[c], high[c]};
    }

    /// 16 rows of 32 bytes -> eight vectors of dwords.
    static void load_long_rows(I* out, const char* const* row, int offset) {
        __m256 low[8];
        __m256 high[8];
        for (int i = 0; i < 8; ++i) {
            low[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(row[i] + offset));
            high[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(row[i + 8] + offset));
        }
        transpose8(low);
        transpose8(high);
        for (int c = 0; c < 8; ++c)
            out[c] = {_mm256_castps_si256(low[c]), _mm256_castps_si256(high[c])};
    }

    static __m256i round_half_away(__m256 v) {
        const __m256 half =
            _mm256_or_ps(_mm256_and_ps(v, _mm256_set1_ps(-0.0F)), _mm256_set1_ps(0.49999997F));
        const __m256 whole =
            _mm256_round_ps(_mm256_add_ps(v, half), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
        const __m256 bounded = _mm256_min_ps(whole, _mm256_set1_ps(127.0F));
        return _mm256_cvttps_epi32(_mm256_max_ps(bounded, _mm256_set1_ps(-127.0F)));
    }
    static std::int32_t sum16(__m256i a, __m256i b) {
        const __m256i eight = _mm256_add_epi32(a, b);
        __m128i four =
            _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
    }
    /// Rounds 32 values to int8 at q, and sums each half.
    static void quantise32(std::int8_t* q, std::int32_t* sums, V low, V high) {
        const __m256i a = round_half_away(low.low);
        const __m256i b = round_half_away(low.high);
        const __m256i c = round_half_away(high.low);
        const __m256i d = round_half_away(high.high);
        const __m256i bytes =
            _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(q),
                            _mm256_permutevar8x32_epi32(bytes, order));
        sums[0] = sum16(a, b);
        sums[1] = sum16(c, d);
    }

    /// Stops the compiler from merging or dropping what a measurement repeats.
    static void keep(V& v) { __asm__ volatile("" : "+x"(v.low), "+x"(v.high)); }
};

constexpr GemmKernel kGemm = f32_kernel<Avx2, 6, 1>();

constexpr GemmKernel kGemmRounded = f32_kernel<Avx2, 6, 1, true>();

struct MacBytes {
    static constexpr std::int64_t kDepth = 4;
    static Avx2::V mac(Avx2::V sum, Avx2::V a, Avx2::V b) {
        const auto dot = [](__m256 s, __m256 x, __m256 y) {
            return _mm256_castsi256_ps(Avx2::dot4<true>(
                _mm256_castps_si256(s), _mm256_castps_si256(x), _mm256_castps_si256(y)));
        };
        return {dot(sum.low, a.low, b.low), dot(sum.high, a.high, b.high)};
    }
};

}  // namespace

extern const Table kAvx2Table = make_table<Avx2>(
    "avx2", &kGemm, &kGemmRounded, peak_loop<Avx2, MacF32<Avx2>, 6>, peak_loop<Avx2, MacBytes, 4>);

}  // namespace cairn::kernels::detail
