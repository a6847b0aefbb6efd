// SPDX-License-Identifier: Apache-2.0
// Price books as rows of `price_books`.
#include "cairn/ledger/prices.h"

#include <fmt/format.h>

namespace cairn::ledger {
namespace {

constexpr const char* kSelect =
    "SELECT version, valid_from_ms, currency, input_per_token, cached_input_per_token, "
    "output_per_token FROM price_books ";

PriceBook read_book(const store::Statement& row) {
    return {static_cast<int>(row.integer(0)),
            row.integer(1),
            row.text(2),
            {row.integer(3), row.integer(4), row.integer(5)}};
}

bool same_prices(const PricesConfig& a, const PricesConfig& b) {
    return a.input_per_token == b.input_per_token &&
           a.cached_input_per_token == b.cached_input_per_token &&
           a.output_per_token == b.output_per_token;
}

}  // namespace

Picos unit_price(const PricesConfig& prices, MeterKind meter) {
    switch (meter) {
        case MeterKind::kInputUncached:
            return prices.input_per_token;
        case MeterKind::kInputCached:
            return prices.cached_input_per_token;
        case MeterKind::kOutput:
            return prices.output_per_token;
        case MeterKind::kEngineMs:
            return 0;
    }
    return 0;
}

PicosWide rate(const PricesConfig& prices, MeterKind meter, std::int64_t quantity) {
    return static_cast<PicosWide>(unit_price(prices, meter)) * quantity;
}

Result<int> publish_prices(store::Database& database, const PricesConfig& prices,
                           std::string_view currency, std::int64_t now_ms) {
    store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(database));
    const std::optional<PriceBook> newest = CAIRN_TRY(newest_price_book(database));
    if (newest && newest->currency != currency) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected the ledger's currency {}, found {}", newest->currency, currency),
            "a ledger keeps one currency; use a new workspace for another");
    }
    if (newest && same_prices(newest->prices, prices)) return newest->version;
    const int version = newest ? newest->version + 1 : 1;
    const std::int64_t valid_from_ms = newest ? std::max(now_ms, newest->valid_from_ms) : 0;
    CAIRN_TRY(database.exec("INSERT INTO price_books VALUES (?1, ?2, ?3, ?4, ?5, ?6)", version,
                            valid_from_ms, currency, prices.input_per_token,
                            prices.cached_input_per_token, prices.output_per_token));
    CAIRN_TRY(transaction.commit());
    return version;
}

Result<PriceBook> price_book(store::Database& database, int version) {
    const std::string sql = std::string(kSelect) + "WHERE version = ?1";
    store::Statement row = CAIRN_TRY(database.query(sql, version));
    if (CAIRN_TRY(row.step())) return read_book(row);
    return make_error(Code::kNotFound, fmt::format("expected price book {}, found none", version));
}

Result<std::optional<PriceBook>> newest_price_book(store::Database& database) {
    const std::string sql = std::string(kSelect) + "ORDER BY version DESC LIMIT 1";
    store::Statement row = CAIRN_TRY(database.query(sql));
    if (!CAIRN_TRY(row.step())) return std::optional<PriceBook>();
    return std::optional<PriceBook>(read_book(row));
}

}  // namespace cairn::ledger
