// SPDX-License-Identifier: Apache-2.0
// Clocks and ISO 8601 in UTC, on the calendar of <chrono>.
#include "cairn/base/clock.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>

namespace cairn {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

/// `digits` decimal digits at `at`, then the character `after` (0: none); moves `at` past both.
std::optional<int> take_number(std::string_view text, std::size_t& at, std::size_t digits,
                               char after) {
    const std::string_view part = text.substr(std::min(at, text.size()), digits);
    int value = 0;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool whole = problem == std::errc() && end == part.data() + digits && part[0] != '-';
    if (part.size() != digits || !whole) return std::nullopt;
    at += digits;
    if (after == 0) return value;
    if (at >= text.size() || text[at] != after) return std::nullopt;
    ++at;
    return value;
}

std::optional<std::int64_t> day_ms(std::string_view text, std::size_t& at) {
    const auto year = take_number(text, at, 4, '-');
    const auto month = take_number(text, at, 2, '-');
    const auto day = take_number(text, at, 2, 0);
    if (!year || !month || !day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::int64_t{sys_days(date).time_since_epoch().count()} * 86'400'000;
}

std::optional<std::int64_t> time_of_day_ms(std::string_view text, std::size_t& at) {
    const auto hour = take_number(text, at, 2, ':');
    const auto minute = take_number(text, at, 2, ':');
    const auto second = take_number(text, at, 2, 0);
    if (!hour || !minute || !second) return std::nullopt;
    if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    int milliseconds = 0;
    if (at < text.size() && text[at] == '.') {
        const auto fraction = take_number(text, ++at, 3, 0);
        if (!fraction) return std::nullopt;
        milliseconds = *fraction;
    }
    if (text.substr(at) != "Z") return std::nullopt;
    at = text.size();
    return ((*hour * 60 + *minute) * 60 + *second) * std::int64_t{1000} + milliseconds;
}

}  // namespace

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double now_seconds() {
    return static_cast<double>(now_ns()) * 1e-9;
}

std::int64_t utc_ms() {
    if (const char* fixed = std::getenv("CAIRN_FIXED_TIME")) {
        const std::string_view text = fixed;
        std::int64_t seconds = 0;
        std::from_chars(text.data(), text.data() + text.size(), seconds);
        return seconds * 1000;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string iso_time(std::int64_t utc_ms) {
    const std::chrono::sys_time<std::chrono::milliseconds> moment{
        std::chrono::milliseconds(utc_ms)};
    const auto day = std::chrono::floor<days>(moment);
    const std::chrono::year_month_day date{day};
    const auto second = std::chrono::floor<std::chrono::seconds>(moment) - day;
    const std::chrono::hh_mm_ss time{second};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count());
}

Result<std::int64_t> parse_iso_time(std::string_view text) {
    std::size_t at = 0;
    const auto day = day_ms(text, at);
    if (day && at == text.size()) return *day;
    if (day && text[at] == 'T') {
        const auto time = time_of_day_ms(text, ++at);
        if (time) return *day + *time;
    }
    return make_error(Code::kInvalid,
                      fmt::format("expected a UTC time like 2026-11-23 or 2026-11-23T19:48:00Z, "
                                  "found '{}'",
                                  text.substr(0, 64)));
}

}  // namespace cairn
