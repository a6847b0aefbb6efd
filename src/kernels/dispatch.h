// SPDX-License-Identifier: Apache-2.0
// The table in use, and the tables of other ISAs for tests.
#pragma once

#include "cairn/kernels/kernels.h"
#include "table.h"

namespace cairn::kernels::detail {

/// The table of `isa`, or null when this machine cannot run it.
const Table* table_for(Isa isa) noexcept;
const Table& active_table() noexcept;
/// For tests: uses `isa` from now on. False when it is not supported.
bool use_isa(Isa isa) noexcept;

}  // namespace cairn::kernels::detail
