// SPDX-License-Identifier: Apache-2.0
// Time: a monotonic clock for durations, UTC for records. Tests can freeze UTC with
// CAIRN_FIXED_TIME (seconds).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn {

/// Monotonic nanoseconds.
std::int64_t now_ns();
/// Monotonic seconds as a double.
double now_seconds();
/// Milliseconds since 1970-01-01 UTC.
std::int64_t utc_ms();
/// "2026-11-23T19:48:00Z" of milliseconds since 1970.
std::string iso_time(std::int64_t utc_ms);
/// Parses "2026-11-23" or a full ISO time in UTC to milliseconds. Errors: kInvalid.
Result<std::int64_t> parse_iso_time(std::string_view text);

}  // namespace cairn
