// SPDX-License-Identifier: Apache-2.0
// Every vector algorithm once, as templates over a thin Isa `S` whose vector V is always 16 floats
// (one AVX-512 register, two of AVX2): the same order of operations on every ISA, so the same bits.
// Included only by the ISA files; everything is in an anonymous namespace, because code compiled
// for one ISA must not be merged with another's by the linker.
#pragma once

#include <cstdint>

#include "exp_constants.h"
#include "gelu_constants.h"
#include "table.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kLanes = 16;

inline std::int64_t smaller(std::int64_t a, std::int64_t b) {
    return a < b ? a : b;
}

// ---- rows ----

/// out = f(load(i), count) over whole vectors, then once over the tail.
template <typename S, typename Body>
inline void for_lanes(std::int64_t count, const Body& body) {
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
        body(i, typename S::Whole{});
    if (i < count) body(i, typename S::Part{count - i});
}

/// The same operations as exp_one of reference.cc.
template <typename S>
inline typename S::V exp_lanes(typename S::V x) {
    x = S::max(S::set(kExpLowest), x);
    x = S::min(S::set(kExpHighest), x);
    const auto shifted = S::add(S::mul(x, S::set(kLog2E)), S::set(kRoundMagic));
    const auto n = S::sub(shifted, S::set(kRoundMagic));
    const auto r = S::sub(S::sub(x, S::mul(n, S::set(kLn2High))), S::mul(n, S::set(kLn2Low)));
    auto p = S::set(kExp7);
    p = S::add(S::mul(p, r), S::set(kExp6));
    p = S::add(S::mul(p, r), S::set(kExp5));
    p = S::add(S::mul(p, r), S::set(kExp4));
    p = S::add(S::mul(p, r), S::set(kExp3));
    p = S::add(S::mul(p, r), S::set(kExp2));
    p = S::add(S::add(S::mul(p, S::mul(r, r)), r), S::set(1.0F));
    return S::scale_by_power(p, shifted);
}

template <typename S>
void exp_rows(float* out, const float* x, std::int64_t count) {
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        part.store(out + i, exp_lanes<S>(part.load(x + i)));
    });
}

template <typename S>
void add_rows(float* out, const float* a, const float* b, std::int64_t count) {
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        part.store(out + i, S::add(part.load(a + i), part.load(b + i)));
    });
}

template <typename S>
void silu_mul_rows(float* out, const float* gate, const float* up, std::int64_t count) {
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        const auto g = part.load(gate + i);
        const auto below = S::add(S::set(1.0F), exp_lanes<S>(S::sub(S::zero(), g)));
        part.store(out + i, S::mul(S::div(g, below), part.load(up + i)));
    });
}

/// The same operations as gelu_one of reference.cc.
template <typename S>
inline typename S::V gelu_lanes(typename S::V x) {
    const auto size = S::max(S::sub(S::zero(), x), x);
    const auto t = S::div(S::set(1.0F), S::add(S::set(1.0F), S::mul(S::set(kGeluP), size)));
    auto tail = S::set(kGelu5);
    tail = S::add(S::mul(tail, t), S::set(kGelu4));
    tail = S::add(S::mul(tail, t), S::set(kGelu3));
    tail = S::add(S::mul(tail, t), S::set(kGelu2));
    tail = S::add(S::mul(tail, t), S::set(kGelu1));
    tail = S::mul(S::mul(tail, t), exp_lanes<S>(S::mul(S::mul(x, x), S::set(-0.5F))));
    return S::sub(S::max(S::zero(), x), S::mul(size, tail));
}

template <typename S>
void gelu_mul_rows(float* out, const float* gate, const float* up, std::int64_t count) {
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        const auto value = gelu_lanes<S>(part.load(gate + i));
        part.store(out + i, up == nullptr ? value : S::mul(value, part.load(up + i)));
    });
}

template <typename S>
void layernorm_row(float* out, const float* x, const float* weight, const float* bias,
                   std::int64_t columns, float epsilon) {
    const auto width = static_cast<float>(columns);
    auto sum = S::zero();
    for_lanes<S>(columns, [&](std::int64_t i, auto part) { sum = S::add(sum, part.load(x + i)); });
    const auto mean = S::set(S::sum(sum) / width);
    auto squares = S::zero();
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        const auto off = part.only(S::sub(part.load(x + i), mean));
        squares = S::add(squares, S::mul(off, off));
    });
    const auto scale = S::set(1.0F / __builtin_sqrtf(S::sum(squares) / width + epsilon));
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        const auto normed =
            S::mul(S::mul(S::sub(part.load(x + i), mean), scale), part.load(weight + i));
        part.store(out + i, bias == nullptr ? normed : S::add(normed, part.load(bias + i)));
    });
}

template <typename S>
void rmsnorm_row(float* out, const float* x, const float* weight, std::int64_t columns,
                 float epsilon) {
    auto squares = S::zero();
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        const auto v = part.load(x + i);
        squares = S::add(squares, S::mul(v, v));
    });
    const float mean = S::sum(squares) / static_cast<float>(columns);
    const auto scale = S::set(1.0F / __builtin_sqrtf(mean + epsilon));
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        part.store(out + i, S::mul(S::mul(part.load(x + i), scale), part.load(weight + i)));
    });
}

template <typename S>
float maximum(const float* x, std::int64_t count) {
    auto top = S::set(-__builtin_inff());
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        top = S::max(part.load_or(x + i, -__builtin_inff()), top);
    });
    return S::top(top);
}

template <typename S>
void softmax_row(float* x, std::int64_t columns, float scale) {
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        part.store(x + i, S::mul(part.load(x + i), S::set(scale)));
    });
    const auto top = S::set(maximum<S>(x, columns));
    auto sum = S::zero();
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        const auto e = exp_lanes<S>(S::sub(part.load(x + i), top));
        part.store(x + i, e);
        sum = S::add(sum, part.only(e));
    });
    const auto inverse = S::set(1.0F / S::sum(sum));
    for_lanes<S>(columns, [&](std::int64_t i, auto part) {
        part.store(x + i, S::mul(part.load(x + i), inverse));
    });
}

template <typename S>
float log_sum_exp_row(const float* x, std::int64_t count) {
    const float top = maximum<S>(x, count);
    if (top == -__builtin_inff()) return top;
    auto sum = S::zero();
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        sum = S::add(sum, part.only(exp_lanes<S>(S::sub(part.load(x + i), S::set(top)))));
    });
    return top + static_cast<float>(__builtin_log(static_cast<double>(S::sum(sum))));
}

template <typename S>
void rope_halves_row(float* x, const float* cosines, const float* sines, std::int64_t pairs) {
    for_lanes<S>(pairs, [&](std::int64_t i, auto part) {
        const auto a = part.load(x + i);
        const auto b = part.load(x + pairs + i);
        const auto c = part.load(cosines + i);
        const auto s = part.load(sines + i);
        part.store(x + i, S::sub(S::mul(a, c), S::mul(b, s)));
        part.store(x + pairs + i, S::add(S::mul(b, c), S::mul(a, s)));
    });
}

template <typename S>
void rope_interleaved_row(float* x, const float* cosines, const float* sines, std::int64_t pairs) {
    std::int64_t i = 0;
    for (; i + kLanes <= pairs; i += kLanes) {
        typename S::V a;
        typename S::V b;
        S::split_pairs(x + 2 * i, a, b);
        const auto c = S::load(cosines + i);
        const auto s = S::load(sines + i);
        S::join_pairs(x + 2 * i, S::sub(S::mul(a, c), S::mul(b, s)),
                      S::add(S::mul(b, c), S::mul(a, s)));
    }
    for (; i < pairs; ++i) {
        const float a = x[2 * i];
        const float b = x[2 * i + 1];
        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
}

template <typename S>
double read_all(const float* data, std::int64_t count) {
    auto a = S::zero();
    auto b = S::zero();
    auto c = S::zero();
    auto d = S::zero();
    for (std::int64_t i = 0; i + 4 * kLanes <= count; i += 4 * kLanes) {
        a = S::add(a, S::load(data + i));
        b = S::add(b, S::load(data + i + kLanes));
        c = S::add(c, S::load(data + i + 2 * kLanes));
        d = S::add(d, S::load(data + i + 3 * kLanes));
    }
    return S::sum(S::add(S::add(a, b), S::add(c, d)));
}

/// kChains independent multiply-adds of vectors that never leave their registers.
template <typename S, typename Mac, int kChains>
double peak_loop(std::int64_t rounds) {
    typename S::V chain[kChains];
    auto factor = S::set(0.5F);
    S::keep(factor);
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i)
        chain[i] = S::zero();
    for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 32
        for (int i = 0; i < kChains; ++i)
            chain[i] = Mac::mac(chain[i], factor, factor);
#pragma GCC unroll 32
        for (int i = 0; i < kChains; ++i)
            S::keep(chain[i]);
    }
    return static_cast<double>(rounds) * kChains * kLanes * 2 * Mac::kDepth;
}

}  // namespace
}  // namespace cairn::kernels::detail
