// SPDX-License-Identifier: Apache-2.0
// Inference products over the thin Isa. Float weights: each output is one dot product with 16
// partial sums, whatever the tile around it, so a row of x gives the same bits in any batch.
// Quantised weights: 16 rows of w are expanded into lanes (generic_blocks.h), so that the integer
// dot of a block is exact and the blocks are added in order, as in the reference.
#pragma once

#include "generic_attention.h"
#include "generic_blocks.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kRowBlock =
    128;  // rows of x that stay in the second-level cache with one tile of w

/// How a weight type is widened to f32.
template <typename S>
struct FromF32 {
    static constexpr std::int64_t kBytes = 4;
    static typename S::V load(const char* p) { return S::load(reinterpret_cast<const float*>(p)); }
    static typename S::V part(const char* p, std::int64_t count) {
        return typename S::Part{count}.load(reinterpret_cast<const float*>(p));
    }
};

template <typename S>
struct FromF16 {
    static constexpr std::int64_t kBytes = 2;
    static typename S::V load(const char* p) { return S::load_f16(p); }
    static typename S::V part(const char* p, std::int64_t count) {
        alignas(32) char words[32] = {};
        __builtin_memcpy(words, p, static_cast<std::size_t>(count) * 2);
        return S::load_f16(words);
    }
};

template <typename S>
struct FromBf16 {
    static constexpr std::int64_t kBytes = 2;
    static typename S::V load(const char* p) { return S::load_bf16(p); }
    static typename S::V part(const char* p, std::int64_t count) {
        alignas(32) char words[32] = {};
        __builtin_memcpy(words, p, static_cast<std::size_t>(count) * 2);
        return S::load_bf16(words);
    }
};

/// y[kRows, kColumns] of x rows and w rows.
template <typename S, typename From, int kRows, int kColumns>
inline void dot_tile(float* y, std::int64_t ldy, const float* x, const char* w, std::int64_t k) {
    typename S::V sum[kRows][kColumns];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j)
            sum[i][j] = S::zero();
    }
    const std::int64_t row_bytes = k * From::kBytes;
    std::int64_t l = 0;
    for (; l + kLanes <= k; l += kLanes) {
        typename S::V rows[kRows];
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i)
            rows[i] = S::load(x + i * k + l);
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j) {
            const auto column = From::load(w + j * row_bytes + l * From::kBytes);
#pragma GCC unroll 8
            for (int i = 0; i < kRows; ++i)
                sum[i][j] = S::fma(rows[i], column, sum[i][j]);
        }
    }
    if (l < k) {
        const typename S::Part part{k - l};
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j) {
            const auto column = From::part(w + j * row_bytes + l * From::kBytes, k - l);
#pragma GCC unroll 8
            for (int i = 0; i < kRows; ++i) {
                sum[i][j] = S::fma(part.load(x + i * k + l), column, sum[i][j]);
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
        int j = 0;
#pragma GCC unroll 2
        for (; j + 4 <= kColumns; j += 4) {
            S::sum4(y + i * ldy + j, sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]);
        }
#pragma GCC unroll 4
        for (; j < kColumns; ++j)
            y[i * ldy + j] = S::sum(sum[i][j]);
    }
}

template <typename S, typename From, int kRows, int kColumns>
inline void dot_columns(const MatmulArgs& a, std::int64_t row, std::int64_t n_begin,
                        std::int64_t n_end) {
    const auto* w = static_cast<const char*>(a.w);
    const std::int64_t row_bytes = a.k * From::kBytes;
    for (std::int64_t j = n_begin; j + kColumns <= n_end; j += kColumns) {
        dot_tile<S, From, kRows, kColumns>(a.y + row * a.n + j, a.n, a.x + row * a.k,
                                           w + j * row_bytes, a.k);
    }
}

/// Rows [row, row_end) x columns [j, j + kColumns): tiles of kRows, then what is left.
template <typename S, typename From, int kRows, int kColumns>
inline void dot_rows(const MatmulArgs& a, std::int64_t row, std::int64_t row_end, std::int64_t j) {
    for (; row + kRows <= row_end; row += kRows) {
        dot_columns<S, From, kRows, kColumns>(a, row, j, j + kColumns);
    }
    if constexpr (kRows > 1) {
        if (row < row_end) dot_rows<S, From, kRows / 2, kColumns>(a, row, row_end, j);
    }
}

template <typename S, typename From>
void matmul_floats(const MatmulArgs& a, std::int64_t n_begin, std::int64_t n_end) {
    for (std::int64_t row = 0; row < a.m; row += kRowBlock) {
        const std::int64_t row_end = smaller(row + kRowBlock, a.m);
        std::int64_t j = n_begin;
        if (row_end - row == 1) {  // decoding: wider in w, to keep many reads in flight
            dot_columns<S, From, 1, 8>(a, row, j, n_end);
            j += (n_end - j) / 8 * 8;
        }
        for (; j + S::kDotColumns <= n_end; j += S::kDotColumns) {
            dot_rows<S, From, S::kDotRows, S::kDotColumns>(a, row, row_end, j);
        }
        for (; j < n_end; ++j)
            dot_rows<S, From, S::kDotRows, 1>(a, row, row_end, j);
    }
}

// ---- quantised types ----

/// Expands blocks [block, block + blocks) of `lanes` (<= 16) rows; the other lanes repeat the last
/// row.
template <typename S, typename Type>
inline void fill_group(Group& group, const char* w, std::int64_t row_bytes, std::int64_t lanes,
                       std::int64_t blocks) {
    for (std::int64_t b = 0; b < blocks; b += Type::kBlocks) {
        const char* rows[kLanes];
        for (std::int64_t i = 0; i < kLanes; ++i) {
            rows[i] = w + smaller(i, lanes - 1) * row_bytes + b / Type::kBlocks * Type::kBytes;
            for (int line = 0; line < Type::kBytes; line += 64)  // of the next group
                S::prefetch(reinterpret_cast<const float*>(rows[i] + kLanes * row_bytes + line));
        }
        Type::template fill<S>(group, rows, b);
    }
}

/// Quarters of 4 weights whose sums of pairs fit 16 bits; 0: the ISA sums to 32 bits at once.
template <typename S, typename Type>
constexpr int narrow_quarters() {
    if constexpr (S::kSumsPairs && !Type::kSigned) return 32767 / (2 * 127 * Type::kHigh);
    return 0;
}

/// As dot_part, with sums of 16 bits for as long as they hold: one widening for several products.
template <typename S, typename Type, int kRows>
inline void dot_part_narrow(typename S::I* dot, const Group& group, std::int64_t b, int part,
                            const std::int8_t* const* q) {
    constexpr int kQuarters = Type::kHalves ? 4 : 8;
    constexpr int kRun = narrow_quarters<S, Type>();
    typename S::I pairs[kRows];
#pragma GCC unroll 8
    for (int g = 0; g < kQuarters; ++g) {
        const int quarter = part * kQuarters + g;
        const auto w = S::load_dwords(group.values + (b * 8 + quarter) * kLanes);
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
            std::int32_t four;
            __builtin_memcpy(&four, q[i] + quarter * 4, 4);
            const auto product = S::multiply_pairs(w, four);
            pairs[i] = g % kRun == 0 ? product : S::add_pairs(pairs[i], product);
            if (g % kRun == kRun - 1 || g == kQuarters - 1)
                dot[i] = S::widen_pairs(dot[i], pairs[i]);
        }
    }
}

/// Integer products of one part of a block with kRows rows of x.
template <typename S, typename Type, int kRows>
inline void dot_part(typename S::I* dot, const Group& group, std::int64_t b, int part,
                     const std::int8_t* const* q) {
    if constexpr (narrow_quarters<S, Type>() > 0)
        return dot_part_narrow<S, Type, kRows>(dot, group, b, part, q);
    constexpr int kQuarters = Type::kHalves ? 4 : 8;
#pragma GCC unroll 8
    for (int g = part * kQuarters; g < (part + 1) * kQuarters; ++g) {
        const auto w = S::load_dwords(group.values + (b * 8 + g) * kLanes);
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
            std::int32_t four;
            __builtin_memcpy(&four, q[i] + g * 4, 4);
            dot[i] = S::template dot4<Type::kSigned>(dot[i], w, four);
        }
    }
}

/// Adds blocks [block, block + blocks) to kRows x 16 outputs. `block` 0: they start from zero, else
/// from y. The order of operations is that of reference.cc: add_block.
template <typename S, typename Type, int kRows>
inline void block_tile(const Group& group, const MatmulArgs& a, std::int64_t row, std::int64_t j,
                       std::int64_t lanes, std::int64_t block, std::int64_t blocks) {
    constexpr int kParts = Type::kHalves ? 2 : 1;
    const std::int64_t row_blocks = a.k / 32;
    typename S::V sum[kRows];
    const typename S::Part part{lanes};
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
        float* y = a.y + (row + i) * a.n + j;
        sum[i] = block == 0 ? S::zero() : lanes == kLanes ? S::load(y) : part.load(y);
    }
    for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int8_t* q[kRows];
        std::int64_t index[kRows];
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
            index[i] = (row + i) * row_blocks + block + b;
            q[i] = a.quantised.q + index[i] * 32;
        }
#pragma GCC unroll 2
        for (int p = 0; p < kParts; ++p) {
            typename S::I dot[kRows];
#pragma GCC unroll 8
            for (int i = 0; i < kRows; ++i)
                dot[i] = S::set_dwords(a.quantised.starts[index[i] * kParts + p]);
            dot_part<S, Type, kRows>(dot, group, b, p, q);
            const auto scales = S::load(group.scales + (b * kParts + p) * kLanes);
#pragma GCC unroll 8
            for (int i = 0; i < kRows; ++i) {
                const auto scale = S::mul(scales, S::set(a.quantised.scales[index[i]]));
                sum[i] = S::add(sum[i], S::mul(S::to_float(dot[i]), scale));
            }
        }
        if constexpr (Type::kMinimum) {
#pragma GCC unroll 2
            for (int p = 0; p < kParts; ++p) {
                const auto minima = S::load(group.minima + (b * kParts + p) * kLanes);
#pragma GCC unroll 8
                for (int i = 0; i < kRows; ++i) {
                    const float x_sum = a.quantised.sums[index[i] * kParts + p];
                    sum[i] = S::add(sum[i], S::mul(minima, S::set(x_sum)));
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
        float* y = a.y + (row + i) * a.n + j;
        if (lanes == kLanes) {
            S::store(y, sum[i]);
        } else {
            part.store(y, sum[i]);
        }
    }
}

/// 16 rows of w are expanded once and used for all rows of x.
template <typename S, typename Type>
void matmul_blocks(const MatmulArgs& a, std::int64_t n_begin, std::int64_t n_end) {
    const std::int64_t row_bytes = a.k / 32 / Type::kBlocks * Type::kBytes;
    const auto* w = static_cast<const char*>(a.w);
    Group group;
    for (std::int64_t j = n_begin; j < n_end; j += kLanes) {
        const std::int64_t lanes = smaller(kLanes, n_end - j);
        for (std::int64_t block = 0; block < a.k / 32; block += kBlocksAtOnce) {
            const std::int64_t blocks = smaller(kBlocksAtOnce, a.k / 32 - block);
            const char* first = w + j * row_bytes + block / Type::kBlocks * Type::kBytes;
            fill_group<S, Type>(group, first, row_bytes, lanes, blocks);
            std::int64_t row = 0;
            for (; row + S::kQ8Rows <= a.m; row += S::kQ8Rows) {
                block_tile<S, Type, S::kQ8Rows>(group, a, row, j, lanes, block, blocks);
            }
            for (; row < a.m; ++row)
                block_tile<S, Type, 1>(group, a, row, j, lanes, block, blocks);
        }
    }
}

template <typename S, typename Type>
constexpr std::int32_t bias_of() {
    return Type::kSigned ? S::kSignedBias : Type::kBias;
}

/// Rows of x -> int8 blocks; round half away from zero by adding the largest float below one half,
/// with x's sign.
template <typename S>
void quantise_row_x(const float* x, std::int8_t* q, float* scales, std::int32_t* sums,
                    std::int64_t k) {
    for (std::int64_t b = 0; b < k / 32; ++b, x += 32, q += 32, sums += 2) {
        const auto low = S::load(x);
        const auto high = S::load(x + kLanes);
        // Order of the operands: a NaN in x is passed over, as in the reference.
        auto amax = S::max(S::absolute(low), S::zero());
        amax = S::max(S::absolute(high), amax);
        scales[b] = S::top(amax) / 127.0F;
        const float inverse = scales[b] != 0 ? 1.0F / scales[b] : 0.0F;
        S::quantise32(q, sums, S::mul(low, S::set(inverse)), S::mul(high, S::set(inverse)));
    }
}

/// The whole table of one Isa.
template <typename S>
constexpr Table make_table(const char* name, const GemmKernel* gemm_f32,
                           const GemmKernel* gemm_bf16, PeakLoop peak_f32, PeakLoop peak_int8) {
    return {.name = name,
            .matmul = {matmul_floats<S, FromF32<S>>, matmul_floats<S, FromF16<S>>,
                       matmul_floats<S, FromBf16<S>>, matmul_blocks<S, Q4_0>,
                       matmul_blocks<S, Q4_1>, matmul_blocks<S, Q5_0>, matmul_blocks<S, Q5_1>,
                       matmul_blocks<S, Q8_0>, matmul_blocks<S, Q2K>, matmul_blocks<S, Q3K>,
                       matmul_blocks<S, Q4K>, matmul_blocks<S, Q5K>, matmul_blocks<S, Q6K>,
                       matmul_blocks<S, Iq4Nl>, matmul_blocks<S, Iq4Xs>, matmul_blocks<S, Mxfp4>},
            .bias = {0, 0, 0, bias_of<S, Q4_0>(), bias_of<S, Q4_1>(), bias_of<S, Q5_0>(),
                     bias_of<S, Q5_1>(), bias_of<S, Q8_0>(), bias_of<S, Q2K>(), bias_of<S, Q3K>(),
                     bias_of<S, Q4K>(), bias_of<S, Q5K>(), bias_of<S, Q6K>(), bias_of<S, Iq4Nl>(),
                     bias_of<S, Iq4Xs>(), bias_of<S, Mxfp4>()},
            .gemm_f32 = gemm_f32,
            .gemm_bf16 = gemm_bf16,
            .quantise_x = quantise_row_x<S>,
            .rmsnorm = rmsnorm_row<S>,
            .layernorm = layernorm_row<S>,
            .softmax = softmax_row<S>,
            .log_sum_exp = log_sum_exp_row<S>,
            .silu_mul = silu_mul_rows<S>,
            .gelu_mul = gelu_mul_rows<S>,
            .add = add_rows<S>,
            .exp = exp_rows<S>,
            .rope_interleaved = rope_interleaved_row<S>,
            .rope_halves = rope_halves_row<S>,
            .attention = attention_rows<S>,
            .peak_f32 = peak_f32,
            .peak_bf16 = peak_f32,
            .peak_int8 = peak_int8,
            .read_sum = read_all<S>};
}

}  // namespace
}  // namespace cairn::kernels::detail
