// SPDX-License-Identifier: Apache-2.0
// Verdict, gate table and the wording of intervals.
#include "report_parts.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace cairn::eval {
namespace {

/// JSON has no infinity; an unbounded end is null.
nlohmann::json finite(double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

Tone tone_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::kPass:
            return Tone::kGood;
        case Verdict::kFail:
            return Tone::kBad;
        case Verdict::kNotEnoughEvidence:
            return Tone::kWarn;
    }
    return Tone::kNeutral;
}

}  // namespace

std::string percent(double share) {
    const double value = 100 * share;
    return value > 0 && value < 10 ? fmt::format("{:.1f} %", value)
                                   : fmt::format("{:.0f} %", value);
}

std::string share_text(const Estimate& estimate) {
    if (estimate.n == 0) {
        return "no question of this kind";
    }
    return fmt::format("{} ({} to {}, n = {})", percent(estimate.mean),
                       percent(estimate.interval.low), percent(estimate.interval.high), estimate.n);
}

nlohmann::json estimate_json(const Estimate& estimate) {
    return {{"mean", estimate.mean},
            {"low", finite(estimate.interval.low)},
            {"high", finite(estimate.interval.high)},
            {"n", estimate.n},
            {"clusters", estimate.clusters},
            {"design_effect", estimate.design_effect}};
}

void add_verdict(const Gate& gate, std::string_view explanation, HtmlReport& page) {
    const Verdict verdict = gate.verdict();
    std::string headline = "The gate: " + std::string(verdict_name(verdict));
    if (verdict == Verdict::kNotEnoughEvidence) {
        for (const Criterion& criterion : gate.criteria) {
            if (criterion.verdict == verdict) {
                headline += fmt::format(" ({}: {})", criterion.name, criterion.note);
            }
        }
    }
    page.verdict(tone_of(verdict), headline, explanation);
}

void add_gate_table(const Gate& gate, HtmlReport& page) {
    page.heading("The gate, criterion by criterion");
    std::vector<std::vector<std::string>> rows;
    for (const Criterion& c : gate.criteria) {
        rows.push_back({c.name, fmt::format("{:.3f}", c.value), fmt::format("{:.3f}", c.bound),
                        fmt::format("{} {:.3f}", c.at_most ? "at most" : "at least", c.threshold),
                        std::to_string(c.n), std::to_string(c.clusters),
                        std::string(verdict_name(c.verdict)), c.note});
    }
    const std::vector<std::string> columns = {"criterion", "measured", "95 % bound", "threshold",
                                              "n",         "clusters", "verdict",    "note"};
    page.table(columns, rows, "The bound decides, not the measured value.");
}

}  // namespace cairn::eval
