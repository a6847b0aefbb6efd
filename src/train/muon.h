// SPDX-License-Identifier: Apache-2.0
// Muon (Jordan et al. 2024): momentum whose update is made nearly orthogonal by five Newton-Schulz
// steps, scaled as in Liu et al. 2025 so that AdamW's learning rates fit. For matrices of the
// blocks.
#pragma once

#include <cstdint>
#include <vector>

namespace cairn::train {

struct MuonStep {
    double rate = 0;
    double momentum = 0.95;
    double decay = 0;
    double gradient_scale = 1;
};

/// One matrix [rows, columns]; `m` is its momentum. Runs on the calling thread.
void muon_step(float* weights, float* m, const float* gradients, std::int64_t rows,
               std::int64_t columns, const MuonStep& step);

/// u becomes nearly orthogonal (singular values about 0.7 to 1.2). rows <= columns.
void orthogonalise(std::vector<float>& u, std::int64_t rows, std::int64_t columns);

}  // namespace cairn::train
