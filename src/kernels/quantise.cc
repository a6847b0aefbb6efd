// SPDX-License-Identifier: Apache-2.0
// f32 rows to quantised blocks. For every block the scale (and minimum) with the smallest weighted
// squared error is searched: start from several guesses, round, solve the least squares for the
// rounded integers, repeat. Types of 256 weights then round their scales to a few bits and choose
// among the neighbours by the error that they leave.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "blocks.h"
#include "convert.h"

namespace cairn::kernels::detail {
namespace {

constexpr int kGuesses = 9;            // on each side of the plain guess
constexpr float kGuessStep = 0.0125F;  // 9 steps: up to 11 % of the largest value
constexpr int kRefinements = 4;
constexpr float kTiny = 1e-15F;  // below half of the smallest fp16 scale there is nothing to keep

/// NaN becomes `low`: what comes in must not make a conversion undefined.
int round_within(float v, int low, int high) {
    const auto bottom = static_cast<float>(low);
    const auto top = static_cast<float>(high);
    const float bounded = v > bottom ? (v < top ? v : top) : bottom;
    return static_cast<int>(std::nearbyint(bounded));
}

float through_half(float v) {
    return half_to_float(float_to_half(v));
}

/// The next fp16 that is not smaller in magnitude: small scales are subnormal and lose so many bits
/// that, rounded down, the largest factor would not reach the largest part.
float half_above(float v) {
    const std::uint16_t bits = float_to_half(v);
    const bool reaches = std::fabs(half_to_float(bits)) >= std::fabs(v);
    return reaches ? half_to_float(bits) : half_to_float(static_cast<std::uint16_t>(bits + 1));
}

void put_half(std::uint8_t* p, float v) {
    const std::uint16_t bits = float_to_half(v);
    std::memcpy(p, &bits, sizeof bits);
}

/// Integers from low to high; the code of a value is value - low.
struct IntegerLevels {
    int low, high;
    int nearest(float v) const { return round_within(v, low, high) - low; }
    float value(int code) const { return static_cast<float>(code + low); }
    std::array<float, 2> ends() const {
        return {static_cast<float>(low), static_cast<float>(high)};
    }
};

/// The 16 ascending values of IQ4_NL.
struct Iq4Levels {
    int nearest(float v) const {
        int code = 0;
        for (int i = 0; i < 15; ++i) {
            const float middle = 0.5F * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
            code += v > middle ? 1 : 0;
        }
        return code;
    }
    float value(int code) const { return static_cast<float>(kIq4Values[code]); }
    std::array<float, 2> ends() const { return {value(0), value(15)}; }
};

struct Mxfp4Levels {
    int nearest(float v) const {
        const float magnitude = std::fabs(v);
        int code = 0;
        for (int i = 0; i < 7; ++i) {
            const float middle = 0.5F * static_cast<float>(kMxfp4Values[i] + kMxfp4Values[i + 1]);
            code += magnitude > middle ? 1 : 0;
        }
        return v < 0 ? code + 8 : code;
    }
    float value(int code) const { return static_cast<float>(kMxfp4Values[code]); }
};

using Values = std::span<const float>;

template <typename Levels>
float error_of(const Levels& levels, Values x, Values weight, float scale) {
    const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
    float error = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const float difference = x[i] - scale * levels.value(levels.nearest(x[i] * inverse));
        error += weight[i] * difference * difference;
    }
    return error;
}

/// The scale with the least weighted error of x ~ scale * level.
template <typename Levels>
float fit_scale(const Levels& levels, Values x, Values weight) {
    float top = 0;  // the largest value with its sign
    for (const float v : x)
        top = std::fabs(v) > std::fabs(top) ? v : top;
    if (!(std::fabs(top) > kTiny)) return 0;
    float best = 0;
    float best_gain = -1;  // squared error saved over all zeros
    const auto consider = [&](float inverse) {
        float cross = 0;
        float power = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float level = levels.value(levels.nearest(x[i] * inverse));
            cross += weight[i] * x[i] * level;
            power += weight[i] * level * level;
        }
        if (!(power > 0) || !(cross * cross > best_gain * power)) return false;
        best_gain = cross * cross / power;
        best = cross / power;
        return true;
    };
    for (const float end : levels.ends()) {
        for (int i = -kGuesses; i <= kGuesses; ++i)
            consider(end * (1.0F + kGuessStep * static_cast<float>(i)) / top);
    }
    for (int i = 0; i < kRefinements && best != 0 && consider(1.0F / best);)
        ++i;
    return best;
}

struct Affine {
    float scale = 0;
    float minimum = 0;
};

float affine_error(Values x, Values weight, const Affine& fit, int high) {
    const float inverse = fit.scale > 0 ? 1.0F / fit.scale : 0.0F;
    float error = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto q = static_cast<float>(round_within((x[i] - fit.minimum) * inverse, 0, high));
        const float difference = x[i] - (fit.scale * q + fit.minimum);
        error += weight[i] * difference * difference;
    }
    return error;
}

/// Least squares of scale and minimum for integers rounded by `guess`; `below_zero`: the minimum
/// may not be positive.
Affine solve(Values x, Values weight, const Affine& guess, int high, bool below_zero) {
    const float inverse = guess.scale > 0 ? 1.0F / guess.scale : 0.0F;
    float w_sum = 0;
    float x_sum = 0;
    float q_sum = 0;
    float qq_sum = 0;
    float xq_sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto q = static_cast<float>(round_within((x[i] - guess.minimum) * inverse, 0, high));
        w_sum += weight[i];
        x_sum += weight[i] * x[i];
        q_sum += weight[i] * q;
        qq_sum += weight[i] * q * q;
        xq_sum += weight[i] * x[i] * q;
    }
    const float determinant = w_sum * qq_sum - q_sum * q_sum;
    if (!(determinant > 0)) return guess;
    Affine fit = {(w_sum * xq_sum - x_sum * q_sum) / determinant,
                  (qq_sum * x_sum - q_sum * xq_sum) / determinant};
    if (below_zero && fit.minimum > 0) fit = {xq_sum / qq_sum, 0};
    return fit.scale > 0 ? fit : guess;
}

/// The scale and minimum with the least weighted error of x ~ scale * q + minimum, q in 0..high.
Affine fit_affine(Values x, Values weight, int high, bool below_zero) {
    float low = below_zero ? 0 : x[0];
    float top = x[0];
    for (const float v : x) {
        low = v < low ? v : low;
        top = v > top ? v : top;
    }
    const float range = top - low;
    if (!(range > kTiny)) return {0, below_zero ? std::min(low, 0.0F) : low};
    Affine best;
    float best_error = INFINITY;
    const auto consider = [&](const Affine& fit) {
        const float error = affine_error(x, weight, fit, high);
        if (!(error < best_error)) return false;
        best_error = error;
        best = fit;
        return true;
    };
    for (int i = -kGuesses; i <= kGuesses; ++i) {
        const float steps = static_cast<float>(high) + 0.1F * static_cast<float>(i);
        const Affine guess = {range / steps, low};
        consider(guess);
        consider(solve(x, weight, guess, high, below_zero));
    }
    for (int i = 0; i < kRefinements && consider(solve(x, weight, best, high, below_zero));)
        ++i;
    return best;
}

// ---- 256 weights with quantised scales ----

constexpr int kSuper = 256;
using Codes = std::array<std::uint8_t, kSuper>;

/// Integer scale of each part, and one scale of all.
struct ScaledParts {
    float scale = 0;
    std::array<int, 16> factor{};
};

/// Parts of `size` weights: x ~ scale * factor * level, factor in low..-low-1.
template <typename Levels>
ScaledParts fit_parts(const Levels& levels, Values x, Values weight, int size, int low,
                      Codes& codes) {
    std::array<float, 16> scales{};
    const int parts = kSuper / size;
    float top = 0;
    const auto part_of = [&](Values v, int p) {
        return v.subspan(static_cast<std::size_t>(p * size), static_cast<std::size_t>(size));
    };
    for (int p = 0; p < parts; ++p) {
        float& scale = scales[static_cast<std::size_t>(p)];
        scale = fit_scale(levels, part_of(x, p), part_of(weight, p));
        top = std::fabs(scale) > std::fabs(top) ? scale : top;
    }
    ScaledParts fit;
    fit.scale = half_above(top / static_cast<float>(low));
    const float inverse = fit.scale != 0 ? 1.0F / fit.scale : 0.0F;
    for (int p = 0; p < parts; ++p) {
        const int middle =
            round_within(scales[static_cast<std::size_t>(p)] * inverse, low, -low - 1);
        float best_error = INFINITY;
        int& best = fit.factor[static_cast<std::size_t>(p)];
        for (int f = std::max(middle - 1, low); f <= std::min(middle + 1, -low - 1); ++f) {
            const float error = error_of(levels, part_of(x, p), part_of(weight, p),
                                         fit.scale * static_cast<float>(f));
            if (error < best_error) {
                best_error = error;
                best = f;
            }
        }
        const float scale = fit.scale * static_cast<float>(best);
        const float inverse_scale = scale != 0 ? 1.0F / scale : 0.0F;
        for (int i = p * size; i < (p + 1) * size; ++i) {
            codes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(
                levels.nearest(x[static_cast<std::size_t>(i)] * inverse_scale));
        }
    }
    return fit;
}

struct AffineParts {
    float scale = 0;
    float minimum = 0;
    std::array<int, 16> factor{};
    std::array<int, 16> minimum_factor{};
};

/// Among the neighbours of the rounded factors, those that leave the least error.
void choose_factors(Values x, Values weight, int high, int factor_high, const Affine& wanted,
                    const AffineParts& fit, int& factor, int& minimum_factor) {
    const auto near = [&](float v, float unit) {
        return round_within(unit > 0 ? v / unit : 0.0F, 0, factor_high);
    };
    const int f_middle = near(wanted.scale, fit.scale);
    const int m_middle = near(-wanted.minimum, fit.minimum);
    float best_error = INFINITY;
    for (int f = std::max(f_middle - 1, 0); f <= std::min(f_middle + 1, factor_high); ++f) {
        for (int m = std::max(m_middle - 1, 0); m <= std::min(m_middle + 1, factor_high); ++m) {
            const Affine tried = {fit.scale * static_cast<float>(f),
                                  -(fit.minimum * static_cast<float>(m))};
            const float error = affine_error(x, weight, tried, high);
            if (error < best_error) {
                best_error = error;
                factor = f;
                minimum_factor = m;
            }
        }
    }
}

/// Parts of `size` weights: x ~ scale * factor * q - minimum * minimum_factor, q in 0..high.
AffineParts fit_affine_parts(Values x, Values weight, int size, int high, int factor_high,
                             Codes& codes) {
    std::array<Affine, 16> wanted{};
    const int parts = kSuper / size;
    AffineParts fit;
    const auto part_of = [&](Values v, int p) {
        return v.subspan(static_cast<std::size_t>(p * size), static_cast<std::size_t>(size));
    };
    for (int p = 0; p < parts; ++p) {
        Affine& part = wanted[static_cast<std::size_t>(p)];
        part = fit_affine(part_of(x, p), part_of(weight, p), high, true);
        fit.scale = std::max(fit.scale, part.scale);
        fit.minimum = std::max(fit.minimum, -part.minimum);
    }
    fit.scale = half_above(fit.scale / static_cast<float>(factor_high));
    fit.minimum = half_above(fit.minimum / static_cast<float>(factor_high));
    for (int p = 0; p < parts; ++p) {
        int& factor = fit.factor[static_cast<std::size_t>(p)];
        int& minimum_factor = fit.minimum_factor[static_cast<std::size_t>(p)];
        choose_factors(part_of(x, p), part_of(weight, p), high, factor_high,
                       wanted[static_cast<std::size_t>(p)], fit, factor, minimum_factor);
        const float scale = fit.scale * static_cast<float>(factor);
        const float minimum = fit.minimum * static_cast<float>(minimum_factor);
        const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
        for (int i = p * size; i < (p + 1) * size; ++i) {
            codes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(
                round_within((x[static_cast<std::size_t>(i)] + minimum) * inverse, 0, high));
        }
    }
    return fit;
}

// ---- one function a type: fit, then pack as blocks.cc reads ----

/// 32 codes as nibbles, the low half first; returns their fifth bits.
std::uint32_t put_nibbles(std::uint8_t* p, const std::uint8_t* codes) {
    std::uint32_t fifth = 0;
    for (int i = 0; i < 16; ++i)
        p[i] = static_cast<std::uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
    for (int i = 0; i < 32; ++i)
        fifth |= static_cast<std::uint32_t>(codes[i] >> 4 & 1) << i;
    return fifth;
}

/// Q4_0, Q5_0, IQ4_NL: a scale, (fifth bits,) nibbles.
template <typename Levels>
void put_scaled(const Levels& levels, bool has_fifth, Values x, Values weight, std::uint8_t* p) {
    const float scale = through_half(fit_scale(levels, x, weight));
    const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
    std::uint8_t codes[32];
    for (std::size_t i = 0; i < 32; ++i)
        codes[i] = static_cast<std::uint8_t>(levels.nearest(x[i] * inverse));
    put_half(p, scale);
    const std::uint32_t fifth = put_nibbles(p + (has_fifth ? 6 : 2), codes);
    if (has_fifth) std::memcpy(p + 2, &fifth, sizeof fifth);
}

/// Q4_1, Q5_1: scale, minimum, (fifth bits,) nibbles.
void put_affine(int high, Values x, Values weight, std::uint8_t* p) {
    Affine fit = fit_affine(x, weight, high, false);
    fit = {through_half(fit.scale), through_half(fit.minimum)};
    const float inverse = fit.scale > 0 ? 1.0F / fit.scale : 0.0F;
    std::uint8_t codes[32];
    for (std::size_t i = 0; i < 32; ++i) {
        codes[i] = static_cast<std::uint8_t>(round_within((x[i] - fit.minimum) * inverse, 0, high));
    }
    put_half(p, fit.scale);
    put_half(p + 2, fit.minimum);
    const std::uint32_t fifth = put_nibbles(p + (high > 15 ? 8 : 4), codes);
    if (high > 15) std::memcpy(p + 4, &fifth, sizeof fifth);
}

void put_mxfp4(Values x, Values weight, std::uint8_t* p) {
    const Mxfp4Levels levels;
    float top = 0;
    for (const float v : x)
        top = std::fabs(v) > top ? std::fabs(v) : top;
    // 6 = 1.5 * 2^2 is the largest value; tried with the exponents beside it.
    const int middle = top > 0 && std::isfinite(top) ? std::ilogb(top) - 2 + 127 : 0;
    int best = 0;
    float best_error = INFINITY;
    for (int e = std::clamp(middle - 1, 0, 254); e <= std::clamp(middle + 1, 0, 254); ++e) {
        const float error = error_of(levels, x, weight, mxfp4_scale(static_cast<std::uint8_t>(e)));
        if (error < best_error) {
            best_error = error;
            best = e;
        }
    }
    p[0] = static_cast<std::uint8_t>(best);
    const float inverse = 1.0F / mxfp4_scale(p[0]);
    std::uint8_t codes[32];
    for (std::size_t i = 0; i < 32; ++i)
        codes[i] = static_cast<std::uint8_t>(levels.nearest(x[i] * inverse));
    put_nibbles(p + 1, codes);
}

void put_q2_k(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    const AffineParts fit = fit_affine_parts(x, weight, 16, 3, 15, codes);
    for (std::size_t i = 0; i < 16; ++i)
        p[i] = static_cast<std::uint8_t>(fit.factor[i] | fit.minimum_factor[i] << 4);
    for (std::size_t i = 0; i < kSuper; ++i)
        p[16 + i / 128 * 32 + i % 32] |= static_cast<std::uint8_t>(codes[i] << (i / 32 % 4 * 2));
    put_half(p + 80, fit.scale);
    put_half(p + 82, fit.minimum);
}

void put_q3_k(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    const ScaledParts fit = fit_parts(IntegerLevels{-4, 3}, x, weight, 16, -32, codes);
    for (std::size_t i = 0; i < kSuper; ++i) {
        p[i % 32] |= static_cast<std::uint8_t>((codes[i] >> 2) << (i / 32));
        p[32 + i / 128 * 32 + i % 32] |=
            static_cast<std::uint8_t>((codes[i] & 3) << (i / 32 % 4 * 2));
    }
    for (std::size_t i = 0; i < 16; ++i) {
        const int factor = fit.factor[i] + 32;
        p[96 + i % 8] |= static_cast<std::uint8_t>((factor & 15) << (i / 8 * 4));
        p[104 + i % 4] |= static_cast<std::uint8_t>((factor >> 4) << (i / 4 * 2));
    }
    put_half(p + 108, fit.scale);
}

/// Q4_K, Q5_K.
void put_six_bits(const AffineParts& fit, std::uint8_t* p) {
    put_half(p, fit.scale);
    put_half(p + 2, fit.minimum);
    std::uint8_t* packed = p + 4;
    for (std::size_t i = 0; i < 8; ++i) {
        const int scale = fit.factor[i];
        const int minimum = fit.minimum_factor[i];
        if (i < 4) {
            packed[i] |= static_cast<std::uint8_t>(scale);
            packed[i + 4] |= static_cast<std::uint8_t>(minimum);
        } else {
            packed[i + 4] |= static_cast<std::uint8_t>((scale & 15) | (minimum & 15) << 4);
            packed[i - 4] |= static_cast<std::uint8_t>(scale >> 4 << 6);
            packed[i] |= static_cast<std::uint8_t>(minimum >> 4 << 6);
        }
    }
}

void put_q4_k(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    put_six_bits(fit_affine_parts(x, weight, 32, 15, 63, codes), p);
    for (std::size_t i = 0; i < kSuper; ++i)
        p[16 + i / 64 * 32 + i % 32] |= static_cast<std::uint8_t>(codes[i] << (i / 32 % 2 * 4));
}

void put_q5_k(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    put_six_bits(fit_affine_parts(x, weight, 32, 31, 63, codes), p);
    for (std::size_t i = 0; i < kSuper; ++i) {
        p[16 + i % 32] |= static_cast<std::uint8_t>(codes[i] >> 4 << (i / 32));
        p[48 + i / 64 * 32 + i % 32] |=
            static_cast<std::uint8_t>((codes[i] & 15) << (i / 32 % 2 * 4));
    }
}

void put_q6_k(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    const ScaledParts fit = fit_parts(IntegerLevels{-32, 31}, x, weight, 16, -128, codes);
    for (std::size_t i = 0; i < kSuper; ++i) {
        const std::size_t b = i / 32;
        p[64 * (b / 4) + 32 * (b % 2) + i % 32] |=
            static_cast<std::uint8_t>((codes[i] & 15) << (b % 4 / 2 * 4));
        p[128 + 32 * (b / 4) + i % 32] |= static_cast<std::uint8_t>(codes[i] >> 4 << (b % 4 * 2));
    }
    for (std::size_t i = 0; i < 16; ++i)
        p[192 + i] = static_cast<std::uint8_t>(fit.factor[i]);
    put_half(p + 208, fit.scale);
}

void put_iq4_xs(Values x, Values weight, std::uint8_t* p) {
    Codes codes;
    const ScaledParts fit = fit_parts(Iq4Levels(), x, weight, 32, -32, codes);
    put_half(p, fit.scale);
    for (std::size_t b = 0; b < 8; ++b) {
        const int factor = fit.factor[b] + 32;
        p[2 + b / 4] |= static_cast<std::uint8_t>((factor >> 4) << (b % 4 * 2));
        p[4 + b / 2] |= static_cast<std::uint8_t>((factor & 15) << (b % 2 * 4));
        put_nibbles(p + 8 + 16 * b, codes.data() + 32 * b);
    }
}

void put_block(DType dtype, Values x, Values weight, std::uint8_t* p) {
    switch (dtype) {
        case DType::kQ4_0:
            return put_scaled(IntegerLevels{-8, 7}, false, x, weight, p);
        case DType::kQ5_0:
            return put_scaled(IntegerLevels{-16, 15}, true, x, weight, p);
        case DType::kIQ4_NL:
            return put_scaled(Iq4Levels(), false, x, weight, p);
        case DType::kQ4_1:
            return put_affine(15, x, weight, p);
        case DType::kQ5_1:
            return put_affine(31, x, weight, p);
        case DType::kMXFP4:
            return put_mxfp4(x, weight, p);
        case DType::kQ2_K:
            return put_q2_k(x, weight, p);
        case DType::kQ3_K:
            return put_q3_k(x, weight, p);
        case DType::kQ4_K:
            return put_q4_k(x, weight, p);
        case DType::kQ5_K:
            return put_q5_k(x, weight, p);
        case DType::kQ6_K:
            return put_q6_k(x, weight, p);
        case DType::kIQ4_XS:
            return put_iq4_xs(x, weight, p);
        case DType::kF32:
        case DType::kF16:
        case DType::kBF16:
        case DType::kQ8_0:
            return;  // convert.cc: no search
    }
}

}  // namespace

void quantise_blocks(DType dtype, const float* in, const float* importance, std::uint8_t* row,
                     std::int64_t columns) {
    const TensorTypeInfo& info = kTensorTypes[tensor_type_index(dtype)];
    std::array<float, kSuper> weight;
    weight.fill(1.0F);
    for (std::int64_t begin = 0; begin < columns; begin += info.block, row += info.bytes) {
        const Values x(in + begin, info.block);
        if (importance != nullptr) std::copy_n(importance + begin, info.block, weight.begin());
        std::memset(row, 0, info.bytes);
        put_block(dtype, x, Values(weight).first(info.block), row);
    }
}

}  // namespace cairn::kernels::detail
