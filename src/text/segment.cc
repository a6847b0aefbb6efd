// SPDX-License-Identifier: Apache-2.0
// Words by character class; sentences by a scanner that looks at what stands around a full stop.
#include "cairn/text/segment.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

bool is_word_character(char32_t c) {
    return is_letter(c) || is_mark(c) || is_number(c);
}

bool stands_alone(char32_t c) {
    const Script script = script_of(c);
    return script == Script::kHan || script == Script::kKana;
}

Span span(std::size_t begin, std::size_t end) {
    return {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)};
}

bool is_joiner(char32_t c) {
    return c == U'\'' || c == 0x2019 || c == U'-';
}

std::size_t word_run_end(std::string_view text, std::size_t begin) {
    std::size_t end = begin;
    while (end < text.size()) {
        const CodePoint point = code_point_at(text, end);
        if (is_word_character(point.value) && !stands_alone(point.value)) {
            end += point.bytes;
            continue;
        }
        const CodePoint after = code_point_at(text, end + point.bytes);
        const bool inner = is_joiner(point.value) && after.bytes > 0 &&
                           is_word_character(after.value) && !stands_alone(after.value);
        if (!inner || end == begin) break;
        end += point.bytes;
    }
    return end;
}

bool is_cjk_stop(char32_t c) {
    return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF61;
}
bool is_stop(char32_t c) {
    return c == U'.' || c == U'!' || c == U'?' || c == 0x2026;
}

bool is_closer(char32_t c) {
    constexpr std::u32string_view kClosers = U"\"')]»\u201D\u2019\u300D\u300F\uFF09\u3011";
    return kClosers.find(c) != std::u32string_view::npos;
}

/// Abbreviations that are usually followed by a capital or a number.
bool is_abbreviation(std::string_view word) {
    static constexpr std::string_view kKnown[] = {
        "e.g",  "i.e",    "dr",  "mr",  "mrs", "ms",   "prof", "no",  "nr",  "vs",
        "cf",   "fig",    "sec", "st",  "ca",  "z.b",  "d.h",  "u.a", "bzw", "abs",
        "art",  "str",    "tel", "max", "min", "inkl", "zzgl", "vgl", "al",  "para",
        "dept", "approx", "ext", "hr",  "fr",  "ing",  "ziff", "p",   "pp",  "s"};
    const std::string folded = casefold(word);
    return std::ranges::find(kKnown, folded) != std::end(kKnown);
}

/// The letters, digits and inner dots directly before `end`.
std::string_view token_before(std::string_view text, std::size_t start, std::size_t end) {
    std::size_t begin = end;
    while (begin > start) {
        const auto c = static_cast<unsigned char>(text[begin - 1]);
        const bool part = c >= 128 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '.';
        if (!part) break;
        --begin;
    }
    return text.substr(begin, end - begin);
}

/// "J." or "3." or "Dr.": the stop belongs to the word.
bool stop_belongs_to_word(std::string_view token) {
    if (token.size() == 1 && token[0] >= 'A' && token[0] <= 'Z') return true;
    const bool digits = std::ranges::all_of(token, [](char c) { return c >= '0' && c <= '9'; });
    if (digits && !token.empty() && token.size() <= 2) return true;
    return is_abbreviation(token);
}

/// At a line's start: list marks, headings and table rows begin something new.
bool begins_item(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return true;
    if (line[0] == '#' || line[0] == '|' || line.starts_with("\u2022 ")) return true;
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ")) return true;
    const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    if (digits == 0 || digits > 3 || digits + 1 >= line.size()) return false;
    return (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
}

class SentenceScanner {
  public:
    explicit SentenceScanner(std::string_view text) : text_(text) {}

    std::vector<Span> scan() {
        for (std::size_t offset = 0; offset < text_.size();) {
            const CodePoint point = code_point_at(text_, offset);
            const std::size_t next = offset + point.bytes;
            offset = next;
            if (point.value == U'\n') {
                const bool heading = text_[line_start_] == '#';
                if (heading || begins_item(line_at(next))) close(next);
                line_start_ = next;
            } else if (is_cjk_stop(point.value)) {
                offset = skip_closers(next);
                close(offset);
            } else if (is_stop(point.value)) {
                const std::size_t end = skip_closers(next);
                if (ends_sentence(next - point.bytes, end, point.value)) close(end);
                offset = end;
            }
        }
        close(text_.size());
        return std::move(sentences_);
    }

  private:
    std::string_view line_at(std::size_t begin) const {
        return text_.substr(begin, std::min(text_.find('\n', begin), text_.size()) - begin);
    }

    /// U+201C closes behind U+201E (German) and opens elsewhere.
    bool german_quote(std::size_t offset) const {
        const std::string_view before = text_.substr(start_, offset - start_);
        return before.find("\u201E") != std::string_view::npos;
    }

    std::size_t skip_closers(std::size_t offset) const {
        while (offset < text_.size()) {
            const CodePoint point = code_point_at(text_, offset);
            const bool quote = point.value == 0x201C && german_quote(offset);
            const bool stop = is_stop(point.value) || is_cjk_stop(point.value);
            if (!stop && !quote && !is_closer(point.value)) break;
            offset += point.bytes;
        }
        return offset;
    }

    bool ends_sentence(std::size_t stop, std::size_t end, char32_t mark) const {
        if (end < text_.size() && !is_space(code_point_at(text_, end).value)) return false;
        const bool lone_dot = mark == U'.' && end == stop + 1;
        if (lone_dot && stop_belongs_to_word(token_before(text_, start_, stop))) return false;
        std::size_t after = end;
        while (after < text_.size() && is_space(code_point_at(text_, after).value)) {
            after += code_point_at(text_, after).bytes;
        }
        if (after == text_.size()) return true;
        return !u_islower(static_cast<UChar32>(code_point_at(text_, after).value));
    }

    /// Ends the sentence at `end`, without the space around it.
    void close(std::size_t end) {
        std::size_t begin = start_;
        start_ = end;
        constexpr std::string_view kSpaces = " \t\r\n\f\v";
        begin = std::min(text_.find_first_not_of(kSpaces, begin), end);
        while (end > begin && kSpaces.find(text_[end - 1]) != std::string_view::npos) {
            --end;
        }
        if (end > begin) sentences_.push_back(span(begin, end));
    }

    std::string_view text_;
    std::size_t start_ = 0;
    std::size_t line_start_ = 0;
    std::vector<Span> sentences_;
};

}  // namespace

std::vector<Span> words(std::string_view text) {
    std::vector<Span> spans;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        std::size_t end = offset + point.bytes;
        if (is_word_character(point.value)) {
            if (!stands_alone(point.value)) end = word_run_end(text, offset);
            spans.push_back(span(offset, end));
        }
        offset = end;
    }
    return spans;
}

std::vector<Span> sentences(std::string_view text) {
    return SentenceScanner(text).scan();
}

}  // namespace cairn::text
