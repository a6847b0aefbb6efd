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
    const engine::Usage& usage = served.usage;
    ledger::EndedRequest ended;
    ledger::UsageEvent& event = ended.usage;
    event.tenant = served.caller->tenant;
    event.request_id = served.request_id;
    event.key_id = served.caller->key_id;
    event.scenario = served.model->scenario;
    event.model_digest = served.model_digest.empty() ? state.parts.scheduler->model()->digest()
                                                     : served.model_digest;
    event.finish_reason = served.finish;
    event.ended_ms = utc_ms();
    event.input_uncached = usage.input_tokens - usage.cached_tokens;
    event.input_cached = usage.cached_tokens;
    event.output = usage.output_tokens;
    event.engine_ms = std::llround(usage.engine_ms);
    event.disconnected = served.finish == "disconnected";
    ended.status = served.status;
    ended.share = {served.computed.input_tokens, served.computed.cached_tokens,
                   served.computed.output_tokens};
    ended.exact = served.exact;
    ended.run = engine_run(state);
    return ledger::record_request(lease->database(), ended);
}

}  // namespace

ledger::EngineRun engine_run(const Service::State& state) {
    const engine::SchedulerMetrics now = state.parts.scheduler->metrics();
    const engine::SchedulerMetrics& before = state.engine_before;
    return {state.engine_run,
            state.engine_since_ms,
            {now.input_tokens - before.input_tokens, now.cached_tokens - before.cached_tokens,
             now.output_tokens - before.output_tokens}};
}

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
