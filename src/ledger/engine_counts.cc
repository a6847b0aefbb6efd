// SPDX-License-Identifier: Apache-2.0
// An engine counts where it computes, a request tells what it was given: two ways to one number.
#include "engine_counts.h"

#include <fmt/format.h>

namespace cairn::ledger {
namespace {

/// Requests that were metered otherwise than the engine computed for them.
Status compare_shares(store::Database& database, const Period& period, int limit,
                      std::vector<std::string>& differences) {
    store::Statement rows = CAIRN_TRY(database.query(
        R"sql(
        SELECT r.tenant, r.request_id, r.prompt_tokens, r.cached_tokens, r.completion_tokens,
               s.input, s.cached, s.output
        FROM request_log r JOIN engine_shares s USING (tenant, request_id)
        WHERE r.ended_ms >= ?1 AND r.ended_ms < ?2
          AND (r.prompt_tokens < s.input OR r.cached_tokens < s.cached
               OR r.completion_tokens < s.output
               OR (s.exact AND (r.prompt_tokens <> s.input OR r.cached_tokens <> s.cached
                                OR r.completion_tokens <> s.output)))
        ORDER BY r.tenant, r.request_id LIMIT ?3)sql",
        period.start_ms, period.end_ms, limit));
    while (CAIRN_TRY(rows.step())) {
        differences.push_back(fmt::format(
            "{} {}: metered {} in ({} cached) and {} out, the engine computed {} ({}) and {}",
            rows.view(0), rows.view(1), rows.integer(2), rows.integer(3), rows.integer(4),
            rows.integer(5), rows.integer(6), rows.integer(7)));
    }
    return {};
}

/// Engines whose own counts do not agree with what their requests told.
Status compare_runs(store::Database& database, const Period& period, int limit,
                    std::vector<std::string>& differences) {
    store::Statement rows = CAIRN_TRY(database.query(
        R"sql(
        WITH told AS (
            SELECT run, sum(input) AS input, sum(cached) AS cached, sum(output) AS output
            FROM engine_shares GROUP BY run
        )
        SELECT r.run, r.closed, r.input, r.cached, r.output, coalesce(t.input, 0),
               coalesce(t.cached, 0), coalesce(t.output, 0)
        FROM engine_runs r LEFT JOIN told t USING (run)
        WHERE r.started_ms < ?2 AND r.seen_ms >= ?1
          AND (r.input < coalesce(t.input, 0) OR r.cached < coalesce(t.cached, 0)
               OR r.output < coalesce(t.output, 0)
               OR (r.closed AND (r.input > coalesce(t.input, 0) OR r.cached > coalesce(t.cached, 0)
                                 OR r.output > coalesce(t.output, 0))))
        ORDER BY r.started_ms, r.run LIMIT ?3)sql",
        period.start_ms, period.end_ms, limit));
    while (CAIRN_TRY(rows.step())) {
        differences.push_back(fmt::format(
            "engine {} ({}): counted {} in ({} cached) and {} out, its requests told {} ({}) and "
            "{}",
            rows.view(0), rows.integer(1) != 0 ? "ended" : "open", rows.integer(2), rows.integer(3),
            rows.integer(4), rows.integer(5), rows.integer(6), rows.integer(7)));
    }
    return {};
}

}  // namespace

Status record_engine_run(store::Database& database, const EngineRun& run, std::int64_t now_ms,
                         bool closed) {
    return database.exec(
        "INSERT INTO engine_runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run) DO UPDATE "
        "SET seen_ms = max(seen_ms, ?3), closed = max(closed, ?4), input = max(input, ?5), "
        "cached = max(cached, ?6), output = max(output, ?7)",
        run.run, run.started_ms, now_ms, closed, run.total.input, run.total.cached,
        run.total.output);
}

Status compare_engine(store::Database& database, const Period& period, int limit,
                      std::vector<std::string>& differences) {
    CAIRN_TRY(compare_shares(database, period, limit, differences));
    return compare_runs(database, period, limit, differences);
}

}  // namespace cairn::ledger
