// SPDX-License-Identifier: Apache-2.0
// The statistics behind every claim: intervals for shares and means, clustered by document, paired
// tests between versions, and how many labels are still missing. Deterministic: seeds are explicit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cairn::eval {

struct Interval {
    double low = 0;
    double high = 1;
};

/// Inverse of the standard normal distribution function, 0 < p < 1.
double normal_quantile(double p);
/// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x);
/// x with I_x(a, b) = p.
double beta_quantile(double a, double b, double p);
/// Two-sided: P(|T| <= t) = confidence for Student's t with `degrees` degrees of freedom.
double student_t_quantile(double confidence, double degrees);

/// Wilson's score interval for a share. `n` = 0 gives [0, 1].
Interval wilson(double successes, double n, double confidence = 0.95);
/// Clopper-Pearson, the exact interval; never covers less than `confidence`.
Interval clopper_pearson(double successes, double n, double confidence = 0.95);
/// One-sided bounds: the share is below / above with probability `confidence` (exact).
double upper_bound(double successes, double n, double confidence = 0.95);
double lower_bound(double successes, double n, double confidence = 0.95);

/// A mean with its interval. Values of one cluster (source document) are not independent.
struct Estimate {
    double mean = 0;
    Interval interval;
    double standard_error = 0;
    int n = 0;
    int clusters = 0;
    double design_effect = 1;  ///< clustered variance over naive variance, at least 1
};

inline constexpr std::uint64_t kBootstrapSeed = 20'231'123;
inline constexpr int kBootstrapResamples = 10'000;

/// Interval by Student's t over clusters (G - 1 degrees of freedom). `clusters` names one cluster
/// per value; empty: every value is its own.
Estimate clustered_mean(std::span<const double> values, std::span<const std::string> clusters = {},
                        double confidence = 0.95);
/// The same with a bias-corrected and accelerated (BCa) bootstrap over clusters: for few clusters
/// and skewed values.
Estimate bootstrap_mean(std::span<const double> values, std::span<const std::string> clusters = {},
                        double confidence = 0.95, std::uint64_t seed = kBootstrapSeed);

/// Two-sided p-value that paired differences are symmetric around 0; whole clusters change sign
/// together. Exact for at most 16 clusters, else 20,000 draws.
double sign_flip_test(std::span<const double> differences,
                      std::span<const std::string> clusters = {},
                      std::uint64_t seed = kBootstrapSeed);
/// Exact two-sided McNemar test: `only_first` and `only_second` count the questions that just one
/// version gets right.
double mcnemar_exact(int only_first, int only_second);

/// Area under the ROC curve of `scores` for telling `positive` from the rest; ties count half.
double auroc(std::span<const double> scores, const std::vector<bool>& positive);

/// How many more labels it takes until an exact one-sided bound decides whether a share is at most
/// (`at_most`) or at least `threshold`, if the observed share stays as it is. 0: decided now;
/// nullopt: never (the share is the threshold itself) or beyond a million.
std::optional<int> need_more_labels(double successes, double n, double threshold, bool at_most,
                                    double confidence = 0.95);

}  // namespace cairn::eval
