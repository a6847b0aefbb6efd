// SPDX-License-Identifier: Apache-2.0
// Money as integer pico-units (10^-12 of the currency unit): exact sums, one rounding, at the
// invoice line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn {

/// 10^-12 of a currency unit. 64 bits hold +-9.2 million units: enough for a price or a line; sums
/// use PicosWide.
using Picos = std::int64_t;
__extension__ typedef __int128 PicosWide;

inline constexpr Picos kPicosPerUnit = 1'000'000'000'000;

/// Exact decimal ("0.20", "-3", "12.000001") to picos. Errors: kInvalid, more than 12 decimals,
/// overflow.
Result<Picos> parse_money(std::string_view decimal);
/// Rounds half away from zero to cents; "12.35".
std::string money_cents(PicosWide amount);
/// All 12 decimals without trailing zeros: "0.0000002".
std::string money_exact(PicosWide amount);
/// Rounds half away from zero to whole cents, as picos.
PicosWide round_to_cents(PicosWide amount);
/// price per million tokens -> picos per token, exact. Errors: kInvalid when it is not a whole
/// number of picos.
Result<Picos> picos_per_token(std::string_view price_per_million);

}  // namespace cairn
