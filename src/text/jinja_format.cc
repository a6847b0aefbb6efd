// SPDX-License-Identifier: Apache-2.0
// Python's two ways to format: '%s' % value and '{}'.format(value).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/text/utf8.h"
#include "jinja_run.h"

namespace cairn::text::jinja {
namespace {

constexpr std::int64_t kWidthMax = 100'000;
constexpr std::int64_t kPrecisionMax = 300;

struct Spec {
    std::string fill = " ";
    char align = '\0';  ///< < > ^ =
    char sign = '-';
    bool alternate = false;
    char group = '\0';
    std::int64_t width = 0;
    std::int64_t precision = -1;
    char type = '\0';
};

std::string grouped(std::string digits, char mark) {
    for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), 1, mark);
    }
    return digits;
}

std::string whole_digits(std::uint64_t value, const Spec& spec) {
    switch (spec.type) {
        case 'x':
            return (spec.alternate ? "0x" : "") + fmt::format("{:x}", value);
        case 'X':
            return (spec.alternate ? "0X" : "") + fmt::format("{:X}", value);
        case 'o':
            return (spec.alternate ? "0o" : "") + fmt::format("{:o}", value);
        case 'b':
            return (spec.alternate ? "0b" : "") + fmt::format("{:b}", value);
        default:
            return spec.group != '\0' ? grouped(std::to_string(value), spec.group)
                                      : std::to_string(value);
    }
}

std::string real_digits(double value, const Spec& spec) {
    const double size = std::abs(value);
    std::string text;
    if (std::isnan(size)) {
        text = "nan";
    } else if (std::isinf(size)) {
        text = "inf";
    } else {
        const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
        switch (spec.type) {
            case 'e':
            case 'E':
                text = fmt::format("{:.{}e}", size, precision);
                break;
            case 'g':
            case 'G':
                text = fmt::format("{:.{}g}", size, std::max(1, precision));
                break;
            case '%':
                text = fmt::format("{:.{}f}%", size * 100, precision);
                break;
            case '\0':
                text = spec.precision < 0 ? format_float(size)
                                          : fmt::format("{:.{}g}", size, std::max(1, precision));
                break;
            default:
                text = fmt::format("{:.{}f}", size, precision);
        }
    }
    if (spec.group != '\0') {
        const std::size_t end = text.find_first_not_of("0123456789");
        text = grouped(text.substr(0, end), spec.group) +
               (end == std::string::npos ? "" : text.substr(end));
    }
    if (spec.type == 'E' || spec.type == 'G' || spec.type == 'F') {
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    }
    return text;
}

/// Fills to the width; `sign` stays in front of zeros.
Result<MarkedText> aligned(Run& run, const MarkedText& body, const std::string& sign,
                           const Spec& spec, char other_align) {
    const char align = spec.align == '\0' ? other_align : spec.align;
    const auto length = static_cast<std::int64_t>(count_code_points(body.bytes()) + sign.size());
    const std::int64_t missing = std::max<std::int64_t>(0, spec.width - length);
    CAIRN_TRY(run.charge(static_cast<std::size_t>(missing) * spec.fill.size() + body.size()));
    const std::int64_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    MarkedText out;
    if (align == '=') out.append(sign);
    for (std::int64_t i = 0; i < before; ++i) {
        out.append(spec.fill);
    }
    if (align != '=') out.append(sign);
    out.append(body);
    for (std::int64_t i = before; i < missing; ++i) {
        out.append(spec.fill);
    }
    return out;
}

Result<MarkedText> formatted_number(Run& run, const Value& value, const Spec& spec) {
    static constexpr std::string_view kReal = "eEfFgG%";
    const auto whole = value.as_int();
    const bool real = !whole || kReal.find(spec.type) != std::string_view::npos;
    const double number = *value.as_number();
    if (!real && spec.type == 'c') {
        MarkedText text;
        std::string c;
        if (*whole < 0 || *whole > 0x10FFFF) return template_error("format: no such character");
        append_utf8(c, static_cast<char32_t>(*whole));
        text.append(c);
        return aligned(run, text, "", spec, '<');
    }
    const bool known =
        real ? kReal.find(spec.type) != std::string_view::npos || spec.type == '\0'
             : std::string_view("\0dxXobn", 7).find(spec.type) != std::string_view::npos;
    if (!known) {
        return template_error(
            fmt::format("format: '{}' does not fit '{}'", spec.type, type_name(value)));
    }
    const bool negative = real ? std::signbit(number) : *whole < 0;
    const std::uint64_t size = real       ? 0
                               : negative ? ~static_cast<std::uint64_t>(*whole) + 1
                                          : static_cast<std::uint64_t>(*whole);
    const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    const std::string digits = real ? real_digits(number, spec) : whole_digits(size, spec);
    return aligned(run, MarkedText::trusted(digits), sign, spec, '>');
}

Result<MarkedText> formatted_text(Run& run, const MarkedText& text, const Spec& spec) {
    MarkedText body = text;
    if (spec.precision >= 0) {
        body = text.slice(0, byte_offset(text.bytes(), static_cast<std::size_t>(spec.precision)));
    }
    return aligned(run, body, "", spec, '<');
}

/// A whole number at the front of the rest.
std::int64_t take_number(std::string_view& rest, std::int64_t other, std::int64_t limit) {
    std::int64_t value = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (read.ptr == rest.data() || rest.starts_with('-')) return other;
    rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    return read.ec == std::errc() ? std::min(value, limit + 1) : limit + 1;
}

bool take(std::string_view& rest, char c) {
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
}

Result<Spec> checked(Spec spec) {
    if (spec.width > kWidthMax || spec.precision > kPrecisionMax) {
        return template_error("format: a width or a precision is too large");
    }
    return spec;
}

/// [[fill]align][sign][#][0][width][,][.precision][type]
Result<Spec> parse_spec(std::string_view rest) {
    Spec spec;
    static constexpr std::string_view kAligns = "<>^=";
    const std::size_t first = rest.empty() ? 0 : code_point_at(rest, 0).bytes;
    if (rest.size() > first && first > 0 && kAligns.find(rest[first]) != std::string_view::npos) {
        spec.fill = rest.substr(0, first);
        spec.align = rest[first];
        rest.remove_prefix(first + 1);
    } else if (!rest.empty() && kAligns.find(rest[0]) != std::string_view::npos) {
        spec.align = rest[0];
        rest.remove_prefix(1);
    }
    if (rest.starts_with('+') || rest.starts_with('-') || rest.starts_with(' ')) {
        spec.sign = rest[0];
        rest.remove_prefix(1);
    }
    spec.alternate = take(rest, '#');
    if (take(rest, '0') && spec.align == '\0') {
        spec.fill = "0";
        spec.align = '=';
    }
    spec.width = take_number(rest, 0, kWidthMax);
    if (rest.starts_with(',') || rest.starts_with('_')) {
        spec.group = rest[0];
        rest.remove_prefix(1);
    }
    if (take(rest, '.')) spec.precision = take_number(rest, kPrecisionMax + 1, kPrecisionMax);
    if (!rest.empty()) {
        spec.type = rest[0];
        rest.remove_prefix(1);
    }
    if (!rest.empty()) return template_error("format: the specification is not understood");
    return checked(spec);
}

Result<MarkedText> apply_spec(Run& run, const Value& value, const Spec& spec, bool empty) {
    if (empty) return to_text(value);
    if (value.as_number() && !(value.is<bool>() && spec.type == '\0')) {
        return formatted_number(run, value, spec);
    }
    if (value.text() != nullptr && (spec.type == '\0' || spec.type == 's')) {
        return formatted_text(run, *value.text(), spec);
    }
    return template_error(
        fmt::format("format: the specification does not fit '{}'", type_name(value)));
}

class Braces {
  public:
    Braces(Run& run, const MarkedText& format, const Arguments& arguments)
        : run_(run), format_(format), text_(format.bytes()), arguments_(arguments) {}

    Result<Value> format() {
        std::size_t at = 0;
        while (at < text_.size()) {
            const std::size_t brace = text_.find_first_of("{}", at);
            if (brace == std::string_view::npos) break;
            out_.append(format_, at, brace);
            if (brace + 1 < text_.size() && text_[brace + 1] == text_[brace]) {
                out_.append(format_, brace, brace + 1);
                at = brace + 2;
                continue;
            }
            const std::size_t end = text_.find('}', brace);
            if (text_[brace] == '}' || end == std::string_view::npos) {
                return template_error("format: a single brace");
            }
            CAIRN_TRY(field(text_.substr(brace + 1, end - brace - 1)));
            at = end + 1;
        }
        out_.append(format_, std::min(at, text_.size()), text_.size());
        out_.markup = format_.markup;
        return run_.text(std::move(out_));
    }

  private:
    Status field(std::string_view field) {
        if (field.find('{') != std::string_view::npos) {
            return template_error("format: fields in one another are not supported");
        }
        const std::size_t colon = field.find(':');
        const std::string_view spec =
            colon == std::string_view::npos ? "" : field.substr(colon + 1);
        std::string_view name = field.substr(0, colon);
        char conversion = '\0';
        if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
            if (name.size() != mark + 2) return template_error("format: an unknown conversion");
            conversion = name[mark + 1];
            name = name.substr(0, mark);
        }
        Value value = CAIRN_TRY(find(name));
        if (conversion == 'r') value = Value::string(CAIRN_TRY(to_repr(value)));
        if (conversion == 's') value = Value::string(CAIRN_TRY(to_text(value)));
        if (conversion != '\0' && conversion != 'r' && conversion != 's') {
            return template_error("format: an unknown conversion");
        }
        MarkedText text =
            CAIRN_TRY(apply_spec(run_, value, CAIRN_TRY(parse_spec(spec)), spec.empty()));
        if (format_.markup && !text.markup) text = escape_html(text);
        out_.append(text);
        return {};
    }

    Result<Value> find(std::string_view name) {
        const std::size_t end = std::min(name.find_first_of(".["), name.size());
        const std::string_view head = name.substr(0, end);
        std::string_view rest = name.substr(end);
        Value value = CAIRN_TRY(find_argument(head));
        while (!rest.empty()) {
            if (take(rest, '.')) {
                const std::string_view part = rest.substr(0, rest.find_first_of(".["));
                value = CAIRN_TRY(run_.getattr(value, std::make_shared<const std::string>(part)));
                rest.remove_prefix(part.size());
                continue;
            }
            const std::size_t close = rest.find(']');
            if (!take(rest, '[') || close == std::string_view::npos) {
                return template_error("format: a field's name is not understood");
            }
            std::string_view part = rest.substr(0, close - 1);
            rest.remove_prefix(close);
            std::string_view digits = part;
            const std::int64_t number = take_number(digits, -1, kWidthMax);
            value = CAIRN_TRY(run_.getitem(value, number >= 0 && digits.empty()
                                                      ? Value::integer(number)
                                                      : Value::trusted(std::string(part))));
        }
        return value;
    }

    Result<Value> find_argument(std::string_view name) {
        std::string_view digits = name;
        std::int64_t index = take_number(digits, -1, kWidthMax);
        if (name.empty()) index = next_++;
        if (index >= 0 && digits.empty()) {
            if (static_cast<std::size_t>(index) >= arguments_.items.size()) {
                return template_error("format: more fields than arguments");
            }
            return arguments_.items[static_cast<std::size_t>(index)];
        }
        for (const auto& [known, value] : arguments_.named) {
            if (known == name) return value;
        }
        return template_error("format: no argument '" + std::string(name) + "'");
    }

    Run& run_;
    const MarkedText& format_;
    std::string_view text_;
    const Arguments& arguments_;
    MarkedText out_;
    std::int64_t next_ = 0;
};

class Percent {
  public:
    Percent(Run& run, const MarkedText& format, const Arguments& arguments)
        : run_(run), format_(format), text_(format.bytes()), arguments_(arguments) {}

    Result<Value> format() {
        std::size_t at = 0;
        while (true) {
            const std::size_t mark = text_.find('%', at);
            out_.append(format_, at, std::min(mark, text_.size()));
            if (mark == std::string_view::npos) break;
            std::string_view rest = std::string_view(text_).substr(mark + 1);
            if (take(rest, '%')) {
                out_.append("%");
            } else {
                CAIRN_TRY(field(rest));
            }
            at = text_.size() - rest.size();
        }
        const bool by_name = arguments_.items.size() == 1 && arguments_.items[0].dict() != nullptr;
        const bool left = next_ < arguments_.items.size();
        if (left && !by_name) return template_error("%: more arguments than fields");
        out_.markup = format_.markup;
        return run_.text(std::move(out_));
    }

  private:
    Result<Value> argument(std::string_view& rest) {
        if (take(rest, '(')) {
            const std::size_t end = rest.find(')');
            const Dict* dict = arguments_.items.empty() ? nullptr : arguments_.items[0].dict();
            if (end == std::string_view::npos || dict == nullptr) {
                return template_error("%: expected a dictionary");
            }
            const Value* found = dict->find(rest.substr(0, end));
            rest.remove_prefix(end + 1);
            if (found == nullptr) return template_error("%: a key is missing");
            by_name_ = true;
            return *found;
        }
        by_name_ = false;
        return Value{};
    }

    Status field(std::string_view& rest) {
        Value value = CAIRN_TRY(argument(rest));
        Spec spec;
        bool zero = false;
        bool left = false;
        while (!rest.empty() && std::string_view("#0- +").find(rest[0]) != std::string_view::npos) {
            spec.alternate = spec.alternate || rest[0] == '#';
            zero = zero || rest[0] == '0';
            left = left || rest[0] == '-';
            if (rest[0] == '+' || (rest[0] == ' ' && spec.sign != '+')) spec.sign = rest[0];
            rest.remove_prefix(1);
        }
        spec.width = take_number(rest, 0, kWidthMax);
        if (take(rest, '.')) spec.precision = take_number(rest, 0, kPrecisionMax);
        if (rest.empty()) return template_error("%: an unfinished field");
        spec.type = rest[0];
        rest.remove_prefix(1);
        spec = CAIRN_TRY(checked(spec));
        if (!by_name_) {
            if (next_ >= arguments_.items.size()) {
                return template_error("%: more fields than arguments");
            }
            value = arguments_.items[next_++];
        }
        spec.align = left ? '<' : '>';
        if (spec.type == 's' || spec.type == 'r') {
            MarkedText text = CAIRN_TRY(spec.type == 's' ? to_text(value) : to_repr(value));
            text = CAIRN_TRY(formatted_text(run_, text, spec));
            if (format_.markup && !text.markup) text = escape_html(text);
            out_.append(text);
            return {};
        }
        if (zero && !left) {
            spec.fill = "0";
            spec.align = '=';
        }
        return number(value, spec);
    }

    Status number(const Value& value, Spec spec) {
        if (!value.as_number()) {
            return template_error(
                fmt::format("%{}: '{}' is no number", spec.type, type_name(value)));
        }
        Value used = value;
        if (spec.type == 'd' || spec.type == 'i' || spec.type == 'u') {
            spec.type = 'd';
            const double real = *value.as_number();
            if (!value.as_int()) {
                if (!(std::abs(real) < 9.2e18))
                    return template_error("%d: the number is too large");
                used = Value::integer(static_cast<std::int64_t>(real));
            }
        }
        out_.append(CAIRN_TRY(formatted_number(run_, used, spec)));
        return {};
    }

    Run& run_;
    const MarkedText& format_;
    const std::string& text_;
    const Arguments& arguments_;
    MarkedText out_;
    std::size_t next_ = 0;
    bool by_name_ = false;
};

}  // namespace

Result<Value> format_percent(Run& run, const MarkedText& format, const Arguments& arguments) {
    return Percent(run, format, arguments).format();
}

Result<Value> format_braces(Run& run, const MarkedText& format, const Arguments& arguments) {
    return Braces(run, format, arguments).format();
}

}  // namespace cairn::text::jinja
