// SPDX-License-Identifier: Apache-2.0
// One engine run a process; one request an answer.
#include "terminal_meter.h"

#include <cmath>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/ledger/prices.h"

namespace cairn::cli {

namespace {

constexpr int kNameBytes = 12;
constexpr int kAnswered = 200;
constexpr int kInterrupted = 499;  // as the request log calls a client that left

}  // namespace

TerminalMeter::TerminalMeter(Session& session, std::shared_ptr<engine::Scheduler> scheduler)
    : session_(&session), scheduler_(std::move(scheduler)) {
    run_.run = "run_" + random_hex(kNameBytes);
    run_.started_ms = utc_ms();
}

Result<TerminalMeter> TerminalMeter::open(Session& session) {
    store::Database& database = session.store.database();
    CAIRN_TRY(ledger::open_ledger(database));
    (void)CAIRN_TRY(
        ledger::publish_prices(database, session.config.prices, session.config.currency, utc_ms()));
    return TerminalMeter(session, CAIRN_TRY(session.scheduler()));
}

ledger::EngineRun TerminalMeter::run_now() const {
    const engine::SchedulerMetrics counted = scheduler_->metrics();
    ledger::EngineRun run = run_;
    run.total = {counted.input_tokens, counted.cached_tokens, counted.output_tokens};
    return run;
}

Status TerminalMeter::record(const serve::ServedModel& model, const engine::Usage& usage,
                             const engine::Usage& computed, bool exact, std::string_view finish) {
    const bool interrupted = finish == "cancelled";
    ledger::EndedRequest ended;
    ended.usage.tenant = kTerminalTenant;
    ended.usage.request_id = "term_" + random_hex(kNameBytes);
    ended.usage.key_id = "terminal";
    ended.usage.scenario = model.scenario;
    ended.usage.model_digest = scheduler_->model()->digest();
    ended.usage.finish_reason = interrupted ? "disconnected" : finish;
    ended.usage.ended_ms = utc_ms();
    ended.usage.input_uncached = usage.input_tokens - usage.cached_tokens;
    ended.usage.input_cached = usage.cached_tokens;
    ended.usage.output = usage.output_tokens;
    ended.usage.engine_ms = std::llround(usage.engine_ms);
    ended.usage.disconnected = interrupted;
    ended.status = interrupted ? kInterrupted : kAnswered;
    ended.share = {computed.input_tokens, computed.cached_tokens, computed.output_tokens};
    ended.exact = exact;
    ended.run = run_now();
    return ledger::record_request(session_->store.database(), ended);
}

Status TerminalMeter::chosen(const serve::ServedModel& model, const apps::Answer& answer) {
    return record(model, answer.usage, answer.computed, false,
                  answer.cancelled ? "cancelled" : "stop");
}

Status TerminalMeter::generated(const serve::ServedModel& model,
                                const engine::GenerateResult& result) {
    return record(model, result.usage, result.usage, true,
                  engine::finish_reason_name(result.finish_reason));
}

Status TerminalMeter::close() {
    return ledger::record_engine_run(session_->store.database(), run_now(), utc_ms(), true);
}

}  // namespace cairn::cli
