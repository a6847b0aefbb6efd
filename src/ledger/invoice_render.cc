// SPDX-License-Identifier: Apache-2.0
// An invoice for people (HTML) and for their spreadsheets and FinOps tools (CSV with FOCUS
// columns).
#include <fmt/format.h>

#include <array>

#include "cairn/base/clock.h"
#include "cairn/base/html_report.h"
#include "cairn/ledger/invoice.h"

namespace cairn::ledger {
namespace {

std::string meter_words(MeterKind meter) {
    switch (meter) {
        case MeterKind::kInputUncached:
            return "input tokens";
        case MeterKind::kInputCached:
            return "cached input tokens";
        case MeterKind::kOutput:
            return "output tokens";
        case MeterKind::kEngineMs:
            return "engine milliseconds";
    }
    return {};
}

std::string description(const InvoiceLine& line) {
    return fmt::format("{}: {}{}", line.scenario, meter_words(line.meter),
                       line.correction ? " (late usage of " + period_name(line.charged) + ")" : "");
}

/// Quotes where CSV needs it; a cell that a spreadsheet would run as a formula begins with an
/// apostrophe.
std::string cell(std::string_view text) {
    const bool formula =
        !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
    std::string quoted = formula ? "'" : "";
    for (const char c : text)
        quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    if (quoted.find_first_of(",\"\r\n") == std::string::npos) return quoted;
    return '"' + quoted + '"';
}

std::string thousands(std::int64_t tokens) {
    return fmt::format("{}.{:03}", tokens / 1000, tokens % 1000);
}

constexpr std::array<std::string_view, 33> kColumns{"BilledCost",
                                                    "BillingAccountId",
                                                    "BillingAccountName",
                                                    "BillingCurrency",
                                                    "BillingPeriodStart",
                                                    "BillingPeriodEnd",
                                                    "ChargeCategory",
                                                    "ChargeClass",
                                                    "ChargeDescription",
                                                    "ChargePeriodStart",
                                                    "ChargePeriodEnd",
                                                    "ConsumedQuantity",
                                                    "ConsumedUnit",
                                                    "ContractedCost",
                                                    "ContractedUnitPrice",
                                                    "EffectiveCost",
                                                    "InvoiceId",
                                                    "InvoiceIssuerName",
                                                    "ListCost",
                                                    "ListUnitPrice",
                                                    "PricingCategory",
                                                    "PricingQuantity",
                                                    "PricingUnit",
                                                    "ProviderName",
                                                    "PublisherName",
                                                    "ServiceCategory",
                                                    "ServiceName",
                                                    "ServiceSubcategory",
                                                    "SkuId",
                                                    "SkuMeter",
                                                    "SkuPriceId",
                                                    "SubAccountName",
                                                    "x_Scenario"};

std::array<std::string, kColumns.size()> row_of(const Invoice& invoice, const InvoiceLine& line) {
    const std::string exact = money_exact(line.exact);
    const std::string unit_price = money_exact(static_cast<PicosWide>(line.price_per_token) * 1000);
    const std::string sku = fmt::format("{}/{}", line.scenario, meter_name(line.meter));
    return {money_cents(line.billed),
            invoice.tenant,
            invoice.tenant,
            invoice.currency,
            iso_time(invoice.period.start_ms),
            iso_time(invoice.period.end_ms),
            "Usage",
            line.correction ? "Correction" : "",
            description(line),
            iso_time(line.charged.start_ms),
            iso_time(line.charged.end_ms),
            std::to_string(line.tokens),
            "Tokens",
            exact,
            unit_price,
            exact,
            invoice.number,
            invoice.issuer,
            exact,
            unit_price,
            "Standard",
            thousands(line.tokens),
            "1000 Tokens",
            invoice.issuer,
            invoice.issuer,
            "AI and Machine Learning",
            "Cairn",
            "Generative AI",
            sku,
            std::string(meter_name(line.meter)),
            fmt::format("{}/v{}", sku, line.price_book),
            invoice.tenant,
            line.scenario};
}

}  // namespace

std::string invoice_csv(const Invoice& invoice) {
    std::string csv = fmt::format("{}\r\n", fmt::join(kColumns, ","));
    for (const InvoiceLine& line : invoice.lines) {
        std::array<std::string, kColumns.size()> cells = row_of(invoice, line);
        for (std::string& text : cells)
            text = cell(text);
        csv += fmt::format("{}\r\n", fmt::join(cells, ","));
    }
    return csv;
}

std::string invoice_html(const Invoice& invoice) {
    const bool draft = invoice.number.empty();
    HtmlReport page(
        draft ? "Invoice (draft)" : "Invoice " + invoice.number,
        fmt::format("{} for {}, {}{}", invoice.issuer, invoice.tenant, period_name(invoice.period),
                    draft ? "" : ", issued " + iso_time(invoice.issued_ms).substr(0, 10)));
    page.verdict(Tone::kNeutral, money_cents(invoice.total) + " " + invoice.currency,
                 draft ? "What the invoice would be now. A draft has no number and may change."
                       : "The sum of the lines below. This invoice is final.");
    std::vector<std::vector<std::string>> rows;
    for (const InvoiceLine& line : invoice.lines) {
        rows.push_back({description(line), std::to_string(line.tokens),
                        money_exact(static_cast<PicosWide>(line.price_per_token) * 1'000'000),
                        fmt::format("v{}", line.price_book), money_cents(line.billed)});
    }
    rows.push_back({"Total", "", "", "", money_cents(invoice.total)});
    const std::vector<std::string> columns{"Item", "Tokens", "Price per million", "Price list",
                                           "Amount (" + invoice.currency + ")"};
    page.table(columns, rows);
    page.paragraph(
        "Each amount is rounded once, so that the lines add up to the total. Tokens are counted "
        "when "
        "they are generated, also when a client disconnects.");
    return page.html();
}

}  // namespace cairn::ledger
