// SPDX-License-Identifier: Apache-2.0
// Python's methods of strings. All of them build their result from pieces of the old text, so that
// users' bytes stay marked.
#include <unicode/uchar.h>

#include <algorithm>

#include "cairn/text/utf8.h"
#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

using Bound = std::vector<std::optional<Value>>;
constexpr auto kNone = std::string_view::npos;

const MarkedText& self_text(const Value& self) {
    return *self.text();
}

bool given(const std::optional<Value>& value) {
    return value && !value->is_none();
}

Result<Value> strip(Run& run, const Value& self, Arguments& arguments, bool left, bool right) {
    const Bound bound = CAIRN_TRY(bind("strip", arguments, {"chars"}));
    const MarkedText& text = self_text(self);
    auto [begin, end] = trimmed(text.bytes(), left, right);
    if (given(bound[0])) {
        const std::string& chars = CAIRN_TRY(need_text("strip", *bound[0]))->bytes();
        const auto holds = [&](std::size_t at, std::size_t bytes) {
            return find_text(chars, std::string_view(text.bytes()).substr(at, bytes)) != kNone;
        };
        begin = 0;
        end = text.size();
        while (left && begin < end) {
            const std::size_t bytes = code_point_at(text.bytes(), begin).bytes;
            if (!holds(begin, bytes)) break;
            begin += bytes;
        }
        while (right && end > begin) {
            std::size_t last = end - 1;
            while (last > begin && (static_cast<unsigned char>(text.bytes()[last]) & 0xC0) == 0x80)
                --last;
            if (!holds(last, end - last)) break;
            end = last;
        }
    }
    return run.text(text.slice(begin, end));
}

/// Pieces between white space; what is left over after `count` cuts keeps its white space inside.
Result<std::vector<Value>> split_space(Run& run, const MarkedText& text, std::int64_t count,
                                       bool from_right) {
    std::vector<Value> parts;
    const std::string_view bytes = text.bytes();
    const auto [first, last] = trimmed(bytes, true, true);
    std::size_t begin = first;
    std::size_t end = last;
    const auto add = [&](std::size_t b, std::size_t e) {
        parts.push_back(Value::string(text.slice(b, e)));
    };
    bool stopped = false;
    while (begin < end) {
        stopped = count == 0;
        if (stopped) break;
        --count;
        if (from_right) {
            std::size_t cut = end;
            while (cut > begin &&
                   trimmed(bytes.substr(begin, cut - begin), false, true).second == cut - begin) {
                --cut;
                while (cut > begin && (static_cast<unsigned char>(bytes[cut]) & 0xC0) == 0x80)
                    --cut;
            }
            if (cut == begin) break;
            add(cut, end);
            end = begin + trimmed(bytes.substr(begin, cut - begin), false, true).second;
        } else {
            std::size_t cut = begin;
            while (cut < end) {
                const CodePoint c = code_point_at(bytes, cut);
                if (c.valid && is_space(c.value)) break;
                cut += c.bytes;
            }
            if (cut == end) break;
            add(begin, cut);
            begin = cut + trimmed(bytes.substr(cut, end - cut), true, false).first;
        }
    }
    if (begin < end) {
        // What is not cut any further keeps the white space at its far end.
        from_right ? add(stopped ? 0 : begin, end) : add(begin, stopped ? bytes.size() : end);
    }
    if (from_right) std::reverse(parts.begin(), parts.end());
    CAIRN_TRY(run.charge(bytes.size() + parts.size() * sizeof(MarkedText)));
    return parts;
}

Result<Value> split(Run& run, const Value& self, Arguments& arguments, bool from_right) {
    const Bound bound = CAIRN_TRY(bind("split", arguments, {"sep", "maxsplit"}));
    const MarkedText& text = self_text(self);
    std::int64_t count = bound[1] ? CAIRN_TRY(need_int("split", *bound[1])) : -1;
    if (!given(bound[0])) {
        return Value::list(CAIRN_TRY(split_space(run, text, count, from_right)));
    }
    const std::string& mark = CAIRN_TRY(need_text("split", *bound[0]))->bytes();
    if (mark.empty()) return template_error("split: the separator is empty");
    std::vector<Value> parts;
    const std::string& bytes = text.bytes();
    std::size_t begin = 0;
    std::size_t end = bytes.size();
    while (count-- != 0) {
        const std::size_t found = !from_right         ? find_text(bytes, mark, begin)
                                  : end < mark.size() ? kNone
                                                      : bytes.rfind(mark, end - mark.size());
        if (found == kNone) break;
        if (from_right) {
            parts.push_back(Value::string(text.slice(found + mark.size(), end)));
            end = found;
        } else {
            parts.push_back(Value::string(text.slice(begin, found)));
            begin = found + mark.size();
        }
    }
    parts.push_back(Value::string(text.slice(begin, end)));
    if (from_right) std::reverse(parts.begin(), parts.end());
    CAIRN_TRY(run.charge(bytes.size() + parts.size() * sizeof(MarkedText)));
    return Value::list(std::move(parts));
}

Result<Value> split_lines(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("splitlines", arguments, {"keepends"}));
    const bool keep = bound[0] && truthy(*bound[0]);
    const MarkedText& text = self_text(self);
    std::vector<Value> lines;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point_at(text.bytes(), i);
        const bool ends = (c.value >= 10 && c.value <= 13) ||
                          (c.value >= 0x1C && c.value <= 0x1E) || c.value == 0x85 ||
                          c.value == 0x2028 || c.value == 0x2029;
        std::size_t after = i + c.bytes;
        if (c.value == '\r' && after < text.size() && text.bytes()[after] == '\n') ++after;
        if (ends) {
            lines.push_back(Value::string(text.slice(begin, keep ? after : i)));
            begin = after;
        }
        i = after;
    }
    if (begin < text.size()) lines.push_back(Value::string(text.slice(begin, text.size())));
    CAIRN_TRY(run.charge(text.size() + lines.size() * sizeof(MarkedText)));
    return Value::list(std::move(lines));
}

Result<Value> partition(Run& run, const Value& self, Arguments& arguments, bool from_right) {
    const Bound bound = CAIRN_TRY(bind("partition", arguments, {"sep"}, 1));
    const MarkedText& mark = *CAIRN_TRY(need_text("partition", *bound[0]));
    if (mark.size() == 0) return template_error("partition: the separator is empty");
    const MarkedText& text = self_text(self);
    const std::size_t found =
        from_right ? text.bytes().rfind(mark.bytes()) : find_text(text.bytes(), mark.bytes());
    CAIRN_TRY(run.charge(text.size()));
    const Value empty = Value::trusted("");
    if (found == kNone) {
        return from_right ? Value::list({empty, empty, self}, true)
                          : Value::list({self, empty, empty}, true);
    }
    return Value::list({Value::string(text.slice(0, found)), Value::string(mark),
                        Value::string(text.slice(found + mark.size(), text.size()))},
                       true);
}

/// The part of a text that `start` and `end` of find, count and others name.
Result<std::pair<std::size_t, std::size_t>> window(std::string_view text, const Bound& bound) {
    const auto size = static_cast<std::int64_t>(count_code_points(text));
    const auto place = [&](const std::optional<Value>& value,
                           std::int64_t other) -> Result<std::int64_t> {
        std::int64_t at = given(value) ? CAIRN_TRY(need_int("find", *value)) : other;
        if (at < 0) at = std::max<std::int64_t>(0, at + size);
        return std::min(at, size + 1);
    };
    const std::int64_t begin = CAIRN_TRY(place(bound[1], 0));
    const std::int64_t end = std::min(CAIRN_TRY(place(bound[2], size)), size);
    if (begin > end) return std::pair{kNone, kNone};
    return std::pair{byte_offset(text, static_cast<std::size_t>(begin)),
                     byte_offset(text, static_cast<std::size_t>(end))};
}

Result<std::int64_t> find_in(const Value& self, Arguments& arguments, bool from_right) {
    const Bound bound = CAIRN_TRY(bind("find", arguments, {"sub", "start", "end"}, 1));
    const std::string_view text = self_text(self).bytes();
    const std::string& what = CAIRN_TRY(need_text("find", *bound[0]))->bytes();
    const auto [begin, end] = CAIRN_TRY(window(text, bound));
    if (begin == kNone) return -1;
    const std::string_view part = text.substr(0, end);
    std::size_t found = from_right ? part.rfind(what) : find_text(part, what, begin);
    if (found == kNone || found < begin) return -1;
    return static_cast<std::int64_t>(count_code_points(text.substr(0, found)));
}

Result<Value> find(Run& run, const Value& self, Arguments& arguments) {
    CAIRN_TRY(run.charge(self_text(self).size()));
    return Value::integer(CAIRN_TRY(find_in(self, arguments, false)));
}
Result<Value> rfind(Run& run, const Value& self, Arguments& arguments) {
    CAIRN_TRY(run.charge(self_text(self).size()));
    return Value::integer(CAIRN_TRY(find_in(self, arguments, true)));
}
Result<Value> index(Run& run, const Value& self, Arguments& arguments) {
    const Value found = CAIRN_TRY(find(run, self, arguments));
    if (*found.as_int() < 0) return template_error("index: the text is not there");
    return found;
}
Result<Value> rindex(Run& run, const Value& self, Arguments& arguments) {
    const Value found = CAIRN_TRY(rfind(run, self, arguments));
    if (*found.as_int() < 0) return template_error("rindex: the text is not there");
    return found;
}

Result<Value> count(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("count", arguments, {"sub", "start", "end"}, 1));
    const std::string_view text = self_text(self).bytes();
    const std::string& what = CAIRN_TRY(need_text("count", *bound[0]))->bytes();
    const auto [begin, end] = CAIRN_TRY(window(text, bound));
    CAIRN_TRY(run.charge(text.size()));
    if (begin == kNone) return Value::integer(0);
    const std::string_view part = text.substr(begin, end - begin);
    if (what.empty()) return Value::integer(static_cast<std::int64_t>(count_code_points(part)) + 1);
    std::int64_t number = 0;
    for (std::size_t at = find_text(part, what); at != kNone;
         at = find_text(part, what, at + what.size())) {
        ++number;
    }
    return Value::integer(number);
}

Result<Value> meets(Run& run, const Value& self, Arguments& arguments, bool at_end) {
    const Bound bound = CAIRN_TRY(bind("startswith", arguments, {"prefix", "start", "end"}, 1));
    const std::string_view text = self_text(self).bytes();
    const auto [begin, end] = CAIRN_TRY(window(text, bound));
    CAIRN_TRY(run.charge(0));
    if (begin == kNone) return Value::boolean(false);
    const std::string_view part = text.substr(begin, end - begin);
    std::vector<Value> choices = {*bound[0]};
    if (const List* list = bound[0]->list(); list != nullptr && list->tuple) choices = list->items;
    for (const Value& choice : choices) {
        const std::string& what = CAIRN_TRY(need_text("startswith", choice))->bytes();
        if (at_end ? part.ends_with(what) : part.starts_with(what)) return Value::boolean(true);
    }
    return Value::boolean(false);
}

Result<Value> replace_text(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("replace", arguments, {"old", "new", "count"}, 2));
    const MarkedText& old_text = *CAIRN_TRY(need_text("replace", *bound[0]));
    const MarkedText& new_text = *CAIRN_TRY(need_text("replace", *bound[1]));
    const std::int64_t times = bound[2] ? CAIRN_TRY(need_int("replace", *bound[2])) : -1;
    return checked_replace(run, self_text(self), old_text.bytes(), new_text, times);
}

Result<Value> without(Run& run, const Value& self, Arguments& arguments, bool at_end) {
    const Bound bound = CAIRN_TRY(bind("removeprefix", arguments, {"prefix"}, 1));
    const std::string& what = CAIRN_TRY(need_text("removeprefix", *bound[0]))->bytes();
    const MarkedText& text = self_text(self);
    const std::string_view bytes = text.bytes();
    if (at_end ? !bytes.ends_with(what) : !bytes.starts_with(what)) return self;
    return run.text(at_end ? text.slice(0, bytes.size() - what.size())
                           : text.slice(what.size(), bytes.size()));
}

Result<Value> join(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("join", arguments, {"iterable"}, 1));
    MarkedText all;
    bool first = true;
    for (const Value& item : CAIRN_TRY(run.iterate(*bound[0]))) {
        if (!first) all.append(self_text(self));
        first = false;
        all.append(*CAIRN_TRY(need_text("join", item)));
        CAIRN_TRY(run.charge(self_text(self).size()));
    }
    all.markup = self_text(self).markup;
    return run.text(std::move(all));
}

Result<Value> pad(Run& run, const Value& self, Arguments& arguments, bool left, bool right) {
    const Bound bound = CAIRN_TRY(bind("center", arguments, {"width", "fillchar"}, 1));
    const std::int64_t width = CAIRN_TRY(need_int("center", *bound[0]));
    const MarkedText fill =
        bound[1] ? *CAIRN_TRY(need_text("center", *bound[1])) : MarkedText::trusted(" ");
    if (count_code_points(fill.bytes()) != 1) return template_error("center: one fill character");
    return padded(run, self_text(self), width, fill, left, right);
}

Result<Value> zero_fill(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("zfill", arguments, {"width"}, 1));
    const std::int64_t width = CAIRN_TRY(need_int("zfill", *bound[0]));
    const MarkedText& text = self_text(self);
    const bool sign = text.bytes().starts_with('-') || text.bytes().starts_with('+');
    const Value digits =
        CAIRN_TRY(padded(run, text.slice(sign ? 1 : 0, text.size()), width - (sign ? 1 : 0),
                         MarkedText::trusted("0"), true, false));
    MarkedText all = text.slice(0, sign ? 1 : 0);
    all.append(*digits.text());
    return run.text(std::move(all));
}

Result<Value> expand_tabs(Run& run, const Value& self, Arguments& arguments) {
    const Bound bound = CAIRN_TRY(bind("expandtabs", arguments, {"tabsize"}));
    const std::int64_t size = bound[0] ? CAIRN_TRY(need_int("expandtabs", *bound[0])) : 8;
    if (size > 1000) return template_error("expandtabs: tabs of at most 1000 columns");
    const MarkedText& text = self_text(self);
    MarkedText out;
    std::int64_t column = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t bytes = code_point_at(text.bytes(), i).bytes;
        const char c = text.bytes()[i];
        if (c == '\t') {
            const std::int64_t fill = size > 0 ? size - column % size : 0;
            CAIRN_TRY(run.charge(static_cast<std::size_t>(fill)));
            out.append(std::string(static_cast<std::size_t>(fill), ' '), text.is_user(i));
            column += fill;
        } else {
            out.append(text, i, i + bytes);
            column = c == '\n' || c == '\r' ? 0 : column + 1;
        }
        i += bytes;
    }
    return run.text(std::move(out));
}

template <bool (*kHolds)(char32_t)>
Result<Value> all_are(Run& run, const Value& self, Arguments&) {
    const std::string& text = self_text(self).bytes();
    CAIRN_TRY(run.charge(text.size() / 8));
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point_at(text, i);
        if (!kHolds(c.value)) return Value::boolean(false);
        i += c.bytes;
    }
    return Value::boolean(!text.empty());
}

bool is_alpha(char32_t c) {
    return u_isalpha(static_cast<UChar32>(c));
}
bool is_decimal(char32_t c) {
    return u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER;
}
bool is_digit(char32_t c) {
    const auto type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
    return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}
bool is_numeric(char32_t c) {
    return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}
bool is_alphanumeric(char32_t c) {
    return is_alpha(c) || is_numeric(c);
}
bool is_identifier(char32_t c) {
    return c == '_' || u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_XID_CONTINUE);
}

Result<Value> is_ascii(Run&, const Value& self, Arguments&) {
    const std::string& text = self_text(self).bytes();
    return Value::boolean(
        std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; }));
}

Result<Value> has_case(const Value& self, bool upper) {
    bool cased = false;
    const std::string& text = self_text(self).bytes();
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point_at(text, i);
        const auto point = static_cast<UChar32>(c.value);
        const bool is_upper = u_isUUppercase(point);
        const bool is_lower = u_isULowercase(point);
        if ((upper ? is_lower : is_upper) || u_istitle(point)) return Value::boolean(false);
        cased = cased || (upper ? is_upper : is_lower);
        i += c.bytes;
    }
    return Value::boolean(cased);
}

template <MarkedText (*kMap)(const MarkedText&)>
Result<Value> mapped(Run& run, const Value& self, Arguments& arguments) {
    CAIRN_TRY(bind("method", arguments, {}));
    return run.text(kMap(self_text(self)));
}

using Args = Arguments&;
constexpr MethodEntry kStringMethods[] = {
    {"capitalize", mapped<capitalize>},
    {"casefold", mapped<fold_case>},
    {"center", [](Run& r, const Value& s, Args a) { return pad(r, s, a, true, true); }},
    {"count", count},
    {"endswith", [](Run& r, const Value& s, Args a) { return meets(r, s, a, true); }},
    {"expandtabs", expand_tabs},
    {"find", find},
    {"format", [](Run& r, const Value& s, Args a) { return format_braces(r, *s.text(), a); }},
    {"index", index},
    {"isalnum", all_are<is_alphanumeric>},
    {"isalpha", all_are<is_alpha>},
    {"isascii", is_ascii},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"isidentifier", all_are<is_identifier>},
    {"islower", [](Run&, const Value& s, Args) { return has_case(s, false); }},
    {"isnumeric", all_are<is_numeric>},
    {"isspace", all_are<is_space>},
    {"isupper", [](Run&, const Value& s, Args) { return has_case(s, true); }},
    {"join", join},
    {"ljust", [](Run& r, const Value& s, Args a) { return pad(r, s, a, false, true); }},
    {"lower", mapped<to_lower>},
    {"lstrip", [](Run& r, const Value& s, Args a) { return strip(r, s, a, true, false); }},
    {"partition", [](Run& r, const Value& s, Args a) { return partition(r, s, a, false); }},
    {"removeprefix", [](Run& r, const Value& s, Args a) { return without(r, s, a, false); }},
    {"removesuffix", [](Run& r, const Value& s, Args a) { return without(r, s, a, true); }},
    {"replace", replace_text},
    {"rfind", rfind},
    {"rindex", rindex},
    {"rjust", [](Run& r, const Value& s, Args a) { return pad(r, s, a, true, false); }},
    {"rpartition", [](Run& r, const Value& s, Args a) { return partition(r, s, a, true); }},
    {"rsplit", [](Run& r, const Value& s, Args a) { return split(r, s, a, true); }},
    {"rstrip", [](Run& r, const Value& s, Args a) { return strip(r, s, a, false, true); }},
    {"split", [](Run& r, const Value& s, Args a) { return split(r, s, a, false); }},
    {"splitlines", split_lines},
    {"startswith", [](Run& r, const Value& s, Args a) { return meets(r, s, a, false); }},
    {"strip", [](Run& r, const Value& s, Args a) { return strip(r, s, a, true, true); }},
    {"swapcase", mapped<swap_case>},
    {"title", mapped<to_title>},
    {"upper", mapped<to_upper>},
    {"zfill", zero_fill},
};

}  // namespace

Result<Value> checked_replace(Run& run, const MarkedText& text, std::string_view old_text,
                              const MarkedText& new_text, std::int64_t times) {
    // Counted before it is built: a short text can become a very long one.
    std::size_t found = old_text.empty() ? count_code_points(text.bytes()) + 1 : 0;
    for (std::size_t at = old_text.empty() ? kNone : find_text(text.bytes(), old_text); at != kNone;
         at = find_text(text.bytes(), old_text, at + old_text.size())) {
        ++found;
    }
    if (times >= 0) found = std::min(found, static_cast<std::size_t>(times));
    CAIRN_TRY(run.charge(text.size() + found * new_text.size()));
    return Value::string(replace(text, old_text, new_text, times));
}

Result<Value> padded(Run& run, const MarkedText& text, std::int64_t width, const MarkedText& fill,
                     bool left, bool right) {
    const auto length = static_cast<std::int64_t>(count_code_points(text.bytes()));
    const std::int64_t missing = std::max<std::int64_t>(0, width - length);
    CAIRN_TRY(run.charge(text.size() + static_cast<std::size_t>(missing) * fill.size()));
    // Python puts the odd one to the left when the width is odd.
    const std::int64_t before = !left ? 0 : right ? missing / 2 + (missing & width & 1) : missing;
    MarkedText out;
    out.markup = text.markup;
    for (std::int64_t i = 0; i < before; ++i) {
        out.append(fill);
    }
    out.append(text);
    for (std::int64_t i = before; i < missing; ++i) {
        out.append(fill);
    }
    return Value::string(std::move(out));
}

const MethodEntry* find_string_method(std::string_view name) {
    const auto found = std::find_if(std::begin(kStringMethods), std::end(kStringMethods),
                                    [&](const MethodEntry& m) { return m.name == name; });
    return found == std::end(kStringMethods) ? nullptr : found;
}

}  // namespace cairn::text::jinja
