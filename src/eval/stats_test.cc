// SPDX-License-Identifier: Apache-2.0
// Golden values: published tables and R's binom.test, qt, qnorm, pbeta.
#include "cairn/eval/stats.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::eval {
namespace {

TEST(Quantiles, MatchTables) {
    EXPECT_NEAR(normal_quantile(0.975), 1.959963985, 1e-8);
    EXPECT_NEAR(normal_quantile(0.01), -2.326347874, 1e-8);
    EXPECT_NEAR(student_t_quantile(0.95, 1), 12.7062047, 1e-6);
    EXPECT_NEAR(student_t_quantile(0.95, 10), 2.228138852, 1e-8);
    EXPECT_NEAR(student_t_quantile(0.99, 29), 2.756385904, 1e-8);
    EXPECT_NEAR(incomplete_beta(2, 3, 0.4), 0.5248, 1e-12);
    EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.5), 0.5, 1e-12);
    EXPECT_NEAR(beta_quantile(2, 3, 0.5248), 0.4, 1e-10);
}

TEST(Shares, WilsonGolden) {
    const Interval a = wilson(90, 100);
    EXPECT_NEAR(a.low, 0.826, 5e-4);
    EXPECT_NEAR(a.high, 0.945, 5e-4);
    const Interval b = wilson(270, 300);
    EXPECT_NEAR(b.low, 0.861, 5e-4);
    EXPECT_NEAR(b.high, 0.929, 5e-4);
    EXPECT_EQ(wilson(0, 0).high, 1);
    EXPECT_EQ(wilson(0, 10).low, 0);
}

TEST(Shares, ClopperPearsonGolden) {
    const Interval a = clopper_pearson(7, 20);  // binom.test(7, 20)
    EXPECT_NEAR(a.low, 0.1539092, 1e-6);
    EXPECT_NEAR(a.high, 0.5921885, 1e-6);
    EXPECT_NEAR(clopper_pearson(0, 10).high, 0.3084971, 1e-6);
    EXPECT_EQ(clopper_pearson(0, 10).low, 0);
    // Zero failures of 59 prove less than 5 %, of 299 less than 1 %.
    EXPECT_LE(upper_bound(0, 59), 0.05);
    EXPECT_GT(upper_bound(0, 58), 0.05);
    EXPECT_LE(upper_bound(0, 299), 0.01);
    EXPECT_GT(upper_bound(0, 298), 0.01);
    EXPECT_NEAR(upper_bound(3, 300), 0.026, 5e-4);
    EXPECT_NEAR(upper_bound(5, 300), 0.035, 5e-4);
    EXPECT_LE(upper_bound(3, 153), 0.05);
    EXPECT_GT(upper_bound(3, 152), 0.05);
    EXPECT_LE(upper_bound(10, 336), 0.05);
}

TEST(Means, ClustersWidenTheInterval) {
    const std::vector<double> values = {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0};
    std::vector<std::string> clusters;
    for (const char* name : {"a", "b", "c", "d"}) {
        clusters.insert(clusters.end(), 3, name);
    }
    const Estimate naive = clustered_mean(values);
    const Estimate clustered = clustered_mean(values, clusters);
    EXPECT_DOUBLE_EQ(naive.mean, 0.5);
    EXPECT_EQ(clustered.clusters, 4);
    // sqrt(4 * 1.5^2) / 12 * sqrt(4 / 3)
    EXPECT_NEAR(clustered.standard_error, 0.288675, 1e-6);
    EXPECT_NEAR(naive.standard_error, std::sqrt(3.0 / 11.0 / 12.0), 1e-12);
    EXPECT_NEAR(clustered.design_effect, 11.0 / 3.0, 1e-9);
    EXPECT_GT(clustered.interval.high - clustered.interval.low,
              naive.interval.high - naive.interval.low);
}

TEST(Means, BootstrapIsReproducibleAndNearTheT) {
    std::vector<double> values;
    for (int i = 0; i < 60; ++i) {
        values.push_back(i % 7 + 0.1 * i);
    }
    const Estimate a = bootstrap_mean(values);
    const Estimate b = bootstrap_mean(values);
    const Estimate t = clustered_mean(values);
    EXPECT_EQ(a.interval.low, b.interval.low);
    EXPECT_NEAR(a.interval.low, t.interval.low, 0.08);
    EXPECT_NEAR(a.interval.high, t.interval.high, 0.08);
    EXPECT_NE(bootstrap_mean(values, {}, 0.95, 5).interval.low, a.interval.low);
}

TEST(Means, OneValueProvesNothing) {
    const std::vector<double> one = {0.7};
    EXPECT_TRUE(std::isinf(clustered_mean(one).interval.high));
    EXPECT_TRUE(std::isinf(bootstrap_mean(one).interval.high));
    EXPECT_EQ(clustered_mean({}).n, 0);
}

TEST(Paired, SignFlipExact) {
    // All five of one sign: 2 of 32 sign patterns are as extreme.
    const std::vector<double> up = {1, 2, 3, 4, 5};
    EXPECT_DOUBLE_EQ(sign_flip_test(up), 2.0 / 32.0);
    const std::vector<std::string> pairs = {"a", "a", "b", "b", "b"};
    EXPECT_DOUBLE_EQ(sign_flip_test(up, pairs), 2.0 / 4.0);
    const std::vector<double> none = {0, 0};
    EXPECT_DOUBLE_EQ(sign_flip_test(none), 1.0);
}

TEST(Paired, SignFlipByDraws) {
    std::vector<double> differences(40, 0.1);
    EXPECT_LT(sign_flip_test(differences), 0.001);
    for (std::size_t i = 0; i < differences.size(); i += 2) {
        differences[i] = -0.1;
    }
    EXPECT_GT(sign_flip_test(differences), 0.9);
}

TEST(Paired, McNemarGolden) {
    EXPECT_NEAR(mcnemar_exact(1, 9), 0.021484375, 1e-12);  // binom.test(1, 10)
    EXPECT_NEAR(mcnemar_exact(10, 2), 0.0385742, 1e-6);
    EXPECT_EQ(mcnemar_exact(0, 0), 1);
    EXPECT_EQ(mcnemar_exact(4, 4), 1);
}

TEST(Ranking, AurocCountsTiesHalf) {
    const std::vector<double> scores = {0.1, 0.4, 0.4, 0.8};
    EXPECT_DOUBLE_EQ(auroc(scores, {false, true, false, true}), (1 + 1 + 1 + 0.5) / 4);
    EXPECT_DOUBLE_EQ(auroc(scores, {true, true, true, true}), 0.5);
}

TEST(Labels, SaysHowManyAreMissing) {
    EXPECT_EQ(need_more_labels(0, 30, 0.05, true), 29);
    EXPECT_EQ(need_more_labels(0, 59, 0.05, true), 0);
    EXPECT_EQ(need_more_labels(0, 0, 0.05, true), 59);
    EXPECT_FALSE(need_more_labels(5, 100, 0.05, true));
    const auto more = need_more_labels(2, 60, 0.05, true);
    ASSERT_TRUE(more);
    EXPECT_GT(*more, 100);
    EXPECT_EQ(need_more_labels(30, 60, 0.05, true), 0);  // decided: it fails
}

}  // namespace
}  // namespace cairn::eval
