// SPDX-License-Identifier: Apache-2.0
// Pieces that the pages of all suites share.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cairn/base/html_report.h"
#include "cairn/eval/gate.h"
#include "cairn/eval/stats.h"

namespace cairn::eval {

/// "83 %", "4.2 %".
std::string percent(double share);
/// "83 % (76 to 89 %, n = 60)".
std::string share_text(const Estimate& estimate);
nlohmann::json estimate_json(const Estimate& estimate);
void add_verdict(const Gate& gate, std::string_view explanation, HtmlReport& page);
void add_gate_table(const Gate& gate, HtmlReport& page);

}  // namespace cairn::eval
