// SPDX-License-Identifier: Apache-2.0
// Suites with made-up models whose losses are known.
#include "cairn/eval/style_suite.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cairn::eval {
namespace {

std::vector<StyleExample> examples(int from, int to) {
    std::vector<StyleExample> out;
    for (int i = from; i < to; ++i) {
        const std::string n = std::to_string(i);
        out.push_back({"s" + n, "Where is order " + n + "?",
                       "Hello,\nyour order " + n + " is on its way.\nFair winds,\nThe yard"});
    }
    return out;
}

StyleModel model(double loss, bool polite) {
    StyleModel out;
    out.loss = [loss](const StyleExample& e) -> Result<double> {
        return loss + 0.01 * static_cast<double>(e.reply.size() % 7);
    };
    out.reply = [polite](const StyleExample& e) -> Result<std::string> {
        return polite ? e.reply : "dunno";
    };
    return out;
}

TEST(StyleSuite, ABetterModelPasses) {
    auto report =
        run_style_suite(examples(0, 30), examples(30, 42), model(3.0, false), model(2.0, true), {});
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_NEAR(report->improvement.mean, 1.0, 1e-9);
    EXPECT_EQ(report->improved, 12);
    EXPECT_LT(report->improvement_p, 0.001);
    EXPECT_EQ(report->tuned_structure.mean, 1);
    EXPECT_EQ(report->base_structure.mean, 0);
    EXPECT_EQ(report->gate.verdict(), Verdict::kPass);
    EXPECT_NE(to_html(*report, "replies", "").find("Fair winds,"), std::string::npos);
    EXPECT_EQ(to_json(*report)["items"].size(), 12u);
}

TEST(StyleSuite, AWorseModelFails) {
    auto report =
        run_style_suite(examples(0, 30), examples(30, 42), model(2.0, true), model(2.5, true), {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->gate.verdict(), Verdict::kFail);
}

TEST(StyleSuite, TrainingExamplesAreRefused) {
    auto report =
        run_style_suite(examples(0, 30), examples(29, 31), model(2, true), model(1, true), {});
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().message.find("s29"), std::string::npos);
}

}  // namespace
}  // namespace cairn::eval
