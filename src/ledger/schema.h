// SPDX-License-Identifier: Apache-2.0
// SQL that several files of the ledger share.
#pragma once

namespace cairn::ledger {

/// The price book in force when the event `e` ended.
inline constexpr const char* kBookOfEvent =
    "(SELECT b.version FROM price_books b WHERE b.valid_from_ms <= e.ended_ms "
    "ORDER BY b.valid_from_ms DESC, b.version DESC LIMIT 1)";

}  // namespace cairn::ledger
