// SPDX-License-Identifier: Apache-2.0
// Two states: text up to the next tag, and the inside of a tag up to its end. A tag's end is only
// looked for where all brackets are closed, so that `}}` may end two dictionaries.
#include "jinja_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cairn/text/utf8.h"
#include "jinja_text.h"

namespace cairn::text::jinja {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c & 0x80) != 0;
}

/// One kind of line end, and none behind the last line.
std::string normalized(std::string_view source) {
    std::string text;
    text.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
        text += source[i] == '\r' ? '\n' : source[i];
    }
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

class Lexer {
  public:
    explicit Lexer(std::string source) : source_(std::move(source)), text_(source_) {}

    Result<std::vector<Token>> run() {
        while (at_ < text_.size()) {
            CAIRN_TRY(read_text());
        }
        push(Token::Kind::kEnd, "");
        return std::move(tokens_);
    }

  private:
    Error fail(std::string_view what) const { return syntax_error(line_, what); }

    void push(Token::Kind kind, std::string_view text) {
        tokens_.push_back({kind, std::string(text), line_});
    }

    void advance_to(std::size_t end) {
        line_ +=
            static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                        text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
        at_ = end;
    }

    std::size_t skip_space(std::size_t from) const {
        return from + trimmed(text_.substr(from), true, false).first;
    }

    bool has(std::size_t at, std::string_view what) const {
        return text_.substr(std::min(at, text_.size())).starts_with(what);
    }

    /// The text in front of a tag, as its sign and lstrip_blocks leave it.
    std::string_view strip_before(std::string_view text, char sign, bool variable) const {
        if (sign == '-') return text.substr(0, trimmed(text, false, true).second);
        if (sign == '+' || variable) return text;
        const std::size_t line_end = text.rfind('\n');
        const std::size_t from = line_end == kNone ? 0 : line_end + 1;
        const bool line_starts = from > 0 || at_ == 0 || text_[at_ - 1] == '\n';
        const std::string_view last = text.substr(from);
        const bool blank = trimmed(last, true, false).first == last.size();
        return line_starts && blank ? text.substr(0, from) : text;
    }

    /// Where a tag's end reaches that stands at `at`; `at` when none does. `+%}` keeps the line end
    /// behind it, `%}` takes it, `-%}` takes all white space.
    std::size_t after_end(std::size_t at, std::string_view end, bool block) const {
        if (has(at, "-") && has(at + 1, end)) return skip_space(at + 1 + end.size());
        if (block && has(at, "+") && has(at + 1, end)) return at + 1 + end.size();
        if (!has(at, end)) return at;
        const std::size_t after = at + end.size();
        return block && has(after, "\n") ? after + 1 : after;
    }

    Status read_text() {
        std::size_t tag = at_;
        while (true) {
            tag = text_.find('{', tag);
            if (tag == kNone) {
                push(Token::Kind::kData, text_.substr(at_));
                at_ = text_.size();
                return {};
            }
            if (has(tag + 1, "%") || has(tag + 1, "{") || has(tag + 1, "#")) break;
            ++tag;
        }
        const char kind = text_[tag + 1];
        std::size_t inside = tag + 2;
        const char sign = has(inside, "-") || has(inside, "+") ? text_[inside] : '\0';
        const std::string_view data = strip_before(text_.substr(at_, tag - at_), sign, kind == '{');
        if (!data.empty()) push(Token::Kind::kData, data);
        advance_to(inside + (sign == '\0' ? 0 : 1));
        if (kind == '#') return skip_comment();
        if (kind == '%') {
            const std::size_t raw = after_raw();
            if (raw != at_) return read_raw(raw);
        }
        push(kind == '%' ? Token::Kind::kBlockBegin : Token::Kind::kVariableBegin, "");
        return read_tag(kind == '%');
    }

    Status skip_comment() {
        const std::size_t end = text_.find("#}", at_);
        if (end == kNone) return fail("a comment is not closed with #}");
        const bool signed_end = end > at_ && (text_[end - 1] == '-' || text_[end - 1] == '+');
        advance_to(after_end(signed_end ? end - 1 : end, "#}", true));
        return {};
    }

    /// Behind the whole tag `{% raw %}` when the tag at hand is one.
    std::size_t after_raw() const {
        std::size_t at = skip_space(at_);
        if (!has(at, "raw")) return at_;
        at = skip_space(at + 3);
        if (has(at, "-%}")) return skip_space(at + 3);
        return has(at, "%}") ? at + 2 : at_;
    }

    Status read_raw(std::size_t begin) {
        advance_to(begin);
        for (std::size_t tag = text_.find("{%", at_); tag != kNone;
             tag = text_.find("{%", tag + 1)) {
            const char sign = has(tag + 2, "-") || has(tag + 2, "+") ? text_[tag + 2] : '\0';
            std::size_t at = skip_space(tag + (sign == '\0' ? 2 : 3));
            if (!has(at, "endraw")) continue;
            at = skip_space(at + 6);
            const std::size_t end = after_end(at, "%}", true);
            if (end == at) continue;
            const std::string_view data = strip_before(text_.substr(at_, tag - at_), sign, false);
            if (!data.empty()) push(Token::Kind::kData, data);
            advance_to(end);
            return {};
        }
        return fail("{% raw %} is not closed with {% endraw %}");
    }

    Status read_tag(bool block) {
        std::string open;  // the closing brackets that are waited for
        while (at_ < text_.size()) {
            if (open.empty()) {
                const std::size_t end = after_end(at_, block ? "%}" : "}}", block);
                // `}}` takes no line end and knows no `+`; `-}}` is as `-%}`.
                if (end != at_) {
                    push(block ? Token::Kind::kBlockEnd : Token::Kind::kVariableEnd, "");
                    advance_to(end);
                    return {};
                }
            }
            const std::size_t blank = skip_space(at_);
            if (blank != at_) {
                advance_to(blank);
            } else if (is_digit(text_[at_])) {
                CAIRN_TRY(read_number());
            } else if (is_word(text_[at_])) {
                std::size_t end = at_;
                while (end < text_.size() && is_word(text_[end]))
                    ++end;
                push(Token::Kind::kName, text_.substr(at_, end - at_));
                at_ = end;
            } else if (text_[at_] == '"' || text_[at_] == '\'') {
                CAIRN_TRY(read_string());
            } else {
                CAIRN_TRY(read_operator(open));
            }
        }
        return fail(block ? "a statement is not closed with %}"
                          : "an expression is not closed with }}");
    }

    /// Behind digits with single underscores between them; `from` when there are none.
    std::size_t after_digits(std::size_t from) const {
        std::size_t at = from;
        while (at < text_.size() &&
               (is_digit(text_[at]) || (text_[at] == '_' && at > from && at + 1 < text_.size() &&
                                        is_digit(text_[at + 1])))) {
            ++at;
        }
        return at;
    }

    Status read_number() {
        const std::size_t whole = after_digits(at_);
        std::size_t end = whole;
        const bool behind_dot = at_ > 0 && text_[at_ - 1] == '.';
        if (!behind_dot) {
            if (has(end, ".") && after_digits(end + 1) > end + 1) end = after_digits(end + 1);
            if (has(end, "e") || has(end, "E")) {
                const std::size_t digits = end + (has(end + 1, "+") || has(end + 1, "-") ? 2 : 1);
                if (after_digits(digits) > digits) end = after_digits(digits);
            }
        }
        const bool is_float = end != whole;
        if (!is_float && text_[at_] == '0' && at_ + 2 < text_.size()) {
            if (const std::size_t after = after_prefixed(); after != at_) end = after;
        }
        std::string digits(text_.substr(at_, end - at_));
        std::erase(digits, '_');
        const bool padded = digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]) &&
                            digits.find_first_not_of('0') != std::string::npos;
        if (!is_float && padded) return fail("a whole number begins with 0: '" + digits + "'");
        push(is_float ? Token::Kind::kFloat : Token::Kind::kInteger, digits);
        at_ = end;
        return {};
    }

    /// 0x, 0o and 0b numbers.
    std::size_t after_prefixed() const {
        const char kind = static_cast<char>(text_[at_ + 1] | 0x20);
        const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        std::size_t at = at_ + 2;
        while (base > 0 && at < text_.size()) {
            const std::size_t digit = text_[at] == '_' ? at + 1 : at;
            const int value = digit < text_.size() ? hex_value(text_[digit]) : -1;
            if (value < 0 || value >= base) break;
            at = digit + 1;
        }
        return base > 0 && at > at_ + 2 ? at : at_;
    }

    Status read_operator(std::string& open) {
        static constexpr std::array<std::string_view, 26> kOperators = {
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
            "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
        const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                        [&](std::string_view o) { return has(at_, o); });
        if (found == kOperators.end()) {
            const CodePoint c = code_point_at(text_, at_);
            return fail(fmt::format("the character '{}' is not expected",
                                    text_.substr(at_, c.valid ? c.bytes : 0)));
        }
        const char c = (*found)[0];
        if (c == '(' || c == '[' || c == '{') {
            open += c == '(' ? ')' : c == '[' ? ']' : '}';
        } else if (c == ')' || c == ']' || c == '}') {
            if (open.empty() || open.back() != c) {
                return fail(fmt::format("a closing '{}' is not expected", c));
            }
            open.pop_back();
        }
        push(Token::Kind::kOperator, *found);
        at_ += found->size();
        return {};
    }

    Status read_string() {
        const char mark = text_[at_];
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != mark) {
            end += text_[end] == '\\' ? 2 : 1;
        }
        if (end >= text_.size()) return fail("a string is not closed");
        const std::string value = CAIRN_TRY(unescape(text_.substr(at_ + 1, end - at_ - 1)));
        push(Token::Kind::kString, value);
        advance_to(end + 1);
        return {};
    }

    Result<std::string> unescape(std::string_view raw) const {
        std::string out;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            if (raw[i] != '\\' || i + 1 == raw.size()) {
                out += raw[i];
                continue;
            }
            const char c = raw[++i];
            static constexpr std::string_view kNames = "\\'\"abfnrtv";
            static constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
            if (const std::size_t known = kNames.find(c); known != kNone) {
                out += kValues[known];
            } else if (c == 'x' || c == 'u' || c == 'U') {
                const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
                append_utf8(out, CAIRN_TRY(hex_escape(raw, i + 1, digits)));
                i += digits;
            } else if (c >= '0' && c <= '7') {
                std::uint32_t value = 0;
                std::size_t end = i;
                while (end < raw.size() && end < i + 3 && raw[end] >= '0' && raw[end] <= '7') {
                    value = value * 8 + static_cast<std::uint32_t>(raw[end++] - '0');
                }
                append_utf8(out, value);
                i = end - 1;
            } else if (c == 'N') {
                return fail("characters by name (\\N{...}) are not supported");
            } else if (c != '\n') {
                out += '\\';
                out += c;
            }
        }
        return out;
    }

    Result<char32_t> hex_escape(std::string_view raw, std::size_t at, std::size_t digits) const {
        std::uint32_t value = 0;
        for (std::size_t i = at; i < at + digits; ++i) {
            const int digit = i < raw.size() ? hex_value(raw[i]) : -1;
            if (digit < 0) return fail("an escape in a string lacks hexadecimal digits");
            value = value * 16 + static_cast<std::uint32_t>(digit);
        }
        if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
            return fail("an escape in a string names no character");
        }
        return static_cast<char32_t>(value);
    }

    std::string source_;
    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
    std::vector<Token> tokens_;
};

}  // namespace

Error syntax_error(int line, std::string_view what) {
    return make_error(Code::kInvalid, fmt::format("chat template, line {}: {}", line, what));
}

Result<std::vector<Token>> tokenize(std::string_view source) {
    return Lexer(normalized(source)).run();
}

}  // namespace cairn::text::jinja
