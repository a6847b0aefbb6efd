// SPDX-License-Identifier: Apache-2.0
// The gate before a release: each criterion passes, fails, or has not enough evidence and says how
// many labels are missing. The bound decides, not the point estimate.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/eval/stats.h"

namespace cairn::eval {

enum class Verdict { kPass, kFail, kNotEnoughEvidence };
/// "pass", "fail", "not enough evidence".
std::string_view verdict_name(Verdict verdict);

struct Criterion {
    std::string name;  ///< "wrong answers", "recall@5", ...
    double value = 0;  ///< as measured
    double bound = 0;  ///< one-sided 95 % bound in the direction that matters
    double threshold = 0;
    bool at_most = false;  ///< value must be <= threshold; else >=
    int n = 0;
    int clusters = 0;
    Verdict verdict = Verdict::kNotEnoughEvidence;
    int more_labels = 0;  ///< when there is not enough evidence; 0: cannot be said
    std::string note;     ///< "label 73 more questions"
};

struct Gate {
    std::vector<Criterion> criteria;
    /// Fails when one fails; passes when all pass.
    Verdict verdict() const;
};

/// A share `successes`/n against a threshold; `design_effect` shrinks n (answers from one document
/// are not independent).
Criterion share_criterion(std::string name, double successes, double n, double threshold,
                          bool at_most, double design_effect = 1);
/// The lower end of a mean's interval against a threshold.
Criterion mean_criterion(std::string name, const Estimate& estimate, double threshold);

nlohmann::json to_json(const Gate& gate);

}  // namespace cairn::eval
