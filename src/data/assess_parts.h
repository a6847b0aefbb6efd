// SPDX-License-Identifier: Apache-2.0
// What the assessments of all kinds of scenario share: formatting and shares with intervals.
#pragma once

#include <string>
#include <string_view>

#include "cairn/data/assess.h"

namespace cairn::data {

struct Share {
    std::int64_t hits = 0;
    std::int64_t of = 0;
    double value() const;
    /// "33 of 40, 83 % (68 to 91)" with the Wilson interval at 95 %.
    std::string text() const;
};

std::string percent(double share);

/// Good when the condition holds, else `otherwise`.
Tone tone_if(bool good, Tone otherwise);

/// Personal data per 1,000 texts and secrets, as two figures.
void add_risk_figures(std::int64_t texts, std::int64_t personal, std::int64_t secrets,
                      Assessment& assessment);

}  // namespace cairn::data
