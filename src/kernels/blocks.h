// SPDX-License-Identifier: Apache-2.0
// The definition of every quantised type: 32 weights are 32 small integers, and for each half of
// them a scale and a minimum. Included only by files of baseline flags.
#pragma once

#include <cstdint>

#include "cairn/kernels/kernels.h"

namespace cairn::kernels::detail {

/// Weight i is scale[i / 16] * q[i] + minimum[i / 16], without the sum where the type has no
/// minimum.
struct Block32 {
    std::int8_t q[32];
    float scale[2];
    float minimum[2];
};

/// Weights [32 * index, 32 * index + 32) of a row of a quantised type.
void unpack_block(DType dtype, const std::uint8_t* row, std::int64_t index, Block32& out);

/// How a quantised type's blocks are multiplied.
struct BlockKind {
    bool has_minimum;
    bool has_halves;  ///< the two halves of a block of 32 have scales of their own
};
/// nullptr for F32, F16 and BF16.
const BlockKind* block_kind(DType dtype);

/// The 16 values of IQ4_NL and IQ4_XS, and those of MXFP4.
inline constexpr std::int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
inline constexpr std::int8_t kMxfp4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                 0, -1, -2, -3, -4, -6, -8, -12};

/// Half of 2^(exponent - 127): MXFP4's values are doubled to be integers.
float mxfp4_scale(std::uint8_t exponent);

/// Scale (and minimum) of sub-block `index` of Q4_K and Q5_K out of their 12 packed bytes.
struct SixBitPair {
    std::uint8_t scale, minimum;
};
SixBitPair read_six_bits(const std::uint8_t* packed, int index);
/// Scale of the 16 weights `index` of Q3_K, 0 to 63, out of its 12 packed bytes.
std::uint8_t read_q3_scale(const std::uint8_t* packed, int index);

/// Rows of the types other than F32, F16, BF16 and Q8_0; `importance` (a weight >= 0 per column)
/// may be null.
void quantise_blocks(DType dtype, const float* in, const float* importance, std::uint8_t* row,
                     std::int64_t columns);

}  // namespace cairn::kernels::detail
