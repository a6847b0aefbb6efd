// SPDX-License-Identifier: Apache-2.0
// The element-wise half of training: norms, rotation, softmax, losses and the optimiser step, with
// their gradients. One source (ops_impl.h) compiled once per instruction set; sums are over 16
// fixed lanes and nothing is fused, so every instruction set gives the same bits.
#pragma once

#include <cstdint>

namespace cairn::train {

struct AdamStep {
    double rate = 0;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double epsilon = 1e-8;
    double decay = 0;           ///< 0 for norms
    double correction1 = 1;     ///< 1 - beta1^t
    double correction2 = 1;     ///< 1 - beta2^t
    double gradient_scale = 1;  ///< clipping
};

/// Row-major; `rows` x `columns` with row stride `stride` where one is given.
template <typename T>
struct Ops {
    void (*rms_norm)(T* out, T* inverse, const T* x, const T* weight, std::int64_t rows,
                     std::int64_t columns, double epsilon);
    /// Adds to dx and, when not null, to dweight.
    void (*rms_norm_backward)(T* dx, T* dweight, const T* dout, const T* x, const T* weight,
                              const T* inverse, std::int64_t rows, std::int64_t columns);
    /// Interleaved pairs of each head turn by the angle of the row's position; sign -1 turns back.
    void (*rope)(T* x, std::int64_t stride, const T* cosines, const T* sines,
                 const std::int32_t* positions, std::int64_t rows, std::int64_t heads,
                 std::int64_t head_width, T sign);
    /// gate_up rows are [gate | up]; out = silu(gate) * up.
    void (*swiglu)(T* out, const T* gate_up, std::int64_t rows, std::int64_t width);
    void (*swiglu_backward)(T* dgate_up, const T* dout, const T* gate_up, std::int64_t rows,
                            std::int64_t width);
    /// Row i keeps its first `first_length + i` scores: softmax of scale * score; the rest becomes
    /// 0.
    void (*softmax_causal)(T* scores, T* log_sums, std::int64_t rows, std::int64_t columns,
                           std::int64_t first_length, double scale);
    /// The same probabilities again from scores and stored log sums.
    void (*softmax_again)(T* scores, const T* log_sums, std::int64_t rows, std::int64_t columns,
                          std::int64_t first_length, double scale);
    /// dscores = p * (dp - sums) * scale, in place of dp.
    void (*softmax_backward)(T* dp, const T* p, const T* sums, std::int64_t rows,
                             std::int64_t columns, double scale);
    /// out[r] = a[r, :] . b[r, :]
    void (*row_dots)(T* out, const T* a, std::int64_t a_stride, const T* b, std::int64_t b_stride,
                     std::int64_t rows, std::int64_t columns);
    /// Sum of -log softmax(logits)[label]; with `gradient_scale` != 0 logits become their gradient.
    double (*cross_entropy)(T* logits, const std::int32_t* labels, std::int64_t rows,
                            std::int64_t columns, double gradient_scale, T* losses);
    void (*add)(T* out, const T* x, std::int64_t count);
    double (*sum_squares)(const T* x, std::int64_t count);
    void (*adam)(T* weights, T* m, T* v, const T* gradients, std::int64_t count,
                 const AdamStep& step);
};

const Ops<float>& ops_for(float);
const Ops<double>& ops_for(double);

// One per instruction set (ops_baseline.cc, ops_avx2.cc, ops_avx512.cc).
Ops<float> ops_baseline();
Ops<float> ops_avx2();
Ops<float> ops_avx512();

}  // namespace cairn::train
