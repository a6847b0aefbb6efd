// SPDX-License-Identifier: Apache-2.0
// Bounds are one-sided at 95 %: a gate that passes is wrong at most once in twenty.
#include "cairn/eval/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace cairn::eval {

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::kPass:
            return "pass";
        case Verdict::kFail:
            return "fail";
        case Verdict::kNotEnoughEvidence:
            return "not enough evidence";
    }
    return "";
}

Verdict Gate::verdict() const {
    auto is = [](Verdict wanted) {
        return [wanted](const Criterion& criterion) { return criterion.verdict == wanted; };
    };
    if (std::any_of(criteria.begin(), criteria.end(), is(Verdict::kFail))) {
        return Verdict::kFail;
    }
    const bool pass = std::all_of(criteria.begin(), criteria.end(), is(Verdict::kPass));
    return pass && !criteria.empty() ? Verdict::kPass : Verdict::kNotEnoughEvidence;
}

Criterion share_criterion(std::string name, double successes, double n, double threshold,
                          bool at_most, double design_effect) {
    Criterion out;
    out.name = std::move(name);
    out.threshold = threshold;
    out.at_most = at_most;
    out.n = static_cast<int>(n);
    if (n <= 0) {
        out.note = "no labelled question of this kind";
        return out;
    }
    out.value = successes / n;
    const double size = n / std::max(1.0, design_effect);
    const double hits = out.value * size;
    const double low = lower_bound(hits, size);
    const double high = upper_bound(hits, size);
    out.bound = at_most ? high : low;
    if (at_most ? high <= threshold : low >= threshold) {
        out.verdict = Verdict::kPass;
    } else if (at_most ? low > threshold : high < threshold) {
        out.verdict = Verdict::kFail;
        out.note = "the whole interval is on the wrong side";
    } else {
        const auto more = need_more_labels(hits, size, threshold, at_most);
        // Labels come with the same clustering as those at hand.
        out.more_labels =
            more ? static_cast<int>(std::ceil(*more * std::max(1.0, design_effect))) : 0;
        out.note = more ? fmt::format("label {} more questions", out.more_labels)
                        : "the measured share is the threshold: labels alone cannot decide";
    }
    return out;
}

Criterion mean_criterion(std::string name, const Estimate& estimate, double threshold) {
    Criterion out;
    out.name = std::move(name);
    out.value = estimate.mean;
    out.bound = estimate.interval.low;
    out.threshold = threshold;
    out.n = estimate.n;
    out.clusters = estimate.clusters;
    if (estimate.interval.low >= threshold && estimate.n > 1) {
        out.verdict = Verdict::kPass;
    } else if (estimate.interval.high < threshold && estimate.n > 1) {
        out.verdict = Verdict::kFail;
        out.note = "the whole interval is below the threshold";
    } else {
        // The half width shrinks with the root of n.
        const double half = estimate.mean - estimate.interval.low;
        const double distance = std::abs(estimate.mean - threshold);
        if (std::isfinite(half) && distance > 0 && half > distance) {
            const double factor = half * half / (distance * distance);
            out.more_labels = static_cast<int>(std::min(1e6, std::ceil(estimate.n * (factor - 1))));
        }
        out.note = out.more_labels > 0 ? fmt::format("label {} more examples", out.more_labels)
                                       : "too few examples to say";
    }
    return out;
}

nlohmann::json to_json(const Gate& gate) {
    nlohmann::json criteria = nlohmann::json::array();
    for (const Criterion& c : gate.criteria) {
        criteria.push_back({{"name", c.name},
                            {"value", c.value},
                            {"bound", c.bound},
                            {"threshold", c.threshold},
                            {"at_most", c.at_most},
                            {"n", c.n},
                            {"clusters", c.clusters},
                            {"verdict", verdict_name(c.verdict)},
                            {"more_labels", c.more_labels},
                            {"note", c.note}});
    }
    return {{"verdict", verdict_name(gate.verdict())}, {"criteria", criteria}};
}

}  // namespace cairn::eval
