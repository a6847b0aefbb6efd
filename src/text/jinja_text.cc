// SPDX-License-Identifier: Apache-2.0
// Marks move with the bytes: each function copies pieces of the old text, and what it puts in new
// is trusted unless it stands for a character of the user's.
#include "jinja_text.h"

#include <fmt/format.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <cstring>

#include "cairn/text/utf8.h"

namespace cairn::text::jinja {
namespace {

using Map = std::int32_t (*)(UChar*, std::int32_t, const UChar*, std::int32_t, const char*,
                             UErrorCode*);

/// The full case mapping of one character: "ß" becomes "SS".
std::string map_case(char32_t code_point, Map map) {
    UChar in[2];
    std::int32_t length = 0;
    U16_APPEND_UNSAFE(in, length, static_cast<UChar32>(code_point));
    UChar out[8];
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t mapped = map(out, 8, in, length, "", &status);
    std::string text;
    if (U_FAILURE(status)) {
        append_utf8(text, code_point);
        return text;
    }
    for (std::int32_t i = 0; i < mapped;) {
        UChar32 next = 0;
        U16_NEXT(out, i, mapped, next);
        append_utf8(text, static_cast<char32_t>(next));
    }
    return text;
}

std::string upper_of(char32_t c) {
    return map_case(c, u_strToUpper);
}
std::string lower_of(char32_t c) {
    return map_case(c, u_strToLower);
}

/// As at the beginning of a word: "ß" becomes "Ss".
std::string title_of(char32_t c) {
    const std::string upper = upper_of(c);
    if (count_code_points(upper) <= 1) {
        std::string text;
        append_utf8(text, static_cast<char32_t>(u_totitle(static_cast<UChar32>(c))));
        return text;
    }
    const CodePoint first = code_point_at(upper, 0);
    std::string text = upper.substr(0, first.bytes);
    for (std::size_t i = first.bytes; i < upper.size();) {
        const CodePoint next = code_point_at(upper, i);
        text += lower_of(next.value);
        i += next.bytes;
    }
    return text;
}

bool is_cased(char32_t c) {
    return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED) != 0;
}

bool is_ignorable(char32_t c) {
    return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASE_IGNORABLE) != 0;
}

constexpr char32_t kSigma = 0x3A3;

/// A sigma is final behind a letter and in front of none. Both searches end at the next letter, so
/// that a text of sigmas takes linear time.
bool is_final_sigma(std::string_view text, std::size_t begin, std::size_t end) {
    bool behind_letter = false;
    for (std::size_t i = begin; i > 0;) {
        --i;
        while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80)
            --i;
        const char32_t c = code_point_at(text, i).value;
        if (is_ignorable(c)) continue;
        behind_letter = is_cased(c);
        break;
    }
    for (std::size_t i = end; behind_letter && i < text.size();) {
        const CodePoint c = code_point_at(text, i);
        if (!is_ignorable(c.value)) return !is_cased(c.value);
        i += c.bytes;
    }
    return behind_letter;
}

std::string lower_at(std::string_view text, std::size_t offset, const CodePoint& c) {
    if (c.value != kSigma) return lower_of(c.value);
    return is_final_sigma(text, offset, offset + c.bytes) ? "\xCF\x82" : "\xCF\x83";
}

/// Calls `map(offset, code point)` for every character; bytes that are no UTF-8 stay.
template <typename Convert>
MarkedText convert(const MarkedText& text, Convert map) {
    MarkedText out;
    out.markup = text.markup;
    const std::string_view bytes = text.bytes();
    for (std::size_t i = 0; i < bytes.size();) {
        const CodePoint c = code_point_at(bytes, i);
        out.append(c.valid ? map(i, c) : std::string(bytes.substr(i, c.bytes)), text.is_user(i));
        i += c.bytes;
    }
    return out;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

char small(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
char large(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

bool is_printable(char32_t c) {
    if (c == ' ') return true;
    switch (u_charType(static_cast<UChar32>(c))) {
        case U_CONTROL_CHAR:
        case U_FORMAT_CHAR:
        case U_SURROGATE:
        case U_PRIVATE_USE_CHAR:
        case U_UNASSIGNED:
        case U_LINE_SEPARATOR:
        case U_PARAGRAPH_SEPARATOR:
        case U_SPACE_SEPARATOR:
            return false;
        default:
            return true;
    }
}

std::string quoted_character(char32_t c, char mark) {
    if (c == '\n') return "\\n";
    if (c == '\r') return "\\r";
    if (c == '\t') return "\\t";
    if (c == '\\') return "\\\\";
    if (c == static_cast<char32_t>(mark)) return std::string("\\") + mark;
    std::string text;
    if (is_printable(c)) {
        append_utf8(text, c);
        return text;
    }
    const auto value = static_cast<std::uint32_t>(c);
    if (value < 0x100) return fmt::format("\\x{:02x}", value);
    return value < 0x10000 ? fmt::format("\\u{:04x}", value) : fmt::format("\\U{:08x}", value);
}

}  // namespace

MarkedText MarkedText::trusted(std::string bytes) {
    MarkedText text;
    text.bytes_ = std::move(bytes);
    return text;
}

MarkedText MarkedText::user(std::string bytes) {
    MarkedText text;
    if (!bytes.empty()) text.user_.push_back({0, static_cast<std::int64_t>(bytes.size())});
    text.bytes_ = std::move(bytes);
    return text;
}

bool MarkedText::is_user(std::size_t offset) const {
    const auto at = static_cast<std::int64_t>(offset);
    const auto after = std::upper_bound(user_.begin(), user_.end(), at,
                                        [](std::int64_t o, const Span& s) { return o < s.begin; });
    return after != user_.begin() && at < std::prev(after)->end;
}

void MarkedText::append(std::string_view bytes, bool user) {
    const auto begin = static_cast<std::int64_t>(bytes_.size());
    bytes_ += bytes;
    if (!user || bytes.empty()) return;
    const auto end = static_cast<std::int64_t>(bytes_.size());
    if (!user_.empty() && user_.back().end == begin) {
        user_.back().end = end;
    } else {
        user_.push_back({begin, end});
    }
}

void MarkedText::append(const MarkedText& other, std::size_t begin, std::size_t end) {
    if (begin >= end) return;  // inside of a user's range it would leave an empty one
    const auto shift = static_cast<std::int64_t>(bytes_.size()) - static_cast<std::int64_t>(begin);
    bytes_.append(other.bytes_, begin, end - begin);
    const auto low = static_cast<std::int64_t>(begin);
    const auto high = static_cast<std::int64_t>(end);
    auto span = std::lower_bound(other.user_.begin(), other.user_.end(), low,
                                 [](const Span& s, std::int64_t o) { return s.end <= o; });
    for (; span != other.user_.end() && span->begin < high; ++span) {
        const Span moved{std::max(span->begin, low) + shift, std::min(span->end, high) + shift};
        if (!user_.empty() && user_.back().end == moved.begin) {
            user_.back().end = moved.end;
        } else {
            user_.push_back(moved);
        }
    }
}

MarkedText MarkedText::slice(std::size_t begin, std::size_t end) const {
    MarkedText out;
    out.markup = markup;
    out.append(*this, begin, end);
    return out;
}

bool is_space(char32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::size_t find_text(std::string_view text, std::string_view what, std::size_t from) {
    if (from > text.size()) return std::string_view::npos;
    if (what.empty()) return from;
    const void* found = memmem(text.data() + from, text.size() - from, what.data(), what.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::pair<std::size_t, std::size_t> trimmed(std::string_view text, bool left, bool right) {
    std::size_t begin = 0;
    while (left && begin < text.size()) {
        const CodePoint c = code_point_at(text, begin);
        if (!c.valid || !is_space(c.value)) break;
        begin += c.bytes;
    }
    std::size_t end = text.size();
    while (right && end > begin) {
        std::size_t last = end - 1;
        while (last > begin && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80)
            --last;
        const CodePoint c = code_point_at(text, last);
        if (!c.valid || last + c.bytes != end || !is_space(c.value)) break;
        end = last;
    }
    return {begin, end};
}

MarkedText MarkedText::map_bytes(char (*map)(char)) const {
    MarkedText out = *this;
    std::transform(bytes_.begin(), bytes_.end(), out.bytes_.begin(), map);
    return out;
}

MarkedText to_upper(const MarkedText& text) {
    if (is_ascii(text.bytes())) return text.map_bytes(large);
    return convert(text, [](std::size_t, const CodePoint& c) { return upper_of(c.value); });
}

MarkedText to_lower(const MarkedText& text) {
    if (is_ascii(text.bytes())) return text.map_bytes(small);
    return convert(text,
                   [&](std::size_t i, const CodePoint& c) { return lower_at(text.bytes(), i, c); });
}

MarkedText swap_case(const MarkedText& text) {
    return convert(text, [&](std::size_t i, const CodePoint& c) {
        return u_isUUppercase(static_cast<UChar32>(c.value)) ? lower_at(text.bytes(), i, c)
                                                             : upper_of(c.value);
    });
}

MarkedText to_title(const MarkedText& text) {
    bool in_word = false;
    return convert(text, [&](std::size_t i, const CodePoint& c) {
        std::string mapped = in_word ? lower_at(text.bytes(), i, c) : title_of(c.value);
        in_word = is_cased(c.value);
        return mapped;
    });
}

MarkedText capitalize(const MarkedText& text) {
    return convert(text, [&](std::size_t i, const CodePoint& c) {
        return i == 0 ? title_of(c.value) : lower_at(text.bytes(), i, c);
    });
}

MarkedText fold_case(const MarkedText& text) {
    return convert(text, [](std::size_t, const CodePoint& c) {
        UChar in[2];
        std::int32_t length = 0;
        U16_APPEND_UNSAFE(in, length, static_cast<UChar32>(c.value));
        UChar out[8];
        UErrorCode status = U_ZERO_ERROR;
        const std::int32_t mapped = u_strFoldCase(out, 8, in, length, U_FOLD_CASE_DEFAULT, &status);
        std::string folded;
        for (std::int32_t i = 0; i < mapped && U_SUCCESS(status);) {
            UChar32 next = 0;
            U16_NEXT(out, i, mapped, next);
            append_utf8(folded, static_cast<char32_t>(next));
        }
        return folded;
    });
}

MarkedText escape_html(const MarkedText& text) {
    MarkedText out = convert(text, [](std::size_t, const CodePoint& c) -> std::string {
        switch (c.value) {
            case '&':
                return "&amp;";
            case '<':
                return "&lt;";
            case '>':
                return "&gt;";
            case '\'':
                return "&#39;";
            case '"':
                return "&#34;";
            default:
                break;
        }
        std::string same;
        append_utf8(same, c.value);
        return same;
    });
    out.markup = true;
    return out;
}

MarkedText quote(const MarkedText& text) {
    const std::string& bytes = text.bytes();
    const bool single = bytes.find('\'') == std::string::npos;
    const char mark = single || bytes.find('"') != std::string::npos ? '\'' : '"';
    MarkedText out = MarkedText::trusted(std::string(1, mark));
    const MarkedText body = convert(
        text, [&](std::size_t, const CodePoint& c) { return quoted_character(c.value, mark); });
    out.append(body);
    out.append(std::string_view(&mark, 1));
    return out;
}

MarkedText replace(const MarkedText& text, std::string_view old_text, const MarkedText& new_text,
                   std::int64_t count) {
    MarkedText out;
    out.markup = text.markup;
    const std::string& bytes = text.bytes();
    std::size_t done = 0;
    std::size_t from = 0;
    while (count != 0) {
        const std::size_t found = find_text(bytes, old_text, from);
        if (found == std::string::npos) break;
        out.append(text, done, found);
        out.append(new_text);
        done = found + old_text.size();
        from = done;
        if (old_text.empty()) from += std::max<std::size_t>(1, code_point_at(bytes, done).bytes);
        if (count > 0) --count;
        if (from > bytes.size()) break;
    }
    out.append(text, done, bytes.size());
    return out;
}

}  // namespace cairn::text::jinja
