// SPDX-License-Identifier: Apache-2.0
// Drafting, closing and keeping invoices. A final invoice is stored as it was sent, and its events
// point to it.
#include "cairn/ledger/invoice.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "cairn/base/clock.h"
#include "cairn/ledger/prices.h"
#include "schema.h"

namespace cairn::ledger {
namespace {

constexpr PicosWide kPicosPerCent = kPicosPerUnit / 100;

nlohmann::json to_json(const Invoice& invoice) {
    nlohmann::json lines = nlohmann::json::array();
    for (const InvoiceLine& line : invoice.lines) {
        lines.push_back({{"scenario", line.scenario},
                         {"meter", static_cast<int>(line.meter)},
                         {"charged_start_ms", line.charged.start_ms},
                         {"charged_end_ms", line.charged.end_ms},
                         {"price_book", line.price_book},
                         {"price_per_token_picos", line.price_per_token},
                         {"tokens", line.tokens},
                         {"billed_cents", static_cast<std::int64_t>(line.billed / kPicosPerCent)},
                         {"correction", line.correction}});
    }
    return {{"number", invoice.number},
            {"issuer", invoice.issuer},
            {"tenant", invoice.tenant},
            {"currency", invoice.currency},
            {"start_ms", invoice.period.start_ms},
            {"end_ms", invoice.period.end_ms},
            {"issued_ms", invoice.issued_ms},
            {"lines", lines}};
}

Invoice from_json(const nlohmann::json& json) {
    Invoice invoice;
    json.at("number").get_to(invoice.number);
    json.at("issuer").get_to(invoice.issuer);
    json.at("tenant").get_to(invoice.tenant);
    json.at("currency").get_to(invoice.currency);
    json.at("start_ms").get_to(invoice.period.start_ms);
    json.at("end_ms").get_to(invoice.period.end_ms);
    json.at("issued_ms").get_to(invoice.issued_ms);
    for (const nlohmann::json& item : json.at("lines")) {
        InvoiceLine line;
        item.at("scenario").get_to(line.scenario);
        line.meter = kMeters.at(item.at("meter").get<std::size_t>());
        item.at("charged_start_ms").get_to(line.charged.start_ms);
        item.at("charged_end_ms").get_to(line.charged.end_ms);
        item.at("price_book").get_to(line.price_book);
        item.at("price_per_token_picos").get_to(line.price_per_token);
        item.at("tokens").get_to(line.tokens);
        item.at("correction").get_to(line.correction);
        line.exact = static_cast<PicosWide>(line.price_per_token) * line.tokens;
        line.billed = item.at("billed_cents").get<std::int64_t>() * kPicosPerCent;
        invoice.total += line.billed;
        invoice.lines.push_back(std::move(line));
    }
    return invoice;
}

Result<Invoice> read_body(std::string_view body) {
    try {
        return from_json(nlohmann::json::parse(body));
    } catch (const std::exception& problem) {
        return make_error(Code::kIo,
                          fmt::format("a stored invoice cannot be read: {}", problem.what()),
                          "restore a backup of the workspace");
    }
}

Result<std::vector<Invoice>> read_invoices(store::Statement rows) {
    std::vector<Invoice> invoices;
    while (CAIRN_TRY(rows.step()))
        invoices.push_back(CAIRN_TRY(read_body(rows.view(0))));
    return invoices;
}

Result<std::optional<Invoice>> final_invoice(store::Database& database, std::string_view tenant,
                                             const Period& period) {
    auto found = CAIRN_TRY(read_invoices(CAIRN_TRY(database.query(
        "SELECT body FROM invoices WHERE tenant = ?1 AND start_ms = ?2 AND end_ms = ?3", tenant,
        period.start_ms, period.end_ms))));
    if (found.empty()) return std::optional<Invoice>();
    return std::optional<Invoice>(std::move(found.front()));
}

/// Up to where this tenant's time has been invoiced; 0: nowhere.
Result<std::int64_t> invoiced_until(store::Database& database, std::string_view tenant) {
    store::Statement row =
        CAIRN_TRY(database.query("SELECT MAX(end_ms) FROM invoices WHERE tenant = ?1", tenant));
    CAIRN_TRY(row.step());
    return row.integer(0);
}

/// Events of the period, and late ones of time that had been invoiced before they arrived.
constexpr const char* kBillable =
    "tenant = ?1 AND invoice IS NULL AND ended_ms < ?3 AND (ended_ms >= ?2 OR ended_ms < ?4)";

Result<std::vector<InvoiceLine>> open_lines(store::Database& database, std::string_view tenant,
                                            const Period& period, std::int64_t until_ms) {
    const std::string sql = fmt::format(
        "SELECT scenario, meter, {} AS book, ended_ms / 86400000, SUM(quantity) "
        "FROM meter_events e WHERE {} AND meter <> {} GROUP BY 1, 2, 3, 4 ORDER BY 4",
        kBookOfEvent, kBillable, static_cast<int>(MeterKind::kEngineMs));
    store::Statement rows =
        CAIRN_TRY(database.query(sql, tenant, period.start_ms, period.end_ms, until_ms));
    using Key = std::tuple<std::int64_t, std::string, MeterKind, int>;
    std::map<Key, std::int64_t> sums;
    while (CAIRN_TRY(rows.step())) {
        const Period month = month_of(rows.integer(3) * 86'400'000);
        sums[{month.start_ms, rows.text(0), static_cast<MeterKind>(rows.integer(1)),
              static_cast<int>(rows.integer(2))}] += rows.integer(4);
    }
    std::vector<InvoiceLine> lines;
    for (const auto& [key, tokens] : sums) {
        if (tokens == 0) continue;
        const auto& [month, scenario, meter, book] = key;
        const PriceBook prices = CAIRN_TRY(price_book(database, book));
        InvoiceLine line{scenario,
                         meter,
                         month_of(month),
                         book,
                         unit_price(prices.prices, meter),
                         tokens,
                         rate(prices.prices, meter, tokens)};
        line.correction = line.charged.end_ms <= period.start_ms;
        lines.push_back(std::move(line));
    }
    return lines;
}

/// Largest remainder (Hamilton): cents are cut down, and those that the total still lacks go to the
/// lines that lost most.
PicosWide round_lines(std::vector<InvoiceLine>& lines) {
    PicosWide exact = 0;
    PicosWide billed = 0;
    for (InvoiceLine& line : lines) {
        line.billed = line.exact / kPicosPerCent * kPicosPerCent;
        exact += line.exact;
        billed += line.billed;
    }
    const PicosWide total = round_to_cents(exact);
    std::vector<std::size_t> order(lines.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return lines[a].exact - lines[a].billed > lines[b].exact - lines[b].billed;
    });
    for (std::size_t i = 0; billed < total; ++i, billed += kPicosPerCent) {
        lines[order.at(i)].billed += kPicosPerCent;
    }
    return total;
}

Result<Invoice> compose(store::Database& database, std::string_view tenant, const Period& period,
                        std::string_view issuer) {
    const auto book = CAIRN_TRY(newest_price_book(database));
    if (!book) {
        return make_error(Code::kNotFound, "expected a price list, found none",
                          "state [prices] in cairn.toml");
    }
    Invoice invoice;
    invoice.issuer = issuer;
    invoice.tenant = tenant;
    invoice.currency = book->currency;
    invoice.period = period;
    const std::int64_t until_ms = CAIRN_TRY(invoiced_until(database, tenant));
    invoice.lines = CAIRN_TRY(open_lines(database, tenant, period, until_ms));
    invoice.total = round_lines(invoice.lines);
    return invoice;
}

Status check_closable(store::Database& database, std::string_view tenant, const Period& period,
                      std::int64_t now_ms) {
    if (now_ms < period.end_ms) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a period that has ended, found {}, which ends {}",
                                      period_name(period), iso_time(period.end_ms)),
                          "a draft can be made at any time");
    }
    const std::int64_t until_ms = CAIRN_TRY(invoiced_until(database, tenant));
    if (period.start_ms < until_ms) {
        return make_error(Code::kInvalid,
                          fmt::format("{} overlaps a final invoice of {}, which ends {}",
                                      period_name(period), tenant, iso_time(until_ms)));
    }
    store::Statement row = CAIRN_TRY(database.query(
        "SELECT MIN(ended_ms) FROM meter_events WHERE tenant = ?1 AND invoice IS NULL AND "
        "ended_ms >= ?2 AND ended_ms < ?3",
        tenant, until_ms, period.start_ms));
    if (!CAIRN_TRY(row.step()) || row.is_null(0)) return {};
    return make_error(Code::kInvalid,
                      fmt::format("{} has usage of {} that is not invoiced yet", tenant,
                                  period_name(month_of(row.integer(0)))),
                      "finalise the earlier period first");
}

}  // namespace

Result<Invoice> draft_invoice(store::Database& database, std::string_view tenant,
                              const Period& period, std::string_view issuer) {
    const store::Transaction snapshot = CAIRN_TRY(store::Transaction::snapshot(database));
    if (auto done = CAIRN_TRY(final_invoice(database, tenant, period))) return std::move(*done);
    return compose(database, tenant, period, issuer);
}

Result<Invoice> finalise_invoice(store::Database& database, std::string_view tenant,
                                 const Period& period, std::string_view issuer,
                                 std::int64_t now_ms) {
    store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(database));
    if (auto done = CAIRN_TRY(final_invoice(database, tenant, period))) return std::move(*done);
    CAIRN_TRY(check_closable(database, tenant, period, now_ms));
    Invoice invoice = CAIRN_TRY(compose(database, tenant, period, issuer));
    if (invoice.lines.empty()) {
        return make_error(Code::kNotFound, fmt::format("expected usage of '{}' in {}, found none",
                                                       tenant, period_name(period)));
    }
    const std::int64_t until_ms = CAIRN_TRY(invoiced_until(database, tenant));
    store::Statement newest =
        CAIRN_TRY(database.query("SELECT COALESCE(MAX(number), 0) + 1 FROM invoices"));
    CAIRN_TRY(newest.step());
    const std::int64_t number = newest.integer(0);
    invoice.number = fmt::format("INV-{:06}", number);
    invoice.issued_ms = now_ms;
    CAIRN_TRY(database.exec("INSERT INTO invoices VALUES (?1, ?2, ?3, ?4, ?5)", number, tenant,
                            period.start_ms, period.end_ms, to_json(invoice).dump()));
    CAIRN_TRY(database.exec(fmt::format("UPDATE meter_events SET invoice = ?5 WHERE {}", kBillable),
                            tenant, period.start_ms, period.end_ms, until_ms, number));
    CAIRN_TRY(transaction.commit());
    return invoice;
}

Result<std::vector<Invoice>> list_invoices(store::Database& database, std::string_view tenant) {
    return read_invoices(CAIRN_TRY(database.query(
        "SELECT body FROM invoices WHERE ?1 = '' OR tenant = ?1 ORDER BY number", tenant)));
}

}  // namespace cairn::ledger
