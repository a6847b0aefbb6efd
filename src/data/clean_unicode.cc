// SPDX-License-Identifier: Apache-2.0
// Repairs of characters, word by word so that each repair has its exact place.
#include <algorithm>
#include <array>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"
#include "text_edits.h"

namespace cairn::data {
namespace {

/// Code points that windows-1252 puts at 0x80 to 0x9F; 0: none.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

/// The byte that windows-1252 has for a code point, or -1.
int windows_1252_byte(char32_t code_point) {
    if (code_point < 0x80 || (code_point >= 0xA0 && code_point <= 0xFF)) {
        return static_cast<int>(code_point);
    }
    if (code_point >= 0x80 && code_point < 0xA0) {
        return static_cast<int>(code_point);
    }
    auto found = std::find(kWindows1252.begin(), kWindows1252.end(), code_point);
    return found == kWindows1252.end() ? -1 : 0x80 + static_cast<int>(found - kWindows1252.begin());
}

/// "grÃ¼n" -> "grün": UTF-8 that was read as windows-1252 once. Empty when the word is not that.
std::string undo_double_encoding(std::string_view word) {
    std::string bytes;
    bool high = false;
    for (std::size_t at = 0; at < word.size();) {
        text::CodePoint point = text::code_point_at(word, at);
        int byte = windows_1252_byte(point.value);
        if (byte < 0) {
            return {};
        }
        high = high || byte >= 0x80;
        bytes += static_cast<char>(byte);
        at += point.bytes;
    }
    return high && text::is_valid_utf8(bytes) ? bytes : std::string();
}

/// Characters that nobody sees: control characters, soft hyphen, zero width, direction overrides,
/// tags. Joiners (U+200C, U+200D) stay: Persian, Hindi and emoji need them.
bool is_hidden(char32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || c == 0xAD ||
           c == 0x200B || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
           (c >= 0xE0000 && c <= 0xE007F);
}

bool is_break(char c) {
    return c == ' ' || c == '\n' || c == '\t';
}

bool is_ascii_visible(std::string_view word) {
    return std::all_of(word.begin(), word.end(),
                       [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
}

void repair_word(std::string_view word, std::int64_t begin, std::vector<Edit>& edits) {
    std::string without;
    for (std::size_t at = 0; at < word.size();) {
        text::CodePoint point = text::code_point_at(word, at);
        if (!is_hidden(point.value)) {
            without += word.substr(at, point.bytes);
        }
        at += point.bytes;
    }
    std::string reason;
    if (std::string repaired = undo_double_encoding(word); !repaired.empty()) {
        without = std::move(repaired);
        reason = "the word was encoded twice";
    } else if (without != word) {
        reason = "hidden or control characters";
    }
    std::string composed = text::nfc(without);
    if (composed != without && reason.empty()) {
        reason = "characters composed (Unicode normal form C)";
    }
    if (composed != word) {
        text::Span span{begin, begin + static_cast<std::int64_t>(word.size())};
        edits.push_back({span, std::move(composed), ChangeKind::kUnicode, std::move(reason)});
    }
}

}  // namespace

std::vector<Edit> unicode_edits(std::string_view text) {
    std::vector<Edit> edits;
    for (std::size_t at = 0; at < text.size();) {
        if (is_break(text[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && !is_break(text[end])) {
            ++end;
        }
        std::string_view word = text.substr(at, end - at);
        if (!is_ascii_visible(word)) {
            repair_word(word, static_cast<std::int64_t>(at), edits);
        }
        at = end;
    }
    return edits;
}

}  // namespace cairn::data
