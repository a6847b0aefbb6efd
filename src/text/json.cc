// SPDX-License-Identifier: Apache-2.0
// nlohmann's exceptions stop here; nesting is counted before parsing, so that depth never costs
// memory.
#include "cairn/text/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

using nlohmann::json;

/// Deepest nesting of brackets outside of strings.
int nesting(std::string_view text) {
    int depth = 0;
    int deepest = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return deepest;
}

/// nlohmann's words without its error number. They quote the bytes at fault, which may be no UTF-8.
std::string reason(const char* what) {
    const std::string_view text = what;
    const std::size_t end = text.find("] ");
    return repair_utf8(end == std::string_view::npos ? text : text.substr(end + 2)).text;
}

/// Sees keys while parsing; remembers the first that comes twice in one object.
class DuplicateKeys {
  public:
    bool operator()(json::parse_event_t event, const json& parsed) {
        if (event == json::parse_event_t::object_start) {
            open_.emplace_back();
        } else if (event == json::parse_event_t::object_end) {
            open_.pop_back();
        } else if (event == json::parse_event_t::key) {
            const auto& key = parsed.get_ref<const std::string&>();
            if (!open_.back().insert(key).second && first_.empty()) first_ = "'" + key + "'";
        }
        return true;
    }
    const std::string& first() const { return first_; }

  private:
    std::vector<std::set<std::string>> open_;
    std::string first_;
};

const json* member(const json& object, std::string_view key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

Error missing(std::string_view key) {
    return make_error(Code::kInvalid, fmt::format("expected the key '{}', found none", key));
}

Error wrong_type(std::string_view key, std::string_view expected, const json& value) {
    return make_error(Code::kInvalid, fmt::format("key '{}': expected {}, found {}", key, expected,
                                                  value.type_name()));
}

Result<std::string> as_string(const json& value, std::string_view key) {
    if (!value.is_string()) return wrong_type(key, "a string", value);
    return value.get<std::string>();
}

Result<std::int64_t> as_int(const json& value, std::string_view key) {
    if (value.is_number_unsigned() && !std::in_range<std::int64_t>(value.get<std::uint64_t>())) {
        return make_error(Code::kInvalid,
                          fmt::format("key '{}': expected an integer below 2^63", key));
    }
    if (!value.is_number_integer()) return wrong_type(key, "an integer", value);
    return value.get<std::int64_t>();
}

Result<double> as_double(const json& value, std::string_view key) {
    if (!value.is_number()) return wrong_type(key, "a number", value);
    return value.get<double>();
}

Result<bool> as_bool(const json& value, std::string_view key) {
    if (!value.is_boolean()) return wrong_type(key, "true or false", value);
    return value.get<bool>();
}

template <typename Convert>
auto required(const json& object, std::string_view key, Convert convert)
    -> decltype(convert(object, key)) {
    const json* value = member(object, key);
    if (value == nullptr) return missing(key);
    return convert(*value, key);
}

template <typename T, typename Convert>
Result<T> optional(const json& object, std::string_view key, T other, Convert convert) {
    const json* value = member(object, key);
    if (value == nullptr || value->is_null()) return other;
    return convert(*value, key);
}

}  // namespace

Result<json> parse_json(std::string_view text, const JsonLimits& limits) {
    const int depth = nesting(text);
    if (depth > limits.depth_max) {
        return make_error(Code::kTooLarge,
                          fmt::format("JSON: expected at most {} levels of nesting, found {}",
                                      limits.depth_max, depth));
    }
    DuplicateKeys keys;
    try {
        json value;
        if (limits.refuse_duplicate_keys) {
            value = json::parse(text, [&](int, json::parse_event_t event, json& parsed) {
                return keys(event, parsed);
            });
        } else {
            value = json::parse(text);
        }
        if (!keys.first().empty()) {
            return make_error(Code::kInvalid, "JSON: expected each key once in an object, found " +
                                                  keys.first() + " twice");
        }
        return value;
    } catch (const json::exception& error) {
        return make_error(Code::kInvalid, "JSON: " + reason(error.what()));
    }
}

std::string dump_json(const json& value, int indent) {
    return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

Result<std::string> get_string(const json& object, std::string_view key) {
    return required(object, key, as_string);
}
Result<std::int64_t> get_int(const json& object, std::string_view key) {
    return required(object, key, as_int);
}
Result<double> get_double(const json& object, std::string_view key) {
    return required(object, key, as_double);
}
Result<bool> get_bool(const json& object, std::string_view key) {
    return required(object, key, as_bool);
}

Result<std::string> get_string_or(const json& object, std::string_view key,
                                  std::string_view other) {
    return optional<std::string>(object, key, std::string(other), as_string);
}
Result<std::int64_t> get_int_or(const json& object, std::string_view key, std::int64_t other) {
    return optional<std::int64_t>(object, key, other, as_int);
}
Result<double> get_double_or(const json& object, std::string_view key, double other) {
    return optional<double>(object, key, other, as_double);
}
Result<bool> get_bool_or(const json& object, std::string_view key, bool other) {
    return optional<bool>(object, key, other, as_bool);
}

}  // namespace cairn::text
