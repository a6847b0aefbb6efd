// SPDX-License-Identifier: Apache-2.0
// Scalar conversions of the baseline code: f16, bf16 and the Q8 block. Included only by files of
// baseline flags.
#pragma once

#include <cstdint>

namespace cairn::kernels::detail {

float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);
float bf16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float value);
/// 32 values -> 32 int8; returns the scale d = amax / 127.
float quantise_block(const float* x, std::int8_t* q);

}  // namespace cairn::kernels::detail
