// SPDX-License-Identifier: Apache-2.0
// One row for each request and meter, named by a digest of (tenant, request, meter): a second
// telling meets its own row.
#include "cairn/ledger/meter.h"

#include <fmt/format.h>

#include "cairn/base/hash.h"
#include "engine_counts.h"

namespace cairn::ledger {
namespace {

constexpr std::size_t kNameBytesMax = 256;

std::int64_t quantity_of(const UsageEvent& event, MeterKind meter) {
    switch (meter) {
        case MeterKind::kInputUncached:
            return event.input_uncached;
        case MeterKind::kInputCached:
            return event.input_cached;
        case MeterKind::kOutput:
            return event.output;
        case MeterKind::kEngineMs:
            return event.engine_ms;
    }
    return 0;
}

Status check_names(std::string_view tenant, std::string_view request_id) {
    if (tenant.empty() || request_id.empty()) {
        return make_error(Code::kInvalid, "ledger: expected a tenant and a request id, found none");
    }
    if (tenant.size() <= kNameBytesMax && request_id.size() <= kNameBytesMax) return {};
    return make_error(
        Code::kTooLarge,
        fmt::format("ledger: expected names of at most {} bytes, found more", kNameBytesMax));
}

Error other_figures(std::string_view tenant, std::string_view request_id) {
    return make_error(
        Code::kExists,
        fmt::format("ledger: request {} of {} was recorded with other figures", request_id, tenant),
        "a request id names one request for ever");
}

/// Inserts or finds the same row. An event's identity is its id; its substance is quantity and
/// time.
Status record_meter(store::Database& database, const UsageEvent& event, MeterKind meter) {
    const std::int64_t quantity = quantity_of(event, meter);
    const std::string id =
        Sha256().field(event.tenant).field(event.request_id).field(meter_name(meter)).hex();
    CAIRN_TRY(database.exec(
        "INSERT INTO meter_events (id, tenant, request_id, meter, quantity, ended_ms, scenario, "
        "key_id, model_digest, finish_reason, disconnected) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING",
        id, event.tenant, event.request_id, meter, quantity, event.ended_ms, event.scenario,
        event.key_id, event.model_digest, event.finish_reason, event.disconnected));
    if (database.changed_rows() == 1) return {};
    store::Statement row =
        CAIRN_TRY(database.query("SELECT quantity, ended_ms FROM meter_events WHERE id = ?1", id));
    if (CAIRN_TRY(row.step()) && row.integer(0) == quantity && row.integer(1) == event.ended_ms) {
        return {};
    }
    return other_figures(event.tenant, event.request_id);
}

}  // namespace

std::string_view meter_name(MeterKind meter) {
    constexpr std::array<std::string_view, kMeters.size()> kNames{"input_uncached", "input_cached",
                                                                  "output", "engine_ms"};
    return kNames.at(static_cast<std::size_t>(meter));
}

Status record_usage(store::Database& database, const UsageEvent& event) {
    CAIRN_TRY(check_names(event.tenant, event.request_id));
    for (const MeterKind meter : kMeters) {
        if (quantity_of(event, meter) >= 0) continue;
        return make_error(Code::kInvalid,
                          fmt::format("ledger: expected {} of at least 0, found {}",
                                      meter_name(meter), quantity_of(event, meter)));
    }
    store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(database));
    for (const MeterKind meter : kMeters)
        CAIRN_TRY(record_meter(database, event, meter));
    return transaction.commit();
}

Status log_request(store::Database& database, const RequestLogEntry& entry) {
    CAIRN_TRY(check_names(entry.tenant, entry.request_id));
    const bool plausible = entry.cached_tokens >= 0 && entry.completion_tokens >= 0 &&
                           entry.prompt_tokens >= entry.cached_tokens;
    if (!plausible) {
        return make_error(
            Code::kInvalid,
            fmt::format("ledger: expected 0 <= cached <= prompt and completion >= 0, "
                        "found cached {}, prompt {}, completion {}",
                        entry.cached_tokens, entry.prompt_tokens, entry.completion_tokens));
    }
    CAIRN_TRY(database.exec(
        "INSERT INTO request_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
        "ON CONFLICT (tenant, request_id) DO NOTHING",
        entry.tenant, entry.request_id, entry.scenario, entry.status, entry.prompt_tokens,
        entry.cached_tokens, entry.completion_tokens, entry.ended_ms));
    if (database.changed_rows() == 1) return {};
    store::Statement row = CAIRN_TRY(database.query(
        "SELECT 1 FROM request_log WHERE tenant = ?1 AND request_id = ?2 AND status = ?3 AND "
        "prompt_tokens = ?4 AND cached_tokens = ?5 AND completion_tokens = ?6 AND ended_ms = ?7",
        entry.tenant, entry.request_id, entry.status, entry.prompt_tokens, entry.cached_tokens,
        entry.completion_tokens, entry.ended_ms));
    if (CAIRN_TRY(row.step())) return {};
    return other_figures(entry.tenant, entry.request_id);
}

Status record_request(store::Database& database, const EndedRequest& ended) {
    const UsageEvent& usage = ended.usage;
    store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(database));
    CAIRN_TRY(record_usage(database, usage));
    RequestLogEntry entry;
    entry.tenant = usage.tenant;
    entry.request_id = usage.request_id;
    entry.scenario = usage.scenario;
    entry.status = ended.status;
    entry.prompt_tokens = usage.input_uncached + usage.input_cached;
    entry.cached_tokens = usage.input_cached;
    entry.completion_tokens = usage.output;
    entry.ended_ms = usage.ended_ms;
    CAIRN_TRY(log_request(database, entry));
    CAIRN_TRY(record_engine_run(database, ended.run, usage.ended_ms, false));
    CAIRN_TRY(
        database.exec("INSERT INTO engine_shares VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                      "ON CONFLICT (tenant, request_id) DO NOTHING",
                      usage.tenant, usage.request_id, ended.run.run, ended.exact, ended.share.input,
                      ended.share.cached, ended.share.output));
    return transaction.commit();
}

namespace {

/// Whether meter and log agree, by way of the index on time and without sorting. When every logged
/// request finds its own quantities at its own time, what else was metered is what the sums differ
/// by; quantities are never negative. A "no" may be a difference in time only.
Result<bool> agree(store::Database& database, const Period& period) {
    store::Statement differ = CAIRN_TRY(database.query(
        R"sql(
        SELECT 1 FROM request_log r WHERE ended_ms >= ?1 AND ended_ms < ?2 AND NOT
            (prompt_tokens - cached_tokens, cached_tokens, completion_tokens) = (
                SELECT COALESCE(SUM(quantity) FILTER (WHERE meter = 0), 0),
                       COALESCE(SUM(quantity) FILTER (WHERE meter = 1), 0),
                       COALESCE(SUM(quantity) FILTER (WHERE meter = 2), 0)
                FROM meter_events e WHERE e.ended_ms = r.ended_ms AND e.tenant = r.tenant
                    AND e.request_id = r.request_id)
        LIMIT 1)sql",
        period.start_ms, period.end_ms));
    if (CAIRN_TRY(differ.step())) return false;
    store::Statement sums = CAIRN_TRY(database.query(
        R"sql(
        SELECT (SELECT COALESCE(SUM(quantity), 0) FROM meter_events
                WHERE ended_ms >= ?1 AND ended_ms < ?2 AND meter <= 2),
               (SELECT COALESCE(SUM(prompt_tokens + completion_tokens), 0) FROM request_log
                WHERE ended_ms >= ?1 AND ended_ms < ?2))sql",
        period.start_ms, period.end_ms));
    return CAIRN_TRY(sums.step()) && sums.integer(0) == sums.integer(1);
}

/// Meter against request log.
Status compare_log(store::Database& database, const Period& period, int limit,
                   std::vector<std::string>& differences) {
    if (CAIRN_TRY(agree(database, period))) return {};
    // Each side as rows (tenant, request, meter, quantity); a zero equals an absence, so that
    // refused requests agree.
    store::Statement rows = CAIRN_TRY(database.query(
        R"sql(
        WITH logged AS (
            SELECT tenant, request_id, 0 AS meter, prompt_tokens - cached_tokens AS quantity
            FROM request_log WHERE ended_ms >= ?1 AND ended_ms < ?2
            UNION ALL SELECT tenant, request_id, 1, cached_tokens
            FROM request_log WHERE ended_ms >= ?1 AND ended_ms < ?2
            UNION ALL SELECT tenant, request_id, 2, completion_tokens
            FROM request_log WHERE ended_ms >= ?1 AND ended_ms < ?2
        ), metered AS (
            SELECT tenant, request_id, meter, quantity FROM meter_events
            WHERE ended_ms >= ?1 AND ended_ms < ?2 AND meter <= 2
        )
        SELECT tenant, request_id, meter, SUM(logged), SUM(metered) FROM (
            SELECT tenant, request_id, meter, quantity AS logged, 0 AS metered FROM logged
            UNION ALL SELECT tenant, request_id, meter, 0, quantity FROM metered
        ) GROUP BY tenant, request_id, meter HAVING SUM(logged) <> SUM(metered)
        ORDER BY tenant, request_id, meter LIMIT ?3)sql",
        period.start_ms, period.end_ms, limit));
    while (CAIRN_TRY(rows.step())) {
        differences.push_back(fmt::format(
            "{} {}: {}: logged {}, metered {}", rows.view(0), rows.view(1),
            meter_name(static_cast<MeterKind>(rows.integer(2))), rows.integer(3), rows.integer(4)));
    }
    return {};
}

}  // namespace

Result<std::vector<std::string>> reconcile(store::Database& database, const Period& period,
                                           int limit) {
    std::vector<std::string> differences;
    CAIRN_TRY(compare_log(database, period, limit, differences));
    CAIRN_TRY(compare_engine(database, period, limit, differences));
    return differences;
}

}  // namespace cairn::ledger
