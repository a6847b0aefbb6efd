// SPDX-License-Identifier: Apache-2.0
// Releases: publishing is idempotent, a failed gate is refused, roll-back walks back in time.
#include "cairn/operate/releases.h"

#include <gtest/gtest.h>

namespace cairn::operate {
namespace {

class ReleasesTest : public testing::Test {
  protected:
    static Manifest manifest(const std::string& adapter, GateVerdict gate = GateVerdict::kPass) {
        Manifest made;
        made.scenario = "handbook";
        made.kind = "qa";
        made.base_model = "pebble";
        made.base_digest = "aa";
        made.adapter_digest = adapter;
        made.settings = "{}";
        made.gate = gate;
        return made;
    }
    store::Database database_ = store::Database::open_memory().value();
    Releases releases_ = Releases::open(database_).value();
};

TEST_F(ReleasesTest, PublishingTwiceIsOneRelease) {
    const Release first = releases_.publish(manifest("one")).value();
    const Release again = releases_.publish(manifest("one")).value();
    EXPECT_EQ(first.id, again.id);
    EXPECT_EQ(first.live_since_ms, again.live_since_ms);
    EXPECT_EQ(releases_.list().value().size(), 1u);
    EXPECT_EQ(releases_.live("handbook").value()->id, first.id);
    EXPECT_FALSE(releases_.live("other").value().has_value());
}

TEST_F(ReleasesTest, AFailedGateKeepsTheLiveRelease) {
    const Release good = releases_.publish(manifest("good")).value();
    const auto refused = releases_.publish(manifest("bad", GateVerdict::kFail));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kGateRefused);
    EXPECT_EQ(exit_code(refused.error().code), 3);
    EXPECT_EQ(releases_.live("handbook").value()->id, good.id);
    const auto overruled =
        releases_.publish(manifest("bad", GateVerdict::kFail), "the customer agreed");
    ASSERT_TRUE(overruled);
    EXPECT_EQ(overruled->override_reason, "the customer agreed");
}

TEST_F(ReleasesTest, RollBackWalksBackInTime) {
    const Release a = releases_.publish(manifest("a")).value();
    const Release b = releases_.publish(manifest("b", GateVerdict::kNotEnoughEvidence)).value();
    const Release c = releases_.publish(manifest("c")).value();
    EXPECT_EQ(releases_.roll_back("handbook").value().id, b.id);
    EXPECT_EQ(releases_.roll_back("handbook").value().id, a.id);
    EXPECT_EQ(releases_.roll_back("handbook").error().code, Code::kNotFound);
    EXPECT_EQ(releases_.live("handbook").value()->id, a.id);
    EXPECT_EQ(releases_.publish(manifest("c")).value().id, c.id);
    EXPECT_EQ(releases_.live("handbook").value()->id, c.id);
}

}  // namespace
}  // namespace cairn::operate
