// SPDX-License-Identifier: Apache-2.0
// Special functions by continued fractions and bisection: a few hundred bytes of code that are the
// same on every machine, checked against published values.
#include "cairn/eval/stats.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "cairn/base/rng.h"

namespace cairn::eval {
namespace {

constexpr int kSignFlipDraws = 20'000;
constexpr std::size_t kExactClustersMax = 16;

/// x in [low, high] with increasing f(x) = target.
template <typename Function>
double bisect(double low, double high, double target, Function f) {
    for (int i = 0; i < 200 && high - low > 1e-14 * std::max(1.0, std::abs(high)); ++i) {
        const double middle = 0.5 * (low + high);
        (f(middle) < target ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

double normal_cdf(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/// Continued fraction of the incomplete beta function (Lentz; Numerical Recipes 6.4).
double beta_fraction(double a, double b, double x) {
    constexpr double kTiny = 1e-300;
    double c = 1.0;
    double d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (std::abs(d) < kTiny ? kTiny : d);
    double result = d;
    for (int m = 1; m < 10'000; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1.0 + even * d;
        c = 1.0 + even / c;
        d = 1.0 / (std::abs(d) < kTiny ? kTiny : d);
        c = std::abs(c) < kTiny ? kTiny : c;
        result *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1.0 + odd * d;
        c = 1.0 + odd / c;
        d = 1.0 / (std::abs(d) < kTiny ? kTiny : d);
        c = std::abs(c) < kTiny ? kTiny : c;
        result *= d * c;
        if (std::abs(d * c - 1.0) < 1e-15) {
            break;
        }
    }
    return result;
}

struct Cluster {
    double sum = 0;
    double count = 0;
};

/// In the order of first appearance, so that results do not depend on names.
std::vector<Cluster> group(std::span<const double> values, std::span<const std::string> names) {
    std::vector<Cluster> out;
    std::map<std::string, std::size_t, std::less<>> places;
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::size_t place = out.size();
        if (!names.empty()) {
            place = places.emplace(names[i], out.size()).first->second;
        }
        if (place == out.size()) {
            out.emplace_back();
        }
        out[place].sum += values[i];
        out[place].count += 1;
    }
    return out;
}

double mean_of(const std::vector<Cluster>& clusters) {
    double sum = 0;
    double count = 0;
    for (const Cluster& cluster : clusters) {
        sum += cluster.sum;
        count += cluster.count;
    }
    return count > 0 ? sum / count : 0;
}

/// Mean, clustered standard error and design effect.
Estimate moments(std::span<const double> values, const std::vector<Cluster>& clusters) {
    Estimate out;
    out.n = static_cast<int>(values.size());
    out.clusters = static_cast<int>(clusters.size());
    out.mean = mean_of(clusters);
    const auto n = static_cast<double>(values.size());
    const auto groups = static_cast<double>(clusters.size());
    if (clusters.size() < 2) {
        return out;
    }
    double between = 0;
    for (const Cluster& cluster : clusters) {
        const double deviation = cluster.sum - cluster.count * out.mean;
        between += deviation * deviation;
    }
    const double variance = between / (n * n) * groups / (groups - 1);
    out.standard_error = std::sqrt(variance);
    double naive = 0;
    for (const double value : values) {
        naive += (value - out.mean) * (value - out.mean);
    }
    naive /= n * (n - 1);
    out.design_effect = naive > 0 ? std::max(1.0, variance / naive) : 1.0;
    return out;
}

double quantile_of_sorted(const std::vector<double>& sorted, double p) {
    const double place = std::clamp(p, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

/// Acceleration of BCa by leaving out one cluster at a time.
double acceleration(const std::vector<Cluster>& clusters) {
    double sum = 0;
    double count = 0;
    for (const Cluster& cluster : clusters) {
        sum += cluster.sum;
        count += cluster.count;
    }
    std::vector<double> left_out;
    for (const Cluster& cluster : clusters) {
        if (count > cluster.count) {
            left_out.push_back((sum - cluster.sum) / (count - cluster.count));
        }
    }
    if (left_out.empty()) {
        return 0;
    }
    const double middle = std::accumulate(left_out.begin(), left_out.end(), 0.0) /
                          static_cast<double>(left_out.size());
    double squares = 0;
    double cubes = 0;
    for (const double value : left_out) {
        const double d = middle - value;
        squares += d * d;
        cubes += d * d * d;
    }
    return squares > 0 ? cubes / (6.0 * std::pow(squares, 1.5)) : 0;
}

}  // namespace

double normal_quantile(double p) {
    return bisect(-40.0, 40.0, p, normal_cdf);
}

double incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                  a * std::log(x) + b * std::log1p(-x));
    if (x < (a + 1) / (a + b + 2)) {
        return front * beta_fraction(a, b, x) / a;
    }
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double beta_quantile(double a, double b, double p) {
    return bisect(0.0, 1.0, p, [&](double x) { return incomplete_beta(a, b, x); });
}

double student_t_quantile(double confidence, double degrees) {
    return bisect(0.0, 1e4, confidence, [&](double t) {
        return 1 - incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t));
    });
}

Interval wilson(double successes, double n, double confidence) {
    if (n <= 0) return {0, 1};
    const double z = normal_quantile(0.5 + 0.5 * confidence);
    const double p = successes / n;
    const double scale = 1 + z * z / n;
    const double middle = (p + z * z / (2 * n)) / scale;
    const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
    return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

double upper_bound(double successes, double n, double confidence) {
    return n <= 0 || successes >= n ? 1 : beta_quantile(successes + 1, n - successes, confidence);
}

double lower_bound(double successes, double n, double confidence) {
    return n <= 0 || successes <= 0 ? 0
                                    : beta_quantile(successes, n - successes + 1, 1 - confidence);
}

Interval clopper_pearson(double successes, double n, double confidence) {
    const double side = 0.5 + 0.5 * confidence;
    return {lower_bound(successes, n, side), upper_bound(successes, n, side)};
}

Estimate clustered_mean(std::span<const double> values, std::span<const std::string> clusters,
                        double confidence) {
    const std::vector<Cluster> groups = group(values, clusters);
    Estimate out = moments(values, groups);
    double half = HUGE_VAL;
    if (groups.size() >= 2) {
        half = out.standard_error *
               student_t_quantile(confidence, static_cast<double>(groups.size() - 1));
    }
    out.interval = {out.mean - half, out.mean + half};
    return out;
}

Estimate bootstrap_mean(std::span<const double> values, std::span<const std::string> clusters,
                        double confidence, std::uint64_t seed) {
    const std::vector<Cluster> groups = group(values, clusters);
    Estimate out = moments(values, groups);
    out.interval = {out.mean, out.mean};
    if (groups.size() < 2) {
        out.interval = {-HUGE_VAL, HUGE_VAL};
        return out;
    }
    Rng rng(seed);
    std::vector<double> means(kBootstrapResamples);
    double below = 0;
    for (double& mean : means) {
        Cluster total;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const Cluster& drawn = groups[rng.below(groups.size())];
            total.sum += drawn.sum;
            total.count += drawn.count;
        }
        mean = total.sum / total.count;
        below += mean < out.mean ? 1 : mean == out.mean ? 0.5 : 0;
    }
    std::sort(means.begin(), means.end());
    if (means.front() == means.back()) {
        return out;
    }
    const double share = std::clamp(below / kBootstrapResamples, 0.5 / kBootstrapResamples,
                                    1 - 0.5 / kBootstrapResamples);
    const double bias = normal_quantile(share);
    const double skew = acceleration(groups);
    auto adjusted = [&](double p) {
        const double z = bias + normal_quantile(p);
        return normal_cdf(bias + z / (1 - skew * z));
    };
    out.interval = {quantile_of_sorted(means, adjusted(0.5 - 0.5 * confidence)),
                    quantile_of_sorted(means, adjusted(0.5 + 0.5 * confidence))};
    return out;
}

double sign_flip_test(std::span<const double> differences, std::span<const std::string> clusters,
                      std::uint64_t seed) {
    const std::vector<Cluster> groups = group(differences, clusters);
    double observed = 0;
    double scale = 0;
    for (const Cluster& cluster : groups) {
        observed += cluster.sum;
        scale += std::abs(cluster.sum);
    }
    // Sums of the same numbers in another order may differ in the last bits.
    const double least = std::abs(observed) - 1e-12 * scale;
    if (groups.empty() || scale == 0) {
        return 1;
    }
    if (groups.size() <= kExactClustersMax) {
        const std::uint32_t flips = 1U << groups.size();
        std::uint32_t extreme = 0;
        for (std::uint32_t flip = 0; flip < flips; ++flip) {
            double sum = 0;
            for (std::size_t i = 0; i < groups.size(); ++i) {
                sum += (flip >> i & 1U) != 0 ? -groups[i].sum : groups[i].sum;
            }
            extreme += std::abs(sum) >= least ? 1 : 0;
        }
        return static_cast<double>(extreme) / flips;
    }
    Rng rng(seed);
    int extreme = 1;  // the observed signs are one of the draws
    for (int draw = 0; draw < kSignFlipDraws; ++draw) {
        double sum = 0;
        for (const Cluster& cluster : groups) {
            sum += (rng.next() >> 63) != 0 ? -cluster.sum : cluster.sum;
        }
        extreme += std::abs(sum) >= least ? 1 : 0;
    }
    return static_cast<double>(extreme) / (kSignFlipDraws + 1);
}

double mcnemar_exact(int only_first, int only_second) {
    const int n = only_first + only_second;
    const int fewer = std::min(only_first, only_second);
    if (n == 0) {
        return 1;
    }
    // P(X <= k) of Binomial(n, 1/2) is I_{1/2}(n - k, k + 1).
    return std::min(1.0, 2 * incomplete_beta(n - fewer, fewer + 1, 0.5));
}

double auroc(std::span<const double> scores, const std::vector<bool>& positive) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    double rank_sum = 0;
    double positives = 0;
    for (std::size_t i = 0; i < order.size();) {
        std::size_t end = i;
        while (end < order.size() && scores[order[end]] == scores[order[i]]) {
            ++end;
        }
        const double middle_rank = 0.5 * static_cast<double>(i + 1 + end);
        for (; i < end; ++i) {
            if (positive[order[i]]) {
                rank_sum += middle_rank;
                positives += 1;
            }
        }
    }
    const double negatives = static_cast<double>(scores.size()) - positives;
    if (positives == 0 || negatives == 0) {
        return 0.5;
    }
    return (rank_sum - 0.5 * positives * (positives + 1)) / (positives * negatives);
}

std::optional<int> need_more_labels(double successes, double n, double threshold, bool at_most,
                                    double confidence) {
    constexpr int kLabelsMax = 1'000'000;
    const double share = n > 0 ? successes / n : (at_most ? 0.0 : 1.0);
    auto decided = [&](double more) {
        const double size = n + more;
        const double hits = share * size;
        return share <= threshold ? upper_bound(hits, size, confidence) <= threshold
                                  : lower_bound(hits, size, confidence) >= threshold;
    };
    if (n > 0 && decided(0)) {
        return 0;
    }
    if (share == threshold || !decided(kLabelsMax)) {
        return std::nullopt;
    }
    int low = 0;
    int high = kLabelsMax;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        (decided(middle) ? high : low) = middle;
    }
    return high;
}

}  // namespace cairn::eval
