// SPDX-License-Identifier: Apache-2.0
// Constants of gelu for all ISAs: erfc(z) / 2 = t * (c1 + c2 t + ... + c5 t^4) * exp(-z^2), with
// t = 1 / (1 + p z), z = |x| / sqrt(2) (Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7).
// The 1 / sqrt(2) and the half are taken into p and c. No fused multiply-add, as in exp.
#pragma once

namespace cairn::kernels::detail {

constexpr float kGeluP = 0.231641888F;  // 0.3275911 / sqrt(2)
constexpr float kGelu1 = 0.127414796F;
constexpr float kGelu2 = -0.142248368F;
constexpr float kGelu3 = 0.710706871F;
constexpr float kGelu4 = -0.7265760135F;
constexpr float kGelu5 = 0.5307027145F;

}  // namespace cairn::kernels::detail
