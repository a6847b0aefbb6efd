// SPDX-License-Identifier: Apache-2.0
// One transaction for each request that reached a model: see metering.h.
#include "metering.h"

#include <cmath>

#include "cairn/base/clock.h"
#include "cairn/base/log.h"
#include "cairn/ledger/meter.h"

namespace cairn::serve {

namespace {

Status write(Service::State& state, const Served& served) {
    auto lease = CAIRN_TRY(state.stores.lease());
    store::Database& database = lease->database();
    auto transaction = CAIRN_TRY(store::Transaction::begin(database));
    const std::int64_t now = utc_ms();
    const engine::Usage& usage = served.usage;

    ledger::UsageEvent event;
    event.tenant = served.caller->tenant;
    event.request_id = served.request_id;
    event.key_id = served.caller->key_id;
    event.scenario = served.model->scenario;
    event.model_digest = served.model_digest.empty() ? state.parts.scheduler->model()->digest()
                                                     : served.model_digest;
    event.finish_reason = served.finish;
    event.ended_ms = now;
    event.input_uncached = usage.input_tokens - usage.cached_tokens;
    event.input_cached = usage.cached_tokens;
    event.output = usage.output_tokens;
    event.engine_ms = std::llround(usage.engine_ms);
    event.disconnected = served.finish == "disconnected";
    CAIRN_TRY(ledger::record_usage(database, event));

    ledger::RequestLogEntry entry;
    entry.tenant = event.tenant;
    entry.request_id = event.request_id;
    entry.scenario = event.scenario;
    entry.status = served.status;
    entry.prompt_tokens = usage.input_tokens;
    entry.cached_tokens = usage.cached_tokens;
    entry.completion_tokens = usage.output_tokens;
    entry.ended_ms = now;
    CAIRN_TRY(ledger::log_request(database, entry));
    return transaction.commit();
}

}  // namespace

Status settle(Service::State& state, const Served& served) {
    state.metrics.count_generation(served.caller->tenant, served.model->name, served.usage,
                                   served.first_token_s, served.total_s);
    if (served.status == kStatusDisconnected) state.metrics.count_disconnect();
    Status written = write(state, served);
    if (!written) {
        state.metrics.count_unmetered();
        spdlog::error("{} of {} could not be metered ({} in, {} out): {}", served.request_id,
                      served.caller->tenant, served.usage.input_tokens, served.usage.output_tokens,
                      written.error().to_string());
        return written.error().with_context("the request could not be written to the ledger");
    }
    return {};
}

}  // namespace cairn::serve
