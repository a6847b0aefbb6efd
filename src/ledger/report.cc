// SPDX-License-Identifier: Apache-2.0
// One pass over the events, folded into lines, days and totals; price and cost are linear, so the
// order of adding does not matter.
#include "cairn/ledger/report.h"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "cairn/base/clock.h"
#include "cairn/base/html_report.h"
#include "cairn/ledger/prices.h"
#include "schema.h"

namespace cairn::ledger {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

struct Group {
    std::string tenant;
    std::string scenario;
    std::int64_t day = 0;
    MeterKind meter = MeterKind::kOutput;
    int book = 0;
    std::int64_t quantity = 0;
    std::int64_t events = 0;
    std::int64_t disconnected = 0;
};

/// From when on which price book counts.
Result<std::map<std::int64_t, int>> book_starts(store::Database& database) {
    store::Statement rows = CAIRN_TRY(
        database.query("SELECT valid_from_ms, version FROM price_books ORDER BY version"));
    std::map<std::int64_t, int> starts{{INT64_MIN, 0}};
    while (CAIRN_TRY(rows.step())) {
        starts[rows.integer(0)] = static_cast<int>(rows.integer(1));  // of two the later version
    }
    return starts;
}

/// Sums here and not in SQL: hundreds of groups hash faster than half a million rows sort.
Result<std::vector<Group>> read_groups(store::Database& database, const Period& period) {
    const auto starts = CAIRN_TRY(book_starts(database));
    store::Statement rows = CAIRN_TRY(database.query(
        "SELECT tenant, scenario, ended_ms, meter, quantity, disconnected FROM meter_events "
        "WHERE ended_ms >= ?1 AND ended_ms < ?2",
        period.start_ms, period.end_ms));
    std::unordered_map<std::string, std::size_t> places;
    std::vector<Group> groups;
    std::string key;
    while (CAIRN_TRY(rows.step())) {
        const std::int64_t day = rows.integer(2) / kDayMs;
        const auto meter = static_cast<MeterKind>(rows.integer(3));
        const int book = std::prev(starts.upper_bound(rows.integer(2)))->second;
        key.assign(rows.view(0)).push_back('\0');
        key.append(rows.view(1)).push_back('\0');
        key += fmt::format("{} {} {}", day, rows.integer(3), book);
        const auto [place, fresh] = places.emplace(key, groups.size());
        if (fresh) groups.push_back({rows.text(0), rows.text(1), day, meter, book});
        Group& group = groups[place->second];
        group.quantity += rows.integer(4);
        group.events += 1;
        group.disconnected += rows.integer(5);
    }
    return groups;
}

Totals totals_of(const Group& group, const PricesConfig& prices, const CostModel& cost) {
    Totals totals;
    totals.price = rate(prices, group.meter, group.quantity);
    switch (group.meter) {
        case MeterKind::kInputUncached:
            totals.input_uncached = group.quantity;
            break;
        case MeterKind::kInputCached:
            totals.input_cached = group.quantity;
            break;
        case MeterKind::kOutput:
            // Every request has one row for each meter; this one counts the requests.
            totals.output = group.quantity;
            totals.requests = group.events;
            totals.disconnected = group.disconnected;
            break;
        case MeterKind::kEngineMs:
            totals.engine_ms = group.quantity;
            if (cost.known) totals.cost = static_cast<PicosWide>(cost.engine_ms) * group.quantity;
            break;
    }
    return totals;
}

Result<double> measured_utilisation(store::Database& database, const Report& report,
                                    std::int64_t now_ms) {
    store::Statement row = CAIRN_TRY(database.query("SELECT MIN(ended_ms) FROM meter_events"));
    if (!CAIRN_TRY(row.step()) || row.is_null(0)) return 0.0;
    const std::int64_t from = std::max(report.period.start_ms, row.integer(0));
    const std::int64_t to = std::min(report.period.end_ms, now_ms);
    if (to <= from) return 0.0;
    return std::min(1.0,
                    static_cast<double>(report.totals.engine_ms) / static_cast<double>(to - from));
}

nlohmann::json totals_json(const Totals& totals) {
    return {{"requests", totals.requests},
            {"disconnected", totals.disconnected},
            {"input_uncached", totals.input_uncached},
            {"input_cached", totals.input_cached},
            {"output", totals.output},
            {"engine_ms", totals.engine_ms},
            {"cost", money_exact(totals.cost)},
            {"price", money_exact(totals.price)},
            {"margin", money_exact(totals.margin())}};
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
    requests += other.requests;
    disconnected += other.disconnected;
    input_uncached += other.input_uncached;
    input_cached += other.input_cached;
    output += other.output;
    engine_ms += other.engine_ms;
    price += other.price;
    cost += other.cost;
    return *this;
}

Result<Report> make_report(store::Database& database, const Period& period,
                           const HardwareConfig& hardware, std::int64_t now_ms) {
    // One read transaction: events that arrive meanwhile must not make the sums disagree with the
    // log.
    const store::Transaction snapshot = CAIRN_TRY(store::Transaction::snapshot(database));
    Report report;
    report.period = period;
    report.cost = cost_model(hardware);
    if (const auto book = CAIRN_TRY(newest_price_book(database))) {
        report.currency = book->currency;
        report.price_book = book->version;
    }
    std::map<std::pair<std::string, std::string>, Totals> lines;
    std::map<std::int64_t, Totals> days;
    std::map<int, PricesConfig> books{{0, {}}};
    for (const Group& group : CAIRN_TRY(read_groups(database, period))) {
        if (!books.contains(group.book)) {
            books[group.book] = CAIRN_TRY(price_book(database, group.book)).prices;
        }
        const Totals part = totals_of(group, books[group.book], report.cost);
        report.totals += part;
        lines[{group.tenant, group.scenario}] += part;
        days[group.day] += part;
    }
    for (const auto& [key, totals] : lines)
        report.lines.push_back({key.first, key.second, totals});
    for (const auto& [day, totals] : days) {
        report.days.push_back({iso_time(day * kDayMs).substr(0, 10), totals});
    }
    report.measured_utilisation = CAIRN_TRY(measured_utilisation(database, report, now_ms));
    report.differences = CAIRN_TRY(reconcile(database, period));
    return report;
}

nlohmann::json report_json(const Report& report) {
    nlohmann::json lines = nlohmann::json::array();
    for (const ReportLine& line : report.lines) {
        lines.push_back(totals_json(line.totals));
        lines.back().update({{"tenant", line.tenant}, {"scenario", line.scenario}});
    }
    nlohmann::json days = nlohmann::json::array();
    for (const ReportDay& day : report.days) {
        days.push_back(totals_json(day.totals));
        days.back()["day"] = day.day;
    }
    return {{"currency", report.currency},
            {"from", iso_time(report.period.start_ms).substr(0, 10)},
            {"to", iso_time(report.period.end_ms).substr(0, 10)},
            {"price_book", report.price_book == 0 ? "" : std::to_string(report.price_book)},
            {"totals", totals_json(report.totals)},
            {"lines", lines},
            {"days", days},
            {"machine",
             {{"known", report.cost.known},
              {"cost_per_hour", money_exact(report.cost.machine_hour)},
              {"cost_per_engine_hour", money_exact(report.cost.engine_hour)},
              {"utilisation", report.measured_utilisation},
              {"utilisation_assumed", report.cost.utilisation}}},
            {"reconciled", report.differences.empty()},
            {"differences", report.differences}};
}

}  // namespace cairn::ledger
