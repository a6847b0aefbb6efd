// SPDX-License-Identifier: Apache-2.0
// Three verdicts, decided by bounds.
#include "cairn/eval/gate.h"

#include <gtest/gtest.h>

namespace cairn::eval {
namespace {

TEST(Gate, TheBoundDecides) {
    EXPECT_EQ(share_criterion("wrong", 0, 59, 0.05, true).verdict, Verdict::kPass);
    const Criterion few = share_criterion("wrong", 0, 30, 0.05, true);
    EXPECT_EQ(few.verdict, Verdict::kNotEnoughEvidence);
    EXPECT_EQ(few.more_labels, 29);
    EXPECT_EQ(few.note, "label 29 more questions");
    EXPECT_EQ(share_criterion("wrong", 15, 60, 0.05, true).verdict, Verdict::kFail);
    EXPECT_EQ(share_criterion("recall@5", 58, 60, 0.85, false).verdict, Verdict::kPass);
    EXPECT_EQ(share_criterion("recall@5", 40, 60, 0.85, false).verdict, Verdict::kFail);
    EXPECT_EQ(share_criterion("recall@5", 0, 0, 0.85, false).verdict, Verdict::kNotEnoughEvidence);
}

TEST(Gate, ClusteringAsksForMore) {
    EXPECT_EQ(share_criterion("wrong", 0, 59, 0.05, true, 2.0).verdict,
              Verdict::kNotEnoughEvidence);
}

TEST(Gate, MeansPassByTheirLowerEnd) {
    const std::vector<double> gains = {0.3, 0.4, 0.35, 0.5, 0.2, 0.45, 0.3, 0.4};
    EXPECT_EQ(mean_criterion("gain", clustered_mean(gains), 0.0).verdict, Verdict::kPass);
    EXPECT_EQ(mean_criterion("gain", clustered_mean(gains), 1.0).verdict, Verdict::kFail);
    const std::vector<double> noisy = {0.9, -0.7, 0.4, -0.3, 0.5, -0.2};
    const Criterion unsure = mean_criterion("gain", clustered_mean(noisy), 0.0);
    EXPECT_EQ(unsure.verdict, Verdict::kNotEnoughEvidence);
    EXPECT_GT(unsure.more_labels, 0);
}

TEST(Gate, OneFailureFailsAll) {
    Gate gate;
    EXPECT_EQ(gate.verdict(), Verdict::kNotEnoughEvidence);
    gate.criteria.push_back(share_criterion("a", 0, 100, 0.05, true));
    EXPECT_EQ(gate.verdict(), Verdict::kPass);
    gate.criteria.push_back(share_criterion("b", 0, 10, 0.05, true));
    EXPECT_EQ(gate.verdict(), Verdict::kNotEnoughEvidence);
    gate.criteria.push_back(share_criterion("c", 50, 100, 0.05, true));
    EXPECT_EQ(gate.verdict(), Verdict::kFail);
}

}  // namespace
}  // namespace cairn::eval
