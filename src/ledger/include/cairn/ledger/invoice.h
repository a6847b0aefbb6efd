// SPDX-License-Identifier: Apache-2.0
// Invoices: metered quantities times the price in force, rounded once per line so that the lines
// sum to the total. A final invoice has a number and never changes; usage that arrives later goes
// to the next one, marked as a correction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/money.h"
#include "cairn/base/result.h"
#include "cairn/ledger/meter.h"
#include "cairn/store/database.h"

namespace cairn::ledger {

struct InvoiceLine {
    std::string scenario;
    MeterKind meter = MeterKind::kOutput;
    Period charged;  ///< the month in which it was used
    int price_book = 0;
    Picos price_per_token = 0;
    std::int64_t tokens = 0;
    PicosWide exact = 0;      ///< tokens x price
    PicosWide billed = 0;     ///< whole cents
    bool correction = false;  ///< used in a period that had been invoiced already
};

struct Invoice {
    std::string number;  ///< "INV-000001"; empty: a draft
    std::string issuer;
    std::string tenant;
    std::string currency;
    Period period;
    std::int64_t issued_ms = 0;
    std::vector<InvoiceLine> lines;
    PicosWide total = 0;  ///< the exact sum rounded to cents; equals the sum of `billed`
};

/// The final invoice of that tenant and period when there is one, otherwise what it would be now.
/// Errors: kNotFound without a price list.
Result<Invoice> draft_invoice(store::Database& database, std::string_view tenant,
                              const Period& period, std::string_view issuer);
/// Numbers it and closes the period; asking again gives the same invoice. Errors: kInvalid when the
/// period has not ended or an earlier one is still open, kNotFound when there is nothing to bill.
Result<Invoice> finalise_invoice(store::Database& database, std::string_view tenant,
                                 const Period& period, std::string_view issuer,
                                 std::int64_t now_ms);
/// Final invoices, oldest first; an empty tenant means all.
Result<std::vector<Invoice>> list_invoices(store::Database& database, std::string_view tenant = {});

/// A printable page, light and dark.
std::string invoice_html(const Invoice& invoice);
/// One row a line with the column names of FOCUS 1.2 (https://focus.finops.org).
std::string invoice_csv(const Invoice& invoice);

}  // namespace cairn::ledger
