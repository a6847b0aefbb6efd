// SPDX-License-Identifier: Apache-2.0
// nlohmann::json with bounds and without exceptions: depth limit, named keys in errors, output that
// never fails.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cairn/base/limits.h"
#include "cairn/base/result.h"

namespace cairn::text {

struct JsonLimits {
    int depth_max = limits::kJsonDepthMax;
    bool refuse_duplicate_keys = false;
};

/// Errors: kInvalid with the byte offset, kTooLarge for nesting. Numbers beyond double (1e999) are
/// invalid.
Result<nlohmann::json> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Compact (indent < 0) or pretty; ill-formed UTF-8 becomes U+FFFD. Keys are in byte order.
std::string dump_json(const nlohmann::json& value, int indent = -1);

/// Members of an object by key. Errors name the key: missing (kInvalid) or of another type
/// (kInvalid).
Result<std::string> get_string(const nlohmann::json& object, std::string_view key);
Result<std::int64_t> get_int(const nlohmann::json& object, std::string_view key);
Result<double> get_double(const nlohmann::json& object, std::string_view key);
Result<bool> get_bool(const nlohmann::json& object, std::string_view key);

/// Same, with a value for an absent or null member; a member of another type is still an error.
Result<std::string> get_string_or(const nlohmann::json& object, std::string_view key,
                                  std::string_view other);
Result<std::int64_t> get_int_or(const nlohmann::json& object, std::string_view key,
                                std::int64_t other);
Result<double> get_double_or(const nlohmann::json& object, std::string_view key, double other);
Result<bool> get_bool_or(const nlohmann::json& object, std::string_view key, bool other);

}  // namespace cairn::text
