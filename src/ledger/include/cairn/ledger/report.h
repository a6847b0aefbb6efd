// SPDX-License-Identifier: Apache-2.0
// Cost, price and margin of a period, per tenant and scenario and per day, with the proof that the
// sums agree with the log.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cairn/base/config.h"
#include "cairn/base/money.h"
#include "cairn/base/result.h"
#include "cairn/ledger/cost.h"
#include "cairn/ledger/meter.h"
#include "cairn/store/database.h"

namespace cairn::ledger {

struct Totals {
    std::int64_t requests = 0;
    std::int64_t disconnected = 0;
    std::int64_t input_uncached = 0;
    std::int64_t input_cached = 0;
    std::int64_t output = 0;
    std::int64_t engine_ms = 0;
    PicosWide price = 0;
    PicosWide cost = 0;  ///< 0 while the hardware's figures are not stated
    PicosWide margin() const { return price - cost; }
    Totals& operator+=(const Totals& other);
    bool operator==(const Totals&) const = default;
};

struct ReportLine {
    std::string tenant;
    std::string scenario;
    Totals totals;
};

struct ReportDay {
    std::string day;  ///< "2026-11-23"
    Totals totals;
};

struct Report {
    Period period;
    std::string currency;
    int price_book = 0;  ///< the newest; 0: none
    Totals totals;
    std::vector<ReportLine> lines;  ///< by tenant, then scenario
    std::vector<ReportDay> days;
    CostModel cost;
    double measured_utilisation =
        0;  ///< engine time over the time since the first event, within the period
    std::vector<std::string> differences;
};

/// `now_ms`: how far the period has come.
Result<Report> make_report(store::Database& database, const Period& period,
                           const HardwareConfig& hardware, std::int64_t now_ms);
/// As docs/formats/http_api.md describes `GET /api/ledger`; money as exact decimal text.
nlohmann::json report_json(const Report& report);
/// A page for a manager.
std::string report_html(const Report& report, std::string_view workspace_name);

}  // namespace cairn::ledger
