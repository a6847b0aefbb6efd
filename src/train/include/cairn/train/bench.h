// SPDX-License-Identifier: Apache-2.0
// Training speed of this machine, with the limit that it is measured against in the same run.
#pragma once

#include <cstdint>

#include "cairn/base/result.h"
#include "cairn/train/graph.h"

namespace cairn::train {

struct TrainBenchOptions {
    int threads = 0;
    double seconds = 5;  ///< of measured steps, after one that warms up
    Precision precision = Precision::kBf16;
    int row_tokens = 512;
    std::int64_t window_tokens = 16384;
};

struct TrainBench {
    int threads = 0;
    double tokens_per_second = 0;
    double flops_per_token = 0;  ///< of matrix products, forward and backward
    double gflops = 0;           ///< achieved
    double product_gflops = 0;   ///< of one large matrix product on all threads: the limit
    double share = 0;            ///< gflops / product_gflops
    double loss_first = 0;
    double loss_last = 0;  ///< on random tokens: only shows that steps were real
};

/// Trains the shape of `pebble` on random tokens.
Result<TrainBench> bench_train(const TrainBenchOptions& options);

}  // namespace cairn::train
