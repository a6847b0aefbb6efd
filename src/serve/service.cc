// SPDX-License-Identifier: Apache-2.0
// Puts the addresses together and answers the two that belong to operators: health and metrics.
#include "cairn/serve/service.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/base/log.h"
#include "cairn/ledger/meter.h"
#include "cairn/ledger/prices.h"
#include "cairn/serve/keys.h"
#include "cairn/text/json.h"
#include "metering.h"
#include "service_state.h"

namespace cairn::serve {

namespace {

Status check_parts(const ServiceParts& parts) {
    std::string_view missing;
    if (!parts.scheduler) missing = "scheduler";
    if (!parts.console.status || !parts.console.documents || !parts.console.document ||
        !parts.console.report) {
        missing = "console";
    }
    for (const ServedModel& model : parts.models) {
        if (model.kind == ModelKind::kQa && !model.answer) missing = "assistant";
    }
    if (missing.empty()) return {};
    return make_error(Code::kInvalid, "the service lacks its part '" + std::string(missing) + "'");
}

/// Tables are brought up to date once, before any request.
Status prepare_tables(Service::State& state) {
    auto lease = CAIRN_TRY(state.stores.lease());
    store::Database& database = lease->database();
    CAIRN_TRY(Keys::open(database));
    CAIRN_TRY(ledger::open_ledger(database));
    const WorkspaceConfig& workspace = state.parts.workspace;
    CAIRN_TRY(ledger::publish_prices(database, workspace.prices, workspace.currency, utc_ms()));
    return {};
}

Result<Caller> check_key(Service::State& state, std::string_view bearer) {
    auto lease = CAIRN_TRY(state.stores.lease());
    auto keys = CAIRN_TRY(Keys::open(lease->database()));
    return keys.check(bearer);
}

Reply health(const Service::State& state) {
    return json_reply(text::dump_json({{"status", "ok"},
                                       {"version", state.parts.version},
                                       {"uptime_s", std::floor(now_seconds() - state.started_s)}}));
}

Reply metrics(const Service::State& state) {
    Reply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = state.metrics.text();
    return reply;
}

}  // namespace

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
/// The server has ended, so every request has told what it used.
Service::~Service() {
    auto lease = state_->stores.lease();
    const Status closed =
        lease ? ledger::record_engine_run((*lease)->database(), engine_run(*state_), utc_ms(), true)
              : Status(lease.error());
    if (!closed) {
        spdlog::error("the engine's counts could not be written: {}", closed.error().to_string());
    }
}

Result<std::unique_ptr<Service>> Service::create(ServiceParts parts) {
    CAIRN_TRY(check_parts(parts));
    auto state = std::make_unique<State>(std::move(parts));
    state->started_s = now_seconds();
    state->engine_run = "run_" + random_hex(12);
    state->engine_since_ms = utc_ms();
    state->engine_before = state->parts.scheduler->metrics();
    CAIRN_TRY(prepare_tables(*state));
    std::unique_ptr<Service> service(new Service(std::move(state)));
    CAIRN_TRY(service->router());
    return service;
}

void Service::replace_models(std::vector<ServedModel> models) {
    state_->models.replace(std::move(models));
}

Result<Router> Service::router() {
    Router router;
    State& state = *state_;
    router.add("GET", "/healthz", Access::kPublic,
               [&](const Request&, const Caller&, Responder&) { return health(state); });
    router.add("GET", "/metrics", Access::kAdmin,
               [&](const Request&, const Caller&, Responder&) { return metrics(state); });
    add_openai_routes(router, state);
    add_embedding_routes(router, state);
    add_console_routes(router, state);
    add_ledger_routes(router, state);
    CAIRN_TRY(add_asset_routes(router, state.parts.assets));
    return router;
}

Result<std::unique_ptr<Server>> Service::start(const ServerOptions& options) {
    State* state = state_.get();
    return Server::start(
        options, CAIRN_TRY(router()),
        [state](std::string_view bearer) { return check_key(*state, bearer); },
        [state](const Request& request, std::string_view route, int status, double seconds) {
            state->metrics.count_request(request.method, route, status, seconds);
        });
}

}  // namespace cairn::serve
