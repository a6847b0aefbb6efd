// SPDX-License-Identifier: Apache-2.0
// The products run in bf16: Newton-Schulz needs directions, not digits.
#include "muon.h"

#include <algorithm>
#include <cmath>

#include "cairn/kernels/kernels.h"
#include "ops.h"

namespace cairn::train {
namespace {

using kernels::gemm_bf16;
using kernels::Op;

constexpr int kSteps = 5;
constexpr float kA = 3.4445F;
constexpr float kB = -4.7750F;
constexpr float kC = 2.0315F;

std::vector<float> transposed(const std::vector<float>& x, std::int64_t rows,
                              std::int64_t columns) {
    std::vector<float> to(x.size());
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j)
            to[j * rows + i] = x[i * columns + j];
    }
    return to;
}

}  // namespace

void orthogonalise(std::vector<float>& u, std::int64_t rows, std::int64_t columns) {
    const auto count = static_cast<std::int64_t>(u.size());
    const double norm = std::sqrt(ops_for(float{}).sum_squares(u.data(), count));
    const auto shrink = static_cast<float>(1.0 / (norm + 1e-7));
    for (float& value : u)
        value *= shrink;
    std::vector<float> square(static_cast<std::size_t>(rows * rows));
    std::vector<float> mixed(square.size());
    for (int step = 0; step < kSteps; ++step) {
        gemm_bf16(nullptr, Op::kNone, Op::kTransposed, rows, rows, columns, 1, u.data(), columns,
                  u.data(), columns, 0, square.data(), rows);
        mixed = square;
        gemm_bf16(nullptr, Op::kNone, Op::kNone, rows, rows, rows, kC, square.data(), rows,
                  square.data(), rows, kB, mixed.data(), rows);
        const std::vector<float> before = u;
        gemm_bf16(nullptr, Op::kNone, Op::kNone, rows, columns, rows, 1, mixed.data(), rows,
                  before.data(), columns, kA, u.data(), columns);
    }
}

void muon_step(float* weights, float* m, const float* gradients, std::int64_t rows,
               std::int64_t columns, const MuonStep& step) {
    const std::int64_t count = rows * columns;
    const auto momentum = static_cast<float>(step.momentum);
    const auto clip = static_cast<float>(step.gradient_scale);
    std::vector<float> u(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradients[i] * clip;
        m[i] = momentum * m[i] + g;
        u[i] = g + momentum * m[i];
    }
    if (rows > columns) {
        u = transposed(u, rows, columns);
        orthogonalise(u, columns, rows);
        u = transposed(u, columns, rows);
    } else {
        orthogonalise(u, rows, columns);
    }
    const double size = 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    const auto keep = static_cast<float>(1.0 - step.rate * step.decay);
    const auto move = static_cast<float>(step.rate * size);
    for (std::int64_t i = 0; i < count; ++i)
        weights[i] = weights[i] * keep - move * u[i];
}

}  // namespace cairn::train
