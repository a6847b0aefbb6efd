// SPDX-License-Identifier: Apache-2.0
// The engine's own counts as the other side of the books.
#pragma once

#include <string>
#include <vector>

#include "cairn/ledger/meter.h"

namespace cairn::ledger {

/// Appends, at most `limit` of each kind: requests that were logged otherwise than the engine
/// computed for them, engines whose counts do not agree with what their requests told.
Status compare_engine(store::Database& database, const Period& period, int limit,
                      std::vector<std::string>& differences);

}  // namespace cairn::ledger
