// SPDX-License-Identifier: Apache-2.0
// Filters on text and numbers.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/text/utf8.h"
#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

using Args = Arguments&;
using Bound = std::vector<std::optional<Value>>;

template <MarkedText (*kMap)(const MarkedText&)>
Result<Value> mapped(Run& run, const Value& value, Args arguments) {
    CAIRN_TRY(bind("filter", arguments, {}));
    const MarkedText text = CAIRN_TRY(to_text(value));
    return run.text(kMap(text));
}

/// jinja2's title: words begin behind white space and opening marks, not behind apostrophes.
MarkedText title(const MarkedText& text) {
    MarkedText out;
    out.markup = text.markup;
    const std::string_view bytes = text.bytes();
    bool at_start = true;
    std::size_t begin = 0;
    const auto flush = [&](std::size_t end) {
        if (begin == end) return;
        const std::size_t first = begin + code_point_at(bytes, begin).bytes;
        out.append(to_upper(text.slice(begin, first)));
        out.append(to_lower(text.slice(first, end)));
        begin = end;
    };
    for (std::size_t i = 0; i < bytes.size();) {
        const CodePoint c = code_point_at(bytes, i);
        const bool splits =
            is_space(c.value) || std::string_view("-({[<").find(bytes[i]) != std::string_view::npos;
        if (splits != at_start || i == 0) {
            flush(i);
            at_start = splits;
        }
        i += c.bytes;
    }
    flush(bytes.size());
    return out;
}

Result<Value> trim(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("trim", arguments, {"chars"}));
    const Value text = Value::string(CAIRN_TRY(to_text(value)));
    return find_string_method("strip")->function(run, text, arguments);
}

Result<Value> replace_filter(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("replace", arguments, {"old", "new", "count"}, 2));
    MarkedText text = CAIRN_TRY(to_text(value));
    text.markup = false;
    const MarkedText old_text = CAIRN_TRY(to_text(*bound[0]));
    const MarkedText new_text = CAIRN_TRY(to_text(*bound[1]));
    const bool counted = bound[2] && !bound[2]->is_none();
    const std::int64_t times = counted ? CAIRN_TRY(need_int("replace", *bound[2])) : -1;
    return checked_replace(run, text, old_text.bytes(), new_text, times);
}

Result<Value> center(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("center", arguments, {"width"}));
    const std::int64_t width = bound[0] ? CAIRN_TRY(need_int("center", *bound[0])) : 80;
    return padded(run, CAIRN_TRY(to_text(value)), width, MarkedText::trusted(" "), true, true);
}

Result<Value> indent(Run& run, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("indent", arguments, {"width", "first", "blank"}));
    MarkedText by = MarkedText::trusted("    ");
    if (bound[0] && bound[0]->text() != nullptr) {
        by = *bound[0]->text();
    } else if (bound[0]) {
        const std::int64_t width = CAIRN_TRY(need_int("indent", *bound[0]));
        if (width > 1000) return template_error("indent: at most 1000 columns");
        by = MarkedText::trusted(
            std::string(static_cast<std::size_t>(std::max<std::int64_t>(0, width)), ' '));
    }
    const bool first = bound[1] && truthy(*bound[1]);
    const bool blank = bound[2] && truthy(*bound[2]);
    const MarkedText text = CAIRN_TRY(to_text(value));
    MarkedText out;
    out.markup = text.markup;
    std::size_t begin = 0;
    for (bool at_first = true; begin <= text.size(); at_first = false) {
        const std::size_t found = text.bytes().find('\n', begin);
        const std::size_t end = std::min(found, text.size());
        if (at_first ? first : blank || end > begin) out.append(by);
        CAIRN_TRY(run.charge(by.size()));
        out.append(text, begin, found == std::string::npos ? end : end + 1);
        if (found == std::string::npos) break;
        begin = end + 1;
    }
    return run.text(std::move(out));
}

Result<Value> truncate(Run& run, const Value& value, Args arguments) {
    const Bound bound =
        CAIRN_TRY(bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
    const std::int64_t length = bound[0] ? CAIRN_TRY(need_int("truncate", *bound[0])) : 255;
    const MarkedText end =
        bound[2] ? *CAIRN_TRY(need_text("truncate", *bound[2])) : MarkedText::trusted("...");
    const std::int64_t leeway =
        bound[3] && !bound[3]->is_none() ? CAIRN_TRY(need_int("truncate", *bound[3])) : 5;
    const auto end_length = static_cast<std::int64_t>(count_code_points(end.bytes()));
    const MarkedText text = CAIRN_TRY(to_text(value));
    if (length < end_length || leeway < 0) {
        return template_error("truncate: expected a length above that of the end");
    }
    if (static_cast<std::int64_t>(count_code_points(text.bytes())) - leeway <= length) {
        return run.text(text);
    }
    MarkedText out =
        text.slice(0, byte_offset(text.bytes(), static_cast<std::size_t>(length - end_length)));
    if (!bound[1] || !truthy(*bound[1])) {
        const std::size_t space = out.bytes().rfind(' ');
        if (space != std::string::npos) out = out.slice(0, space);
    }
    out.append(end);
    return run.text(std::move(out));
}

Result<Value> word_count(Run& run, const Value& value, Args) {
    const MarkedText text = CAIRN_TRY(to_text(value));
    CAIRN_TRY(run.charge(text.size()));
    Arguments none;
    std::int64_t words = 0;
    bool inside = false;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t end = i + code_point_at(text.bytes(), i).bytes;
        const Value c = Value::string(text.slice(i, end));
        const bool word = text.bytes()[i] == '_' ||
                          truthy(CAIRN_TRY(find_string_method("isalnum")->function(run, c, none)));
        if (word && !inside) ++words;
        inside = word;
        i = end;
    }
    return Value::integer(words);
}

Result<Value> url_encode(Run& run, const Value& value, Args) {
    // In a query (of pairs) a space is a plus and a slash is encoded.
    const auto encode = [](const MarkedText& text, bool query) {
        MarkedText out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const char c = text.bytes()[i];
            const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
                               c == '~' || (c == '/' && !query);
            out.append(plain               ? std::string(1, c)
                       : query && c == ' ' ? std::string("+")
                                           : fmt::format("%{:02X}", static_cast<unsigned char>(c)),
                       text.is_user(i));
        }
        return out;
    };
    const bool pairs = value.dict() != nullptr || value.list() != nullptr;
    if (!pairs) return run.text(encode(CAIRN_TRY(to_text(value)), false));
    std::vector<Value> items;
    if (value.dict() != nullptr) {
        for (const auto& [key, item] : value.dict()->items()) {
            items.push_back(Value::flat_list({key, item}, true));
        }
    } else {
        items = value.list()->items;
    }
    MarkedText all;
    for (const Value& item : items) {
        const auto parts = CAIRN_TRY(run.iterate(item));
        if (parts.size() != 2) return template_error("urlencode: expected pairs");
        if (all.size() > 0) all.append("&");
        all.append(encode(CAIRN_TRY(to_text(parts[0])), true));
        all.append("=");
        all.append(encode(CAIRN_TRY(to_text(parts[1])), true));
    }
    return run.text(std::move(all));
}

/// Python's float(text); nothing for what is no number.
std::optional<double> parse_float(std::string_view text) {
    const auto [begin, end] = trimmed(text, true, true);
    std::string digits(text.substr(begin, end - begin));
    std::erase(digits, '_');
    const char* first = digits.data() + (digits.starts_with('+') ? 1 : 0);
    double value = 0;
    const auto read = std::from_chars(first, digits.data() + digits.size(), value);
    if (read.ptr != digits.data() + digits.size() || digits.empty()) return std::nullopt;
    if (read.ec == std::errc::result_out_of_range) return HUGE_VAL;
    return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> parse_int(std::string_view text, int base) {
    const auto [begin, end] = trimmed(text, true, true);
    std::string digits(text.substr(begin, end - begin));
    std::erase(digits, '_');
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.erase(0, 1);
    if (digits.starts_with('-')) return std::nullopt;
    const char kind =
        digits.size() > 2 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : ' ';
    const int prefixed = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (prefixed != 0 && (base == prefixed || base == 0)) {
        digits.erase(0, 2);
        base = prefixed;
    }
    if (negative) digits.insert(0, "-");
    std::int64_t value = 0;
    const auto read =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base == 0 ? 10 : base);
    const bool all = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    return all ? std::optional(value) : std::nullopt;
}

constexpr double kInt64End = 9223372036854775808.0;

std::optional<std::int64_t> truncated(double value) {
    if (!(value > -kInt64End && value < kInt64End)) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

Result<Value> to_int(Run&, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("int", arguments, {"default", "base"}));
    const Value other = bound[0].value_or(Value::integer(0));
    const std::int64_t base = bound[1] ? CAIRN_TRY(need_int("int", *bound[1])) : 10;
    if (base < 0 || base > 36 || base == 1) return template_error("int: a base from 2 to 36");
    if (value.is_undefined()) return undefined_error(std::get<Undefined>(value.data));
    if (const auto number = value.as_int()) return Value::integer(*number);
    std::optional<double> number = value.as_number();
    if (const MarkedText* text = value.text()) {
        if (const auto whole = parse_int(text->bytes(), static_cast<int>(base))) {
            return Value::integer(*whole);
        }
        number = parse_float(text->bytes());
    }
    const auto whole = number ? truncated(*number) : std::nullopt;
    return whole ? Value::integer(*whole) : other;
}

Result<Value> to_float(Run&, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("float", arguments, {"default"}));
    if (value.is_undefined()) return undefined_error(std::get<Undefined>(value.data));
    std::optional<double> number = value.as_number();
    if (const MarkedText* text = value.text()) number = parse_float(text->bytes());
    return number ? Value::real(*number) : bound[0].value_or(Value::real(0));
}

Result<Value> absolute(Run&, const Value& value, Args) {
    if (const auto number = value.as_int()) {
        if (*number == INT64_MIN) return template_error("a whole number leaves 64 bits");
        return Value::integer(*number < 0 ? -*number : *number);
    }
    if (const auto number = value.as_number()) return Value::real(std::abs(*number));
    return template_error(fmt::format("abs: '{}' is no number", type_name(value)));
}

Result<Value> round_number(Run&, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("round", arguments, {"precision", "method"}));
    const std::int64_t places = bound[0] ? CAIRN_TRY(need_int("round", *bound[0])) : 0;
    const std::string method =
        bound[1] ? CAIRN_TRY(need_text("round", *bound[1]))->bytes() : "common";
    const auto number = value.as_number();
    if (!number) return template_error(fmt::format("round: '{}' is no number", type_name(value)));
    if (places < -300 || places > 300) return template_error("round: from -300 to 300 places");
    if (method == "ceil" || method == "floor") {
        const double scale = std::pow(10.0, static_cast<double>(places));
        const double scaled = *number * scale;
        return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
    }
    if (method != "common") return template_error("round: expected common, ceil or floor");
    if (value.as_int() && places >= 0) return Value::integer(*value.as_int());
    if (places < 0) {
        const double scale = std::pow(10.0, static_cast<double>(-places));
        const double rounded = std::nearbyint(*number / scale) * scale;
        return value.as_int() ? Value::integer(static_cast<std::int64_t>(rounded))
                              : Value::real(rounded);
    }
    if (!std::isfinite(*number)) return value;
    // Correctly rounded decimal digits, halves to even, as Python does.
    return Value::real(*parse_float(fmt::format("{:.{}f}", *number, places)));
}

Result<Value> file_size(Run&, const Value& value, Args arguments) {
    const Bound bound = CAIRN_TRY(bind("filesizeformat", arguments, {"binary"}));
    const bool binary = bound[0] && truthy(*bound[0]);
    std::optional<double> bytes = value.as_number();
    if (value.text() != nullptr) bytes = parse_float(value.text()->bytes());
    if (!bytes) return template_error("filesizeformat: expected a number");
    static constexpr const char* kDecimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static constexpr const char* kBinary[] = {"KiB", "MiB", "GiB", "TiB",
                                              "PiB", "EiB", "ZiB", "YiB"};
    const double base = binary ? 1024 : 1000;
    if (*bytes == 1) return Value::trusted("1 Byte");
    if (*bytes < base) {
        return Value::trusted(fmt::format("{:.0f} Bytes", std::trunc(*bytes)));
    }
    double unit = base;
    for (std::size_t i = 0; i < 8; ++i) {
        unit *= base;
        if (*bytes < unit || i == 7) {
            return Value::trusted(
                fmt::format("{:.1f} {}", base * *bytes / unit, (binary ? kBinary : kDecimal)[i]));
        }
    }
    return Value{};
}

Result<Value> to_string(Run& run, const Value& value, Args) {
    if (value.text() != nullptr) return value;
    return run.text(CAIRN_TRY(to_text(value)));
}

Result<Value> mark_safe(Run& run, const Value& value, Args) {
    MarkedText text = CAIRN_TRY(to_text(value));
    text.markup = true;
    return run.text(std::move(text));
}

Result<Value> escape(Run& run, const Value& value, Args) {
    const MarkedText text = CAIRN_TRY(to_text(value));
    return run.text(text.markup ? text : escape_html(text));
}

Result<Value> force_escape(Run& run, const Value& value, Args) {
    return run.text(escape_html(CAIRN_TRY(to_text(value))));
}

Result<Value> format_filter(Run& run, const Value& value, Args arguments) {
    const MarkedText format = CAIRN_TRY(to_text(value));
    if (!arguments.named.empty()) {
        if (!arguments.items.empty()) {
            return template_error("format: arguments by place or by name, not both");
        }
        Dict dict;
        for (auto& [name, item] : arguments.named) {
            dict.set(Value::trusted(name), item);
        }
        arguments.items.push_back(CAIRN_TRY(make_dict(std::move(dict))));
        arguments.named.clear();
    }
    return format_percent(run, format, arguments);
}

}  // namespace

const FilterEntry kTextFilters[] = {
    {"abs", absolute},
    {"capitalize", mapped<capitalize>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"filesizeformat", file_size},
    {"float", to_float},
    {"forceescape", force_escape},
    {"format", format_filter},
    {"indent", indent},
    {"int", to_int},
    {"lower", mapped<to_lower>},
    {"replace", replace_filter},
    {"round", round_number},
    {"safe", mark_safe},
    {"string", to_string},
    {"title", mapped<title>},
    {"tojson", filter_tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", mapped<to_upper>},
    {"urlencode", url_encode},
    {"wordcount", word_count},
};
const std::size_t kTextFilterCount = std::size(kTextFilters);

}  // namespace cairn::text::jinja
