// SPDX-License-Identifier: Apache-2.0
// cairn serve: the live releases, the console and the ledger over HTTP.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "bundled.h"
#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/ledger/prices.h"
#include "cairn/serve/keys.h"
#include "cairn/serve/service.h"
#include "command.h"
#include "console.h"
#include "serving.h"
#include "session.h"

namespace cairn::cli {

namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);

struct ServeOptions {
    serve::ServerOptions server;
    std::string port_file;
};

/// A server that others can reach must not be open: it needs a key, and plain HTTP outside of this
/// machine needs a word.
Status check_exposure(Session& session, const ServeOptions& options) {
    const bool loopback = options.server.address == "127.0.0.1" || options.server.address == "::1";
    auto keys = CAIRN_TRY(serve::Keys::open(session.store.database()));
    bool valid = false;
    for (const serve::KeyInfo& key : CAIRN_TRY(keys.list())) {
        valid = valid || key.revoked_ms == 0;
    }
    if (!valid && !loopback) {
        return make_error(
            Code::kDenied,
            "refused to listen on " + options.server.address + ": no key has been made",
            "run `cairn keys add --tenant NAME` first");
    }
    if (!valid) {
        fmt::print(stderr,
                   "No key has been made yet: run `cairn keys add --tenant NAME --admin`\n");
    }
    if (!loopback) {
        fmt::print(stderr,
                   "Listening beyond this machine without TLS: put a TLS proxy in front.\n");
    }
    return {};
}

/// What is live now: when it changes, the models are loaded anew.
Result<std::string> live_state(Session& session) {
    auto rows = CAIRN_TRY(
        session.store.database().query("SELECT coalesce(group_concat(release_id), '') FROM (SELECT "
                                       "release_id FROM live_history WHERE "
                                       "sequence IN (SELECT max(sequence) FROM live_history GROUP "
                                       "BY scenario) ORDER BY scenario)"));
    (void)CAIRN_TRY(rows.step());
    return rows.text(0);
}

Status serve_workspace(const Globals& globals, const ServeOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    CAIRN_TRY(check_exposure(session, options));
    CAIRN_TRY(ledger::open_ledger(session.store.database()));
    (void)CAIRN_TRY(ledger::publish_prices(session.store.database(), session.config.prices,
                                           session.config.currency, utc_ms()));
    serve::ServiceParts parts;
    parts.version = CAIRN_VERSION;
    parts.workspace = session.config;
    parts.scheduler = CAIRN_TRY(session.scheduler());
    parts.models = CAIRN_TRY(served_models(session));
    parts.console = console_sources(session.config);
    parts.assets = bundled_console();
    std::string state = CAIRN_TRY(live_state(session));
    const auto service = CAIRN_TRY(serve::Service::create(std::move(parts)));
    const auto server = CAIRN_TRY(service->start(options.server));
    const std::string url = fmt::format("http://{}:{}/", options.server.address, server->port());
    print_result(globals, {{"url", url}}, "Serving " + session.config.name + " at " + url);
    if (!options.port_file.empty()) {
        CAIRN_TRY(write_file_atomic(options.port_file, std::to_string(server->port())));
    }
    while (!interrupted()) {
        std::this_thread::sleep_for(kPoll);
        const auto now = live_state(session);
        if (!now || *now == state) continue;
        auto models = served_models(session);
        if (models) {
            service->replace_models(*std::move(models));
            say(globals, "A new release is live.");
        } else {
            fmt::print(stderr, "cairn: the new release cannot be served: {}\n",
                       models.error().message);
        }
        state = *now;
    }
    say(globals, "Stopping.");
    server->stop();
    return {};
}

}  // namespace

void add_serve(CLI::App& root, const Globals& globals, Action& action) {
    add_command<ServeOptions>(
        root, action, "serve", "Serve the live releases and the console over HTTP",
        [](CLI::App& app, ServeOptions& options) {
            app.add_option("--address", options.server.address,
                           "IP address to listen on (default: this machine only)");
            app.add_option("--port", options.server.port, "port (default 8080; 0: any free one)");
            app.add_option("--host", options.server.hosts, "further host names that may be used");
            app.add_option("--port-file", options.port_file,
                           "write the port to this file when ready");
        },
        [&globals](const ServeOptions& options) { return serve_workspace(globals, options); });
}

}  // namespace cairn::cli
