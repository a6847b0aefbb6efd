// SPDX-License-Identifier: Apache-2.0
// The limits are measurements, so the test asks only for what any machine gives: positive, finite,
// and consistent.
#include "cairn/kernels/machine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/kernels/kernels.h"

namespace cairn::kernels {
namespace {

TEST(Machine, MeasuresEveryLimit) {
    ThreadPool pool(2);
    const MachineLimits limits = measure_machine(pool);
    EXPECT_EQ(limits.isa, isa_name());
    EXPECT_EQ(limits.threads, 2);
    for (const double rate : {limits.read_gb_per_s, limits.f32_gflop_per_s, limits.bf16_gflop_per_s,
                              limits.int8_gop_per_s}) {
        EXPECT_TRUE(std::isfinite(rate));
        EXPECT_GT(rate, 0.01);
    }
    RecordProperty("f32_gflop_per_s", std::to_string(limits.f32_gflop_per_s));
}

}  // namespace
}  // namespace cairn::kernels
