// SPDX-License-Identifier: Apache-2.0
// Price books: immutable, numbered, each valid from a moment until the next one. Rating is a pure
// function of quantity and book.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/base/config.h"
#include "cairn/base/money.h"
#include "cairn/base/result.h"
#include "cairn/ledger/meter.h"
#include "cairn/store/database.h"

namespace cairn::ledger {

struct PriceBook {
    int version = 0;
    std::int64_t valid_from_ms = 0;
    std::string currency;
    PricesConfig prices;
};

/// Picos per token of that meter; engine time has no price of its own.
Picos unit_price(const PricesConfig& prices, MeterKind meter);
PicosWide rate(const PricesConfig& prices, MeterKind meter, std::int64_t quantity);

/// Makes a new book when the prices differ from the newest one; the version in force. The first
/// book is valid for all earlier events too, later ones from `now_ms`. Errors: kInvalid when the
/// currency differs from the newest book's.
Result<int> publish_prices(store::Database& database, const PricesConfig& prices,
                           std::string_view currency, std::int64_t now_ms);
/// Errors: kNotFound.
Result<PriceBook> price_book(store::Database& database, int version);
/// Empty before the first publish_prices.
Result<std::optional<PriceBook>> newest_price_book(store::Database& database);

}  // namespace cairn::ledger
