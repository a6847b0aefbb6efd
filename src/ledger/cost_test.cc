// SPDX-License-Identifier: Apache-2.0
// The cost formulas against figures worked by hand.
#include "cairn/ledger/cost.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::ledger {
namespace {

/// 2400 over 4 years of 8766 h is 0.068446 an hour; (40 + 0.1 x 50) W at 0.25 is 0.01125 an hour.
HardwareConfig machine() {
    HardwareConfig hardware;
    hardware.price = 2400 * kPicosPerUnit;
    hardware.life_years = 4;
    hardware.power_idle_w = 40;
    hardware.power_busy_w = 90;
    hardware.tariff_per_kwh = kPicosPerUnit / 4;
    hardware.utilisation = 0.10;
    return hardware;
}

TEST(Cost, OfAnHourAndOfAMillisecondOfWork) {
    const CostModel model = cost_model(machine());
    EXPECT_TRUE(model.known);
    EXPECT_EQ(model.capital_per_hour, 68'446'269'678);
    EXPECT_EQ(model.power_per_hour, 11'250'000'000);
    EXPECT_EQ(model.machine_hour, 79'696'269'678);
    EXPECT_EQ(model.engine_ms, 221'379) << "0.0797 / 3,600,000 / 0.1";
    EXPECT_EQ(model.engine_hour, 221'379LL * 3'600'000);
    EXPECT_FALSE(cost_model(HardwareConfig{}).known);
}

TEST(Cost, HalvesWhenTheMachineWorksTwiceAsMuch) {
    HardwareConfig hardware = machine();
    hardware.power_busy_w = hardware.power_idle_w;
    const Picos slow = cost_model(hardware).engine_ms;
    hardware.utilisation = 0.20;
    EXPECT_NEAR(static_cast<double>(cost_model(hardware).engine_ms), static_cast<double>(slow) / 2,
                1);
}

/// Fixed: (0.068446 + 0.04 x 0.25) x 730.5 h = 57.305 a month. At 250 tokens a second a million
/// takes 1.111 h and 0.01389 of extra power, so against 0.50 it takes 57.305 / 0.48611 = 117.9
/// million; 0.6 x 730.5 h x 250/s = 394.5 million.
TEST(BreakEven, FollowsTheFormulaAndTheCapacity) {
    const BreakEven answer = break_even(machine(), 250, kPicosPerUnit / 2);
    EXPECT_TRUE(answer.feasible);
    EXPECT_NEAR(answer.tokens_per_month / 1e6, 117.88, 0.05);
    EXPECT_NEAR(answer.capacity_per_month / 1e6, 394.47, 0.05);
    EXPECT_NE(answer.why.find("117.9 million"), std::string::npos) << answer.why;
    const BreakEven slow = break_even(machine(), 25, kPicosPerUnit / 2);
    EXPECT_FALSE(slow.feasible);
    EXPECT_NE(slow.why.find("Never on this machine"), std::string::npos) << slow.why;
    const BreakEven dear = break_even(machine(), 250, kPicosPerUnit / 1000);
    EXPECT_FALSE(dear.feasible);
    EXPECT_EQ(dear.tokens_per_month, 0);
    EXPECT_FALSE(break_even(machine(), 0, kPicosPerUnit).feasible);
}

TEST(Payback, TakesLongerWhenThePriceOfTheApiFalls) {
    const double stable = payback_months(machine(), 300e6, 250, kPicosPerUnit, 1);
    // 300 a month - 4.17 of extra power - 7.31 of idle power = 288.5: 2400 are saved after 8.3
    // months.
    EXPECT_NEAR(stable, 8.32, 0.02);
    const double falling = payback_months(machine(), 300e6, 250, kPicosPerUnit, 3);
    EXPECT_GT(falling, stable);
    EXPECT_LT(payback_months(machine(), 300e6, 250, kPicosPerUnit, 100), 0) << "never";
    EXPECT_LT(payback_months(machine(), 1e6, 250, kPicosPerUnit, 1), 0);
}

}  // namespace
}  // namespace cairn::ledger
