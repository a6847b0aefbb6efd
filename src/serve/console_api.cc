// SPDX-License-Identifier: Apache-2.0
// The console's addresses: session, status, runs, reports, documents. Facts come from the
// composition root's functions (console_api.h); this file only shapes them.
#include "cairn/serve/console_api.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "cairn/text/json.h"
#include "event_stream.h"
#include "service_state.h"

namespace cairn::serve {

using nlohmann::json;

namespace {

constexpr int kRunsDefault = 50;
constexpr int kRunsMax = 1000;
constexpr std::string_view kRunPrefix = "r_";

/// A report may carry its own style and inline pictures; it runs nothing and loads nothing.
constexpr std::string_view kReportPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

std::string run_name(std::int64_t run) {
    return run == 0 ? std::string() : std::string(kRunPrefix) + std::to_string(run);
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

json to_json(const StepStatus& step) {
    return {{"step", step.step},
            {"scenario", step.scenario},
            {"state", step.state},
            {"started_ms", step.started_ms},
            {"finished_ms", step.finished_ms},
            {"summary", step.summary},
            {"run", run_name(step.run)},
            {"has_report", step.has_report},
            {"error", step.error}};
}

json to_json(const ScenarioStatus& scenario) {
    return {{"name", scenario.name},       {"kind", scenario.kind},
            {"verdict", scenario.verdict}, {"gate", scenario.gate},
            {"release", scenario.release}, {"released_ms", scenario.released_ms}};
}

json to_json(const store::Run& run) {
    return {{"id", run_name(run.id)},
            {"step", run.step},
            {"scenario", run.scenario},
            {"state", store::run_state_name(run.state)},
            {"started_ms", run.started_ms},
            {"finished_ms", run.finished_ms},
            {"input_digest", run.input_digest},
            {"output_digest", run.output_digest},
            {"has_report", !run.report_digest.empty()},
            {"error", run.error}};
}

json to_json(const DocumentRow& row) {
    return {{"id", row.id},
            {"source", row.source},
            {"path", row.path},
            {"title", row.title},
            {"media_type", row.media_type},
            {"language", row.language},
            {"state", row.state},
            {"reason", row.reason},
            {"bytes", row.bytes},
            {"characters", row.characters}};
}

json to_json(const text::Document& document) {
    json sections = json::array();
    for (const text::Section& section : document.sections) {
        sections.push_back({{"heading", section.heading_path},
                            {"begin", section.span.begin},
                            {"end", section.span.end},
                            {"page", section.page}});
    }
    return {{"id", document.id},
            {"path", document.path},
            {"title", document.title},
            {"language", document.language},
            {"media_type", document.media_type},
            {"text", document.text},
            {"sections", sections},
            {"page_starts", document.page_starts}};
}

template <typename Rows>
json list_json(const Rows& rows) {
    json list = json::array();
    for (const auto& row : rows) {
        list.push_back(to_json(row));
    }
    return list;
}

Reply session(const Service::State& state, const Caller& caller) {
    return json_reply(text::dump_json({{"tenant", caller.tenant},
                                       {"admin", caller.admin},
                                       {"workspace", state.parts.workspace.name},
                                       {"currency", state.parts.workspace.currency},
                                       {"version", state.parts.version}}));
}

Result<Reply> status(Service::State& state) {
    auto lease = CAIRN_TRY(state.stores.lease());
    return json_reply(status_json(CAIRN_TRY(state.parts.console.status(*lease))));
}

Result<Reply> runs(Service::State& state, const Request& request) {
    const std::string wanted = request.query_or("limit", std::to_string(kRunsDefault));
    const auto limit = parse_number(wanted);
    if (!limit || *limit < 1 || *limit > kRunsMax) {
        return make_error(Code::kInvalid, "limit: expected 1 to " + std::to_string(kRunsMax) +
                                              ", found '" + wanted + "'");
    }
    auto lease = CAIRN_TRY(state.stores.lease());
    const auto found = CAIRN_TRY(store::list_runs(lease->database(), static_cast<int>(*limit)));
    return json_reply(text::dump_json({{"runs", list_json(found)}}));
}

Result<Reply> report(Service::State& state, const Request& request) {
    const std::string& name = request.parameters.at("id");
    const auto number = name.starts_with(kRunPrefix)
                            ? parse_number(std::string_view(name).substr(kRunPrefix.size()))
                            : std::nullopt;
    auto lease = CAIRN_TRY(state.stores.lease());
    std::optional<store::Run> run;
    if (number) run = CAIRN_TRY(store::find_run(lease->database(), *number));
    if (!run) {
        return make_error(Code::kNotFound, "there is no run '" + name + "'",
                          "GET /api/runs lists the runs");
    }
    const std::string format = request.query_or("format", "html");
    if (format != "html" && format != "json") {
        return make_error(Code::kInvalid, "format: expected html or json, found '" + format + "'");
    }
    const bool html = format == "html";
    Reply reply;
    reply.body = CAIRN_TRY(
        state.parts.console.report(*lease, *run, html ? ReportFormat::kHtml : ReportFormat::kJson));
    if (html) reply.content_type = "text/html; charset=utf-8";
    reply.headers.emplace_back("Content-Security-Policy", kReportPolicy);
    return reply;
}

Result<Reply> documents(Service::State& state) {
    auto lease = CAIRN_TRY(state.stores.lease());
    const auto rows = CAIRN_TRY(state.parts.console.documents(*lease));
    return json_reply(text::dump_json({{"documents", list_json(rows)}}));
}

Result<Reply> document(Service::State& state, const Request& request) {
    auto lease = CAIRN_TRY(state.stores.lease());
    return json_reply(text::dump_json(to_json(CAIRN_TRY(state.parts.console.document(
        *lease, request.parameters.at("id"), request.query_or("release", ""))))));
}

Reply or_error(Result<Reply> reply) {
    return reply ? std::move(*reply) : error_reply(reply.error());
}

}  // namespace

std::string status_json(const WorkspaceStatus& status) {
    return text::dump_json({{"workspace",
                             {{"name", status.name},
                              {"root", status.root},
                              {"languages", status.languages},
                              {"currency", status.currency},
                              {"base_model", status.base_model}}},
                            {"steps", list_json(status.steps)},
                            {"scenarios", list_json(status.scenarios)},
                            {"documents",
                             {{"done", status.documents.done},
                              {"skipped", status.documents.skipped},
                              {"failed", status.documents.failed}}}});
}

void add_console_routes(Router& router, Service::State& state) {
    const auto add = [&](const char* pattern, auto handler) {
        router.add("GET", pattern, Access::kKey, std::move(handler));
    };
    add("/api/session",
        [&](const Request&, const Caller& caller, Responder&) { return session(state, caller); });
    add("/api/status",
        [&](const Request&, const Caller&, Responder&) { return or_error(status(state)); });
    add("/api/events", [&](const Request&, const Caller&, Responder& responder) {
        return follow_events(state, responder);
    });
    add("/api/runs", [&](const Request& request, const Caller&, Responder&) {
        return or_error(runs(state, request));
    });
    add("/api/runs/{id}/report", [&](const Request& request, const Caller&, Responder&) {
        return or_error(report(state, request));
    });
    add("/api/documents",
        [&](const Request&, const Caller&, Responder&) { return or_error(documents(state)); });
    add("/api/documents/{id}", [&](const Request& request, const Caller&, Responder&) {
        return or_error(document(state, request));
    });
}

}  // namespace cairn::serve
