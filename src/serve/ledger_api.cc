// SPDX-License-Identifier: Apache-2.0
// The ledger's two addresses: sums of a period and an invoice, for administrators.
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/ledger/invoice.h"
#include "cairn/ledger/report.h"
#include "cairn/text/json.h"
#include "service_state.h"

namespace cairn::serve {

namespace {

Result<ledger::Period> period_of(const Request& request) {
    const std::int64_t now = utc_ms();
    const ledger::Period month = ledger::month_of(now);
    const std::string from = request.query_or("from", iso_time(month.start_ms));
    const std::string to = request.query_or("to", iso_time(month.end_ms));
    const ledger::Period period{CAIRN_TRY(parse_iso_time(from)), CAIRN_TRY(parse_iso_time(to))};
    if (period.end_ms <= period.start_ms) {
        return make_error(Code::kInvalid,
                          "expected 'to' after 'from', found " + from + " to " + to);
    }
    return period;
}

Result<Reply> report(Service::State& state, const Request& request) {
    const ledger::Period period = CAIRN_TRY(period_of(request));
    auto lease = CAIRN_TRY(state.stores.lease());
    const auto report = CAIRN_TRY(
        ledger::make_report(lease->database(), period, state.parts.workspace.hardware, utc_ms()));
    return json_reply(text::dump_json(ledger::report_json(report)));
}

Result<Reply> invoice(Service::State& state, const Request& request) {
    const std::string tenant = request.query_or("tenant", "");
    const std::string format = request.query_or("format", "html");
    if (tenant.empty()) return make_error(Code::kInvalid, "the address needs ?tenant=NAME");
    if (format != "html" && format != "csv") {
        return make_error(Code::kInvalid, "format: expected html or csv, found '" + format + "'");
    }
    const ledger::Period period = CAIRN_TRY(ledger::parse_period(
        request.query_or("period", ledger::period_name(ledger::month_of(utc_ms())))));
    auto lease = CAIRN_TRY(state.stores.lease());
    const auto draft = CAIRN_TRY(
        ledger::draft_invoice(lease->database(), tenant, period, state.parts.workspace.name));
    Reply reply;
    const bool html = format == "html";
    reply.body = html ? ledger::invoice_html(draft) : ledger::invoice_csv(draft);
    reply.content_type = html ? "text/html; charset=utf-8" : "text/csv; charset=utf-8";
    reply.headers.emplace_back("Content-Security-Policy",
                               "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    return reply;
}

Reply or_error(Result<Reply> reply) {
    return reply ? std::move(*reply) : error_reply(reply.error());
}

}  // namespace

void add_ledger_routes(Router& router, Service::State& state) {
    router.add("GET", "/api/ledger", Access::kAdmin,
               [&](const Request& request, const Caller&, Responder&) {
                   return or_error(report(state, request));
               });
    router.add("GET", "/api/ledger/invoice", Access::kAdmin,
               [&](const Request& request, const Caller&, Responder&) {
                   return or_error(invoice(state, request));
               });
}

}  // namespace cairn::serve
