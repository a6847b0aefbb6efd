// SPDX-License-Identifier: Apache-2.0
// Constants of exp for all ISAs: exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, by
// Cody and Waite's split of ln 2 and a polynomial of degree 7. No fused multiply-add is used, so
// that every ISA gives the same bits.
#pragma once

namespace cairn::kernels::detail {

constexpr float kExpLowest = -104.0F;  // below: 0
constexpr float kExpHighest = 89.0F;   // above: infinity
constexpr float kLog2E = 1.44269504F;
constexpr float kRoundMagic =
    12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
constexpr float kLn2High = 0.693359375F;  // 9 bits: n * kLn2High is exact
constexpr float kLn2Low = -2.12194440e-4F;
// Minimax for exp(r) = 1 + r + r^2 * (c2 + c3 r + ... + c7 r^5) on [-ln 2 / 2, ln 2 / 2] (Cephes
// expf, S. Moshier).
constexpr float kExp2 = 5.0000001201e-1F;
constexpr float kExp3 = 1.6666665459e-1F;
constexpr float kExp4 = 4.1665795894e-2F;
constexpr float kExp5 = 8.3334519073e-3F;
constexpr float kExp6 = 1.3981999507e-3F;
constexpr float kExp7 = 1.9875691500e-4F;

}  // namespace cairn::kernels::detail
