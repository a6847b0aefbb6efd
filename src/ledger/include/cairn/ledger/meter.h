// SPDX-License-Identifier: Apache-2.0
// The meter: what each request used, recorded exactly once and for ever; the request log that serve
// keeps apart from it; and the engine's own counts, so that independent counts can be compared.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/database.h"

namespace cairn::ledger {

/// Half-open [start_ms, end_ms) in UTC milliseconds; every event lies in exactly one month.
struct Period {
    std::int64_t start_ms = 0;
    std::int64_t end_ms = 0;
    bool operator==(const Period&) const = default;
};
/// "2026-11" (the month), "2026-11-23" (the day) or "2026". Errors: kInvalid.
Result<Period> parse_period(std::string_view text);
/// The calendar month that holds the moment.
Period month_of(std::int64_t utc_ms);
/// "2026-11" for a whole month, "2026-11-03 to 2026-11-09" (inclusive days) otherwise.
std::string period_name(const Period& period);

/// The meters are disjoint: a cached input token is not an uncached one. Adding a meter is one line
/// in each of the two tables.
enum class MeterKind { kInputUncached, kInputCached, kOutput, kEngineMs };
inline constexpr std::array<MeterKind, 4> kMeters{
    MeterKind::kInputUncached, MeterKind::kInputCached, MeterKind::kOutput, MeterKind::kEngineMs};
/// "input_uncached", "input_cached", "output", "engine_ms".
std::string_view meter_name(MeterKind meter);

/// What one request used, told once when it ends, however it ends.
struct UsageEvent {
    std::string tenant;
    std::string request_id;
    std::string key_id;
    std::string scenario;
    std::string model_digest;
    std::string finish_reason;  ///< "stop", "length", "disconnected", "error", ...
    std::int64_t ended_ms = 0;  ///< decides the period and the price book
    std::int64_t input_uncached = 0;
    std::int64_t input_cached = 0;
    std::int64_t output = 0;  ///< generated tokens, whether or not the client still listened
    std::int64_t engine_ms =
        0;  ///< its share of the engine's time: a batch's time is divided among its requests
    bool disconnected = false;
};

/// Creates or upgrades the ledger's tables. Call once after the store is open.
Status open_ledger(store::Database& database);

/// Durable when it returns. Telling the same event again changes nothing. Errors: kInvalid
/// (negative or unnamed), kExists when the request was recorded with other figures.
Status record_usage(store::Database& database, const UsageEvent& event);

/// One line of the request log, from the usage object that was sent to the client (input includes
/// cached tokens, as there).
struct RequestLogEntry {
    std::string tenant;
    std::string request_id;
    std::string scenario;
    int status = 200;  ///< HTTP
    std::int64_t prompt_tokens = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t ended_ms = 0;
};

/// Same promises as record_usage. To write both or none, open one store::Transaction around the two
/// calls.
Status log_request(store::Database& database, const RequestLogEntry& entry);

/// Tokens as the engine counts them where it computes; cached ones are part of the input.
struct EngineCount {
    std::int64_t input = 0;
    std::int64_t cached = 0;
    std::int64_t output = 0;
};

/// One process that ran the engine for clients, and all that the engine has counted since then.
struct EngineRun {
    std::string run;  ///< its name, never used again
    std::int64_t started_ms = 0;
    EngineCount total;
};

/// Keeps the largest counts seen: requests that end at once may tell them in any order. `closed`:
/// every request has told its share, so that from now on nothing may be missing.
Status record_engine_run(store::Database& database, const EngineRun& run, std::int64_t now_ms,
                         bool closed);

/// A request that has ended, with everything that is written of it.
struct EndedRequest {
    UsageEvent usage;
    int status = 200;   ///< HTTP
    EngineCount share;  ///< of what the engine counted
    bool exact = true;  ///< false: more may be metered than the engine did (a chosen quote)
    EngineRun run;
};

/// Meter, request log, share and the engine's counts, all or none.
Status record_request(store::Database& database, const EndedRequest& ended);

/// Every request of the period whose two counts differ, or that only one side knows (a logged
/// request without tokens needs no event): "acme req_12: output: logged 7, metered 8"; every
/// request that was metered otherwise than the engine computed for it; every engine whose own
/// counts are less than its requests told, or more when it has ended. Empty: all agree. At most
/// `limit` lines of each kind.
Result<std::vector<std::string>> reconcile(store::Database& database, const Period& period,
                                           int limit = 100);

}  // namespace cairn::ledger
