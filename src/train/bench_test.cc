// SPDX-License-Identifier: Apache-2.0
// The training benchmark reports figures that fit together.
#include "cairn/train/bench.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::train {
namespace {

TEST(BenchTrain, FiguresFitTogether) {
    TrainBenchOptions options;
    options.threads = 2;
    options.seconds = 0;
    options.row_tokens = 128;
    options.window_tokens = 512;
    const auto bench = bench_train(options);
    ASSERT_TRUE(bench) << bench.error().to_string();
    EXPECT_EQ(bench->threads, 2);
    EXPECT_GT(bench->tokens_per_second, 0);
    EXPECT_NEAR(bench->gflops, bench->tokens_per_second * bench->flops_per_token * 1e-9,
                1e-6 * bench->gflops);
    EXPECT_NEAR(bench->share, bench->gflops / bench->product_gflops, 1e-9);
    EXPECT_NEAR(bench->loss_first, std::log(8192.0), 1.0);  // nothing is known of random tokens
    EXPECT_LT(bench->loss_last, bench->loss_first);         // the same window again
}

}  // namespace
}  // namespace cairn::train
