// SPDX-License-Identifier: Apache-2.0
// AVX-512 (F, BW, DQ, VL, VNNI): generic algorithms over Avx512.
#include "avx512_isa.h"
#include "generic_gemm.h"
#include "generic_matmul.h"

namespace cairn::kernels::detail {
namespace {

/// Avx512 with the parts that only inference products need.
struct Isa512 : Avx512 {
    using I = __m512i;
    static constexpr int kDotRows = 4;
    static constexpr int kDotColumns = 6;
    static constexpr int kQ8Rows = 4;
    static constexpr int kTileQueries = 4;
    static constexpr int kTileKeys = 4;
    static constexpr std::int32_t kSignedBias = 128;
    static constexpr bool kSumsPairs = false;

    static V load_f16(const char* p) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    }
    static V load_bf16(const char* p) {
        const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
    }
    static V absolute(V v) { return _mm512_abs_ps(v); }
    static V to_float(I v) { return _mm512_cvtepi32_ps(v); }

    static I set_dwords(std::int32_t x) { return _mm512_set1_epi32(x); }
    static I load_dwords(const std::int32_t* p) { return _mm512_load_si512(p); }
    static void store_dwords(std::int32_t* p, I v) { _mm512_store_si512(p, v); }
    static I bits_and(I a, I b) { return _mm512_and_si512(a, b); }
    static I bits_or(I a, I b) { return _mm512_or_si512(a, b); }
    static I shift_right(I v, int bits) {
        return _mm512_srli_epi32(v, static_cast<unsigned>(bits));
    }
    static I shift_left(I v, int bits) { return _mm512_slli_epi32(v, static_cast<unsigned>(bits)); }
    static I shift_signed(I v, int bits) {
        return _mm512_srai_epi32(v, static_cast<unsigned>(bits));
    }
    static I mul_dwords(I v, std::int32_t x) { return _mm512_mullo_epi32(v, _mm512_set1_epi32(x)); }
    /// Each byte, 0 to 15, becomes the table's.
    static I lookup(const std::int8_t* table, I v) {
        const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), v);
    }
    /// The lower halves of the dwords.
    static V half_to_float(I v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }

    /// Signed weights are kept as unsigned bytes (value + 128); x carries the correction.
    static void store_signed(std::int32_t* p, I v) {
        store_dwords(p, _mm512_xor_si512(v, _mm512_set1_epi8(static_cast<char>(0x80))));
    }
    template <bool kSigned>
    static I dot4(I sum, I w, std::int32_t x) {
        return _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(x));
    }

    /// 16 rows of 16 bytes -> four vectors of dwords: rows i, i + 4, i + 8, i + 12 side by side,
    /// then four by four.
    static void load_rows(I* out, const char* const* row, int offset) {
        __m512i r[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            const auto load = [&](int k) {
                return _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[k] + offset));
            };
            const __m512i one = _mm512_castsi128_si512(load(i));
            const __m512i two = _mm512_inserti32x4(one, load(i + 4), 1);
            r[i] = _mm512_inserti32x4(_mm512_inserti32x4(two, load(i + 8), 2), load(i + 12), 3);
        }
        const __m512i a = _mm512_unpacklo_epi32(r[0], r[1]);
        const __m512i b = _mm512_unpacklo_epi32(r[2], r[3]);
        const __m512i c = _mm512_unpackhi_epi32(r[0], r[1]);
        const __m512i d = _mm512_unpackhi_epi32(r[2], r[3]);
        out[0] = _mm512_unpacklo_epi64(a, b);
        out[1] = _mm512_unpackhi_epi64(a, b);
        out[2] = _mm512_unpacklo_epi64(c, d);
        out[3] = _mm512_unpackhi_epi64(c, d);
    }

    /// 16 rows of 32 bytes -> eight vectors of dwords.
    static void load_long_rows(I* out, const char* const* row, int offset) {
        __m512i t[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {  // rows i and i + 8 side by side
            const auto load = [&](int r) {
                return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row[r] + offset));
            };
            t[i] = _mm512_inserti64x4(_mm512_castsi256_si512(load(i)), load(i + 8), 1);
        }
        __m512i u[8];
#pragma GCC unroll 4
        for (int i = 0; i < 8; i += 2) {
            u[i] = _mm512_unpacklo_epi32(t[i], t[i + 1]);
            u[i + 1] = _mm512_unpackhi_epi32(t[i], t[i + 1]);
        }
        // v[c + 4 * h]: dwords c and c + 4 of rows 4h..4h+3 (and the same of rows + 8)
        __m512i v[8];
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
            v[4 * h] = _mm512_unpacklo_epi64(u[4 * h], u[4 * h + 2]);
            v[4 * h + 1] = _mm512_unpackhi_epi64(u[4 * h], u[4 * h + 2]);
            v[4 * h + 2] = _mm512_unpacklo_epi64(u[4 * h + 1], u[4 * h + 3]);
            v[4 * h + 3] = _mm512_unpackhi_epi64(u[4 * h + 1], u[4 * h + 3]);
        }
        const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
        const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) {
            out[c] = _mm512_permutex2var_epi64(v[c], low, v[c + 4]);
            out[c + 4] = _mm512_permutex2var_epi64(v[c], high, v[c + 4]);
        }
    }

    /// Rounds 32 values to int8 at q, and sums each half.
    static void quantise32(std::int8_t* q, std::int32_t* sums, V low, V high) {
        const auto round = [](V v) {
            const V sign = _mm512_and_ps(v, set(-0.0F));
            const V half = _mm512_or_ps(sign, set(0.49999997F));
            const V whole =
                _mm512_roundscale_ps(add(v, half), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
            return _mm512_cvttps_epi32(max(min(whole, set(127.0F)), set(-127.0F)));
        };
        const __m512i a = round(low);
        const __m512i b = round(high);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(a));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16), _mm512_cvtepi32_epi8(b));
        sums[0] = _mm512_reduce_add_epi32(a);
        sums[1] = _mm512_reduce_add_epi32(b);
    }
};

constexpr GemmKernel kGemm = f32_kernel<Avx512, 14, 2>();
constexpr GemmKernel kGemmRounded = f32_kernel<Avx512, 14, 2, true>();

struct MacBytes {
    static constexpr std::int64_t kDepth = 4;
    static __m512 mac(__m512 sum, __m512 a, __m512 b) {
        return _mm512_castsi512_ps(_mm512_dpbusd_epi32(
            _mm512_castps_si512(sum), _mm512_castps_si512(a), _mm512_castps_si512(b)));
    }
};

}  // namespace

extern const Table kAvx512Table =
    make_table<Isa512>("avx512", &kGemm, &kGemmRounded, peak_loop<Avx512, MacF32<Avx512>, 16>,
                       peak_loop<Avx512, MacBytes, 16>);

}  // namespace cairn::kernels::detail
