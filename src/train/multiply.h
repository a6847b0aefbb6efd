// SPDX-License-Identifier: Apache-2.0
// Matrix products of the graph: the kernels room for float, plain loops for double (the reference
// of the gradient checks).
#pragma once

#include <cstdint>

#include "cairn/kernels/kernels.h"
#include "cairn/train/graph.h"

namespace cairn::train {

using kernels::Op;

/// c[m, n] = alpha * op(a) * op(b) + beta * c, on the calling thread.
struct Product {
    Op op_a = Op::kNone;
    Op op_b = Op::kNone;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    double alpha = 1;
    double beta = 0;
};

inline void multiply(Precision precision, const Product& p, const float* a, std::int64_t lda,
                     const float* b, std::int64_t ldb, float* c, std::int64_t ldc) {
    const auto product = precision == Precision::kBf16 ? kernels::gemm_bf16 : kernels::gemm_f32;
    product(nullptr, p.op_a, p.op_b, p.m, p.n, p.k, static_cast<float>(p.alpha), a, lda, b, ldb,
            static_cast<float>(p.beta), c, ldc);
}

inline void multiply(Precision, const Product& p, const double* a, std::int64_t lda,
                     const double* b, std::int64_t ldb, double* c, std::int64_t ldc) {
    for (std::int64_t i = 0; i < p.m; ++i) {
        for (std::int64_t j = 0; j < p.n; ++j) {
            double sum = 0;
            for (std::int64_t x = 0; x < p.k; ++x) {
                sum += (p.op_a == Op::kNone ? a[i * lda + x] : a[x * lda + i]) *
                       (p.op_b == Op::kNone ? b[x * ldb + j] : b[j * ldb + x]);
            }
            double& to = c[i * ldc + j];
            to = p.alpha * sum + (p.beta == 0 ? 0 : p.beta * to);
        }
    }
}

}  // namespace cairn::train
