// SPDX-License-Identifier: Apache-2.0
// Measures a style scenario: is the tuned model better than its base on held-out examples, pair by
// pair, and do its replies keep the structure of the house's replies.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cairn/base/config.h"
#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/eval/gate.h"
#include "cairn/eval/metrics.h"

namespace cairn::eval {

struct StyleExample {
    std::string id;
    std::string prompt;  ///< what the customer wrote
    std::string reply;   ///< what the house answered
};

struct StyleModel {
    /// Mean loss of the reply's tokens in nats.
    std::function<Result<double>(const StyleExample&)> loss;
    /// A reply to the prompt. Without the function, or for examples where both models' replies are
    /// empty, no structure is measured.
    std::function<Result<std::string>(const StyleExample&)> reply;
};

struct StyleJudged {
    StyleExample example;
    double base_loss = 0;
    double tuned_loss = 0;
    std::string base_reply;
    std::string tuned_reply;
    double base_structure = 0;
    double tuned_structure = 0;
};

struct StyleReport {
    std::vector<StyleJudged> items;
    std::vector<std::string> markers;  ///< the structure that was learned
    Estimate base_loss;
    Estimate tuned_loss;
    Estimate improvement;  ///< base - tuned, paired
    double improvement_p = 1;
    Estimate base_structure;
    Estimate tuned_structure;
    Estimate structure_gain;  ///< paired
    int improved = 0;         ///< examples with a smaller loss
    Gate gate;
};

/// `training` teaches the structure; `held_out` is measured and must share no example with it
/// (kInvalid names the first that does).
Result<StyleReport> run_style_suite(const std::vector<StyleExample>& training,
                                    const std::vector<StyleExample>& held_out,
                                    const StyleModel& base, const StyleModel& tuned,
                                    const GateConfig& gate, Progress* progress = nullptr);

nlohmann::json to_json(const StyleReport& report);
std::string to_html(const StyleReport& report, std::string_view scenario,
                    std::string_view subtitle);

}  // namespace cairn::eval
