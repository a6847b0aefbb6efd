// SPDX-License-Identifier: Apache-2.0
// How fast weights of each type are multiplied, to be held against machine.h's limits.
#pragma once

#include <vector>

#include "cairn/kernels/kernels.h"

namespace cairn::kernels {

struct ProductSpeed {
    DType type = DType::kF32;
    double decode_gb_per_s = 0;    ///< bytes of weights read by products with one row of x
    double prefill_gop_per_s = 0;  ///< of products with 128 rows; a multiply-add counts two
};

/// Every type of kTensorTypes on one matrix of 64 Mi weights (decode) or a part of it (prefill);
/// best of several passes. Takes about a second a type and 256 MiB.
std::vector<ProductSpeed> measure_products(ThreadPool& pool);

}  // namespace cairn::kernels
