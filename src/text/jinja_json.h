// SPDX-License-Identifier: Apache-2.0
// JSON in and out of a template: keys keep their order, and whoever wrote the JSON wrote its text.
#pragma once

#include <string_view>

#include "jinja_value.h"

namespace cairn::text::jinja {

/// All text in the value is the user's or trusted. Errors: kInvalid with the offset, kTooLarge for
/// nesting; whole numbers beyond 64 bits are refused.
Result<Value> parse_json_value(std::string_view text, bool user);

}  // namespace cairn::text::jinja
