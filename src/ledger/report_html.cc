// SPDX-License-Identifier: Apache-2.0
// The ledger as a page: does it pay, where does the money come from, and can the figures be
// believed.
#include <fmt/format.h>

#include "cairn/base/html_report.h"
#include "cairn/ledger/report.h"

namespace cairn::ledger {
namespace {

/// Cents from one unit on; below that six decimals, where cents would hide the figure.
std::string digits(PicosWide amount) {
    constexpr PicosWide kMillionth = kPicosPerUnit / 1'000'000;
    const PicosWide size = amount < 0 ? -amount : amount;
    if (size >= kPicosPerUnit) return money_cents(amount);
    const PicosWide rounded = (size + kMillionth / 2) / kMillionth * kMillionth;
    return money_exact(amount < 0 ? -rounded : rounded);
}

std::string money(PicosWide amount, const std::string& currency) {
    return currency.empty() ? digits(amount) : digits(amount) + " " + currency;
}

std::vector<std::string> row_of(std::string first, std::string second, const Totals& totals) {
    return {std::move(first),
            std::move(second),
            std::to_string(totals.requests),
            std::to_string(totals.input_uncached),
            std::to_string(totals.input_cached),
            std::to_string(totals.output),
            fmt::format("{:.1f}", static_cast<double>(totals.engine_ms) / 1000),
            digits(totals.cost),
            digits(totals.price),
            digits(totals.margin())};
}

void answer(const Report& report, HtmlReport& page) {
    const Totals& all = report.totals;
    if (!report.differences.empty()) {
        page.verdict(Tone::kBad, "The sums do not agree with the request log",
                     "The differences are listed below; do not invoice before they are explained.");
    } else if (!report.cost.known) {
        page.verdict(
            Tone::kWarn, "Earned " + money(all.price, report.currency),
            "What it cost is not known: state price and power under [hardware] in cairn.toml.");
    } else {
        page.verdict(
            all.margin() >= 0 ? Tone::kGood : Tone::kWarn,
            "Margin " + money(all.margin(), report.currency),
            fmt::format("Earned {}, cost {}; the sums agree with the request log to the token.",
                        money(all.price, report.currency), money(all.cost, report.currency)));
    }
}

void machine(const Report& report, HtmlReport& page) {
    const std::vector<ReportFigure> figures{
        {"Machine hour", money(report.cost.machine_hour, report.currency), "",
         "What the machine costs in an hour, working or not.", "Price over life, plus power."},
        {"Engine hour", money(report.cost.engine_hour, report.currency), "",
         "What an hour of work costs, so that the idle hours are paid too.",
         fmt::format("Machine hour / assumed utilisation of {:.0f} %.",
                     100 * report.cost.utilisation)},
        {"Measured utilisation", fmt::format("{:.1f} %", 100 * report.measured_utilisation),
         fmt::format(">= {:.0f} %", 100 * report.cost.utilisation),
         "Below the assumed share the true cost of a request is higher than shown.",
         "Engine time over the time since the first request in the period.",
         report.measured_utilisation >= report.cost.utilisation ? Tone::kGood : Tone::kWarn}};
    page.heading("The machine");
    page.figures(figures);
}

}  // namespace

std::string report_html(const Report& report, std::string_view workspace_name) {
    HtmlReport page(fmt::format("Ledger of {}", workspace_name), period_name(report.period));
    answer(report, page);
    const std::vector<std::string> columns{"Tenant", "Scenario", "Requests", "Input", "Cached",
                                           "Output", "Engine",   "Cost",     "Price", "Margin"};
    std::vector<std::vector<std::string>> rows;
    for (const ReportLine& line : report.lines) {
        rows.push_back(row_of(line.tenant, line.scenario, line.totals));
    }
    rows.push_back(row_of("all", "", report.totals));
    page.heading("Who and what");
    page.table(columns, rows,
               fmt::format("Tokens by meter; input without the cached tokens. Amounts in {}.",
                           report.currency));
    if (report.totals.disconnected > 0) {
        page.paragraph(
            fmt::format("{} of {} clients disconnected before the end; what was generated "
                        "for them is counted.",
                        report.totals.disconnected, report.totals.requests));
    }
    if (report.cost.known) machine(report, page);
    if (!report.differences.empty()) {
        page.heading("Differences");
        page.list(report.differences);
    }
    return page.html();
}

}  // namespace cairn::ledger
