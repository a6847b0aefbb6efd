// SPDX-License-Identifier: Apache-2.0
// cairn ledger: what was used, what it cost, what it earned; invoices.
#include <fmt/format.h>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/ledger/invoice.h"
#include "cairn/ledger/report.h"
#include "command.h"
#include "session.h"

namespace cairn::cli {

namespace {

struct ReportOptions {
    std::string period;
    std::string html;
};

struct InvoiceOptions {
    std::string tenant;
    std::string period;
    std::string format = "html";
    std::string out;
    bool final = false;
};

struct BreakEvenOptions {
    std::string api_price;
    double tokens_per_second = 0;
};

Result<ledger::Period> chosen_period(const std::string& text) {
    if (text.empty()) return ledger::month_of(utc_ms());
    return ledger::parse_period(text);
}

Status report(const Globals& globals, const ReportOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    store::Database& database = session.store.database();
    CAIRN_TRY(ledger::open_ledger(database));
    const auto period = CAIRN_TRY(chosen_period(options.period));
    const auto made =
        CAIRN_TRY(ledger::make_report(database, period, session.config.hardware, utc_ms()));
    if (!options.html.empty()) {
        CAIRN_TRY(write_file_atomic(options.html, ledger::report_html(made, session.config.name)));
    }
    std::vector<std::vector<std::string>> rows = {{"TENANT", "SCENARIO", "REQUESTS", "INPUT",
                                                   "CACHED", "OUTPUT", "ENGINE s", "COST", "PRICE",
                                                   "MARGIN"}};
    const auto add = [&](const std::string& tenant, const std::string& scenario,
                         const ledger::Totals& totals) {
        rows.push_back({tenant, scenario, std::to_string(totals.requests),
                        std::to_string(totals.input_uncached), std::to_string(totals.input_cached),
                        std::to_string(totals.output),
                        fmt::format("{:.1f}", static_cast<double>(totals.engine_ms) / 1000),
                        money_exact(totals.cost), money_exact(totals.price),
                        money_exact(totals.margin())});
    };
    for (const ledger::ReportLine& line : made.lines) {
        add(line.tenant, line.scenario, line.totals);
    }
    add("total", "", made.totals);
    std::string text = ledger::period_name(period) + ", in " + made.currency + "\n" + table(rows);
    text += made.differences.empty() ? "The sums agree with the request log to the token.\n"
                                     : "DIFFERENCES from the request log:\n";
    for (const std::string& difference : made.differences) {
        text += "  " + difference + "\n";
    }
    print_result(globals, ledger::report_json(made), text);
    return {};
}

Status invoice(const Globals& globals, const InvoiceOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    store::Database& database = session.store.database();
    CAIRN_TRY(ledger::open_ledger(database));
    const auto period = CAIRN_TRY(chosen_period(options.period));
    const std::string& issuer = session.config.name;
    const ledger::Invoice made =
        options.final ? CAIRN_TRY(ledger::finalise_invoice(database, options.tenant, period, issuer,
                                                           utc_ms()))
                      : CAIRN_TRY(ledger::draft_invoice(database, options.tenant, period, issuer));
    const std::string text =
        options.format == "csv" ? ledger::invoice_csv(made) : ledger::invoice_html(made);
    if (!options.out.empty()) {
        CAIRN_TRY(write_file_atomic(options.out, text));
        say(globals, "wrote " + options.out);
    }
    const nlohmann::json json = {{"number", made.number},
                                 {"tenant", made.tenant},
                                 {"period", ledger::period_name(made.period)},
                                 {"currency", made.currency},
                                 {"lines", made.lines.size()},
                                 {"total", money_cents(made.total)}};
    print_result(globals, json, options.out.empty() ? text : "");
    return {};
}

Status break_even(const Globals& globals, const BreakEvenOptions& options) {
    const Session session = CAIRN_TRY(Session::open(globals));
    const Picos price = CAIRN_TRY(parse_money(options.api_price));
    const ledger::BreakEven result =
        ledger::break_even(session.config.hardware, options.tokens_per_second, price);
    print_result(globals,
                 {{"fixed_per_month", money_exact(result.fixed_per_month)},
                  {"variable_per_mtok", money_exact(result.variable_per_mtok)},
                  {"api_per_mtok", money_exact(result.api_per_mtok)},
                  {"tokens_per_month", result.tokens_per_month},
                  {"capacity_per_month", result.capacity_per_month},
                  {"feasible", result.feasible},
                  {"why", result.why}},
                 result.why);
    return {};
}

}  // namespace

void add_ledger(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* ledger = root.add_subcommand("ledger", "Cost, price, margin and invoices");
    ledger->require_subcommand(1);
    add_command<ReportOptions>(
        *ledger, action, "report", "Usage, cost, price and margin per tenant and scenario",
        [](CLI::App& app, ReportOptions& options) {
            app.add_option("--period", options.period,
                           "2026-11, 2026-11-23 or 2026 (default: this month)");
            app.add_option("--html", options.html, "also write the report as a page to this file");
        },
        [&globals](const ReportOptions& options) { return report(globals, options); });
    add_command<InvoiceOptions>(
        *ledger, action, "invoice", "What a tenant has to pay",
        [](CLI::App& app, InvoiceOptions& options) {
            app.add_option("--tenant", options.tenant, "who pays")->required();
            app.add_option("--period", options.period, "a month, 2026-11 (default: this month)");
            app.add_option("--format", options.format, "html or csv")
                ->check(CLI::IsMember({"html", "csv"}));
            app.add_option("-o,--out", options.out, "file to write (default: standard output)");
            app.add_flag("--final", options.final, "number it and close the period");
        },
        [&globals](const InvoiceOptions& options) { return invoice(globals, options); });
    add_command<BreakEvenOptions>(
        *ledger, action, "break-even", "From how many tokens a month this machine beats an API",
        [](CLI::App& app, BreakEvenOptions& options) {
            app.add_option("--api-price", options.api_price, "price of the API per million tokens")
                ->required();
            app.add_option("--tokens-per-second", options.tokens_per_second,
                           "measured speed of this machine (see `cairn bench engine`)")
                ->required()
                ->check(CLI::PositiveNumber);
        },
        [&globals](const BreakEvenOptions& options) { return break_even(globals, options); });
}

}  // namespace cairn::cli
