// SPDX-License-Identifier: Apache-2.0
// Periods on the UTC calendar.
#include <chrono>

#include "cairn/base/clock.h"
#include "cairn/ledger/meter.h"

namespace cairn::ledger {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

std::int64_t start_of(std::chrono::year_month_day date) {
    return std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * kDayMs;
}

std::chrono::year_month_day date_of(std::int64_t utc_ms) {
    return std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(utc_ms)));
}

std::string day_name(std::int64_t utc_ms) {
    return iso_time(utc_ms).substr(0, 10);
}

}  // namespace

Period month_of(std::int64_t utc_ms) {
    const std::chrono::year_month_day date = date_of(utc_ms);
    const auto month = date.year() / date.month();
    return {start_of(month / 1), start_of((month + std::chrono::months(1)) / 1)};
}

Result<Period> parse_period(std::string_view text) {
    constexpr std::size_t kYear = 4;
    constexpr std::size_t kMonth = 7;
    constexpr std::size_t kDay = 10;
    std::string day(text);
    if (text.size() == kYear) day += "-01-01";
    if (text.size() == kMonth) day += "-01";
    const auto start = parse_iso_time(day);
    if (!start || day.size() != kDay) {
        return make_error(Code::kInvalid,
                          "expected a period like 2026-11, 2026-11-23 or 2026, found '" +
                              std::string(text.substr(0, 32)) + "'");
    }
    if (text.size() == kDay) return Period{*start, *start + kDayMs};
    if (text.size() == kMonth) return month_of(*start);
    return Period{*start, start_of((date_of(*start).year() + std::chrono::years(1)) / 1 / 1)};
}

std::string period_name(const Period& period) {
    if (period == month_of(period.start_ms)) return day_name(period.start_ms).substr(0, 7);
    const std::string first = day_name(period.start_ms);
    const std::string last = day_name(period.end_ms - 1);
    return first == last ? first : first + " to " + last;
}

}  // namespace cairn::ledger
