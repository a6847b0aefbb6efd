// SPDX-License-Identifier: Apache-2.0
// Bodies of Ops<T>. Included by one .cc per instruction set, inside an unnamed namespace.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "ops.h"

namespace cairn::train {
namespace {

using Index = std::int64_t;
constexpr Index kLanes = 16;

template <typename T>
struct Lanes {
    typedef T Vector
        __attribute__((vector_size(kLanes * sizeof(T)), aligned(sizeof(T)), may_alias));
};

template <typename T>
inline T sum_lanes(const T* lanes) {
    T part[8];
    for (int i = 0; i < 8; ++i)
        part[i] = lanes[i] + lanes[i + 8];
    for (int i = 0; i < 4; ++i)
        part[i] += part[i + 4];
    return (part[0] + part[2]) + (part[1] + part[3]);
}

template <typename T>
inline T dot(const T* a, const T* b, Index count) {
    using V = typename Lanes<T>::Vector;
    V sum = {};
    Index i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        sum += *reinterpret_cast<const V*>(a + i) * *reinterpret_cast<const V*>(b + i);
    }
    T lanes[kLanes];
    std::memcpy(lanes, &sum, sizeof(lanes));
    for (Index j = 0; i < count; ++i, ++j)
        lanes[j] += a[i] * b[i];
    return sum_lanes(lanes);
}

template <typename T>
inline T sum_of(const T* a, Index count) {
    using V = typename Lanes<T>::Vector;
    V sum = {};
    Index i = 0;
    for (; i + kLanes <= count; i += kLanes)
        sum += *reinterpret_cast<const V*>(a + i);
    T lanes[kLanes];
    std::memcpy(lanes, &sum, sizeof(lanes));
    for (Index j = 0; i < count; ++i, ++j)
        lanes[j] += a[i];
    return sum_lanes(lanes);
}

template <typename T>
inline T max_of(const T* a, Index count) {
    using V = typename Lanes<T>::Vector;
    T most = a[0];
    Index i = 0;
    if (count >= kLanes) {
        V best = *reinterpret_cast<const V*>(a);
        for (i = kLanes; i + kLanes <= count; i += kLanes) {
            const V next = *reinterpret_cast<const V*>(a + i);
            best = best > next ? best : next;
        }
        for (Index j = 0; j < kLanes; ++j)
            most = best[j] > most ? best[j] : most;
    }
    for (; i < count; ++i)
        most = a[i] > most ? a[i] : most;
    return most;
}

inline double exp_of(double x) {
    return std::exp(x);
}

/// Cephes' expf: below 2 ulp on [-60, 60], constant outside. The bounds keep every quotient of
/// results normal: subnormal numbers cost a hundred times as much, even in lanes that are masked.
inline float exp_of(float x) {
    x = x < -60.0F ? -60.0F : x;
    x = x > 60.0F ? 60.0F : x;
    const float n = (x * 1.44269504F + 12582912.0F) - 12582912.0F;
    const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = (p * (r * r) + r) + 1.0F;
    return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

template <typename T>
void rms_norm(T* out, T* inverse, const T* x, const T* weight, Index rows, Index columns,
              double epsilon) {
    for (Index r = 0; r < rows; ++r) {
        const T* in = x + r * columns;
        T* to = out + r * columns;
        const T mean = dot(in, in, columns) / static_cast<T>(columns);
        const T factor = T(1) / std::sqrt(mean + static_cast<T>(epsilon));
        inverse[r] = factor;
        for (Index i = 0; i < columns; ++i)
            to[i] = in[i] * factor * weight[i];
    }
}

template <typename T>
void rms_norm_backward(T* dx, T* dweight, const T* dout, const T* x, const T* weight,
                       const T* inverse, Index rows, Index columns) {
    using V = typename Lanes<T>::Vector;
    for (Index r = 0; r < rows; ++r) {
        const T* in = x + r * columns;
        const T* d = dout + r * columns;
        T* to = dx + r * columns;
        const T factor = inverse[r];
        V sum = {};
        Index i = 0;
        for (; i + kLanes <= columns; i += kLanes) {
            sum += *reinterpret_cast<const V*>(d + i) * *reinterpret_cast<const V*>(weight + i) *
                   *reinterpret_cast<const V*>(in + i);
        }
        T lanes[kLanes];
        std::memcpy(lanes, &sum, sizeof(lanes));
        for (Index j = 0; i < columns; ++i, ++j)
            lanes[j] += d[i] * weight[i] * in[i];
        const T shrink = sum_lanes(lanes) * factor * factor * factor / static_cast<T>(columns);
        for (i = 0; i < columns; ++i)
            to[i] += d[i] * weight[i] * factor - in[i] * shrink;
        if (dweight == nullptr) continue;
        for (i = 0; i < columns; ++i)
            dweight[i] += d[i] * in[i] * factor;
    }
}

template <typename T>
void rope(T* x, Index stride, const T* cosines, const T* sines, const std::int32_t* positions,
          Index rows, Index heads, Index head_width, T sign) {
    const Index half = head_width / 2;
    for (Index r = 0; r < rows; ++r) {
        const T* c = cosines + positions[r] * half;
        const T* s = sines + positions[r] * half;
        for (Index h = 0; h < heads; ++h) {
            T* v = x + r * stride + h * head_width;
            for (Index i = 0; i < half; ++i) {
                const T even = v[2 * i];
                const T odd = v[2 * i + 1];
                const T turn = s[i] * sign;
                v[2 * i] = even * c[i] - odd * turn;
                v[2 * i + 1] = even * turn + odd * c[i];
            }
        }
    }
}

template <typename T>
void swiglu(T* out, const T* gate_up, Index rows, Index width) {
    for (Index r = 0; r < rows; ++r) {
        const T* __restrict gate = gate_up + r * 2 * width;
        const T* __restrict up = gate + width;
        T* __restrict to = out + r * width;
        for (Index i = 0; i < width; ++i)
            to[i] = gate[i] / (T(1) + exp_of(-gate[i])) * up[i];
    }
}

template <typename T>
void swiglu_backward(T* dgate_up, const T* dout, const T* gate_up, Index rows, Index width) {
    for (Index r = 0; r < rows; ++r) {
        const T* __restrict gate = gate_up + r * 2 * width;
        const T* __restrict up = gate + width;
        const T* __restrict d = dout + r * width;
        T* __restrict dgate = dgate_up + r * 2 * width;
        T* __restrict dup = dgate + width;
        for (Index i = 0; i < width; ++i) {
            const T sigmoid = T(1) / (T(1) + exp_of(-gate[i]));
            const T silu = gate[i] * sigmoid;
            dup[i] = d[i] * silu;
            dgate[i] = d[i] * up[i] * (sigmoid + silu * (T(1) - sigmoid));
        }
    }
}

template <typename T>
inline void exp_row(T* __restrict row, Index count, T scale, T offset) {
    for (Index i = 0; i < count; ++i)
        row[i] = exp_of(row[i] * scale - offset);
}

template <typename T>
inline void scale_row(T* __restrict row, Index count, T scale) {
    for (Index i = 0; i < count; ++i)
        row[i] *= scale;
}

template <typename T>
void softmax_causal(T* scores, T* log_sums, Index rows, Index columns, Index first_length,
                    double scale) {
    const T factor = static_cast<T>(scale);
    for (Index r = 0; r < rows; ++r) {
        T* row = scores + r * columns;
        const Index length = first_length + r;
        const T most = max_of(row, length) * factor;
        exp_row(row, length, factor, most);
        const T sum = sum_of(row, length);
        scale_row(row, length, T(1) / sum);
        for (Index i = length; i < columns; ++i)
            row[i] = T(0);
        log_sums[r] = most + std::log(sum);
    }
}

template <typename T>
void softmax_again(T* scores, const T* log_sums, Index rows, Index columns, Index first_length,
                   double scale) {
    for (Index r = 0; r < rows; ++r) {
        T* row = scores + r * columns;
        const Index length = first_length + r;
        exp_row(row, length, static_cast<T>(scale), log_sums[r]);
        for (Index i = length; i < columns; ++i)
            row[i] = T(0);
    }
}

template <typename T>
void softmax_backward(T* dp, const T* p, const T* sums, Index rows, Index columns, double scale) {
    const T factor = static_cast<T>(scale);
    for (Index r = 0; r < rows; ++r) {
        T* __restrict d = dp + r * columns;
        const T* __restrict q = p + r * columns;
        const T sum = sums[r];
        for (Index i = 0; i < columns; ++i)
            d[i] = q[i] * (d[i] - sum) * factor;
    }
}

template <typename T>
void row_dots(T* out, const T* a, Index a_stride, const T* b, Index b_stride, Index rows,
              Index columns) {
    for (Index r = 0; r < rows; ++r)
        out[r] = dot(a + r * a_stride, b + r * b_stride, columns);
}

template <typename T>
double cross_entropy(T* logits, const std::int32_t* labels, Index rows, Index columns,
                     double gradient_scale, T* losses) {
    double total = 0;
    for (Index r = 0; r < rows; ++r) {
        T* row = logits + r * columns;
        const T most = max_of(row, columns);
        const T wanted = row[labels[r]] - most;
        exp_row(row, columns, T(1), most);
        const T sum = sum_of(row, columns);
        const T loss = std::log(sum) - wanted;
        total += static_cast<double>(loss);
        if (losses != nullptr) losses[r] = loss;
        if (gradient_scale == 0) continue;
        scale_row(row, columns, static_cast<T>(gradient_scale) / sum);
        row[labels[r]] -= static_cast<T>(gradient_scale);
    }
    return total;
}

template <typename T>
void add(T* __restrict out, const T* __restrict x, Index count) {
    for (Index i = 0; i < count; ++i)
        out[i] += x[i];
}

template <typename T>
double sum_squares(const T* x, Index count) {
    constexpr Index kBlock = 1024;  // float sums of a block, double above: exact enough, and fast
    double total = 0;
    for (Index i = 0; i < count; i += kBlock) {
        const Index size = count - i < kBlock ? count - i : kBlock;
        total += static_cast<double>(dot(x + i, x + i, size));
    }
    return total;
}

template <typename T>
void adam(T* __restrict weights, T* __restrict m, T* __restrict v, const T* __restrict gradients,
          Index count, const AdamStep& step) {
    const T keep = static_cast<T>(1.0 - step.rate * step.decay);
    const T beta1 = static_cast<T>(step.beta1);
    const T beta2 = static_cast<T>(step.beta2);
    const T rest1 = static_cast<T>(1.0 - step.beta1);
    const T rest2 = static_cast<T>(1.0 - step.beta2);
    const T root = static_cast<T>(1.0 / std::sqrt(step.correction2));
    const T rate = static_cast<T>(step.rate / step.correction1);
    const T epsilon = static_cast<T>(step.epsilon);
    const T clip = static_cast<T>(step.gradient_scale);
    for (Index i = 0; i < count; ++i) {
        const T g = gradients[i] * clip;
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * g * g;
        weights[i] = weights[i] * keep - rate * m[i] / (std::sqrt(v[i]) * root + epsilon);
    }
}

template <typename T>
Ops<T> make_ops() {
    return {rms_norm<T>,
            rms_norm_backward<T>,
            rope<T>,
            swiglu<T>,
            swiglu_backward<T>,
            softmax_causal<T>,
            softmax_again<T>,
            softmax_backward<T>,
            row_dots<T>,
            cross_entropy<T>,
            add<T>,
            sum_squares<T>,
            adam<T>};
}

}  // namespace
}  // namespace cairn::train
