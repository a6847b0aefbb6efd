// SPDX-License-Identifier: Apache-2.0
// Money is exact: text to picos and back loses nothing, and the only rounding is to cents.
#include "cairn/base/money.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cairn {
namespace {

TEST(Money, ReadsDecimalsExactly) {
    EXPECT_EQ(parse_money("0.20").value(), 200'000'000'000);
    EXPECT_EQ(parse_money("-3").value(), -3 * kPicosPerUnit);
    EXPECT_EQ(parse_money("12.000000000001").value(), 12 * kPicosPerUnit + 1);
    EXPECT_EQ(parse_money("9223372.036854775807").value(), INT64_MAX);
    for (const char* bad : {"", "-", ".", "1.", ".5", "+1", "1e3", "1,5", " 1", "1 ", "--1", "0x1",
                            "0.0000000000001", "9223372.036854775808", "99999999999999999999"}) {
        const auto parsed = parse_money(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::kInvalid);
    }
}

TEST(Money, RoundsHalfAwayFromZeroToCents) {
    EXPECT_EQ(money_cents(parse_money("12.345").value()), "12.35");
    EXPECT_EQ(money_cents(parse_money("-12.345").value()), "-12.35");
    EXPECT_EQ(money_cents(parse_money("12.344999999999").value()), "12.34");
    EXPECT_EQ(money_cents(parse_money("-0.004").value()), "0.00");
    EXPECT_EQ(money_cents(0), "0.00");
    EXPECT_EQ(money_exact(parse_money("0.0000002").value()), "0.0000002");
    EXPECT_EQ(money_exact(-kPicosPerUnit / 2), "-0.5");
}

TEST(Money, PricesPerMillionAreWholePicos) {
    EXPECT_EQ(picos_per_token("0.20").value(), 200'000);
    EXPECT_EQ(picos_per_token("0.000001").value(), 1);
    EXPECT_FALSE(picos_per_token("0.0000001"));
    EXPECT_FALSE(picos_per_token("cheap"));
}

RC_GTEST_PROP(Money, TextAndPicosAreOneAndTheSame, (Picos amount)) {
    RC_PRE(amount != INT64_MIN);
    RC_ASSERT(parse_money(money_exact(amount)).value() == amount);
}

RC_GTEST_PROP(Money, RoundingIsNearSymmetricAndStable, (Picos amount)) {
    const PicosWide rounded = round_to_cents(amount);
    const PicosWide away = rounded > amount ? rounded - amount : amount - rounded;
    RC_ASSERT(away <= kPicosPerUnit / 200);
    RC_ASSERT(round_to_cents(rounded) == rounded);
    RC_ASSERT(round_to_cents(-static_cast<PicosWide>(amount)) == -rounded);
}

}  // namespace
}  // namespace cairn
