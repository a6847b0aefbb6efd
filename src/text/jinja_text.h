// SPDX-License-Identifier: Apache-2.0
// Text that remembers which of its bytes a user wrote. Every operation of the Jinja interpreter on
// strings keeps the marks, so that a rendered chat can say where special tokens may stand.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::text::jinja {

class MarkedText {
  public:
    MarkedText() = default;
    /// Text of the template or of this program.
    static MarkedText trusted(std::string bytes);
    /// Text of a message, a tool or a document.
    static MarkedText user(std::string bytes);

    const std::string& bytes() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }
    /// Sorted ranges of what users wrote; they neither touch nor overlap.
    const std::vector<Span>& user_spans() const { return user_; }
    bool is_user(std::size_t offset) const;

    void append(std::string_view trusted) { bytes_ += trusted; }
    void append(std::string_view bytes, bool user);
    void append(const MarkedText& other) { append(other, 0, other.size()); }
    void append(const MarkedText& other, std::size_t begin, std::size_t end);
    MarkedText slice(std::size_t begin, std::size_t end) const;
    /// The same text with every byte changed by `map`.
    MarkedText map_bytes(char (*map)(char)) const;

    /// Set by the filters `safe` and `escape`: `+` and `%` then escape what is not marked so.
    bool markup = false;

  private:
    std::string bytes_;
    std::vector<Span> user_;
};

using String = std::shared_ptr<const MarkedText>;

/// What Python's str.isspace says of one character.
bool is_space(char32_t code_point);

/// Where `what` begins at or behind `from`, in time linear in both; npos when nowhere.
std::size_t find_text(std::string_view text, std::string_view what, std::size_t from = 0);

/// Byte offsets behind and in front of the white space at both ends.
std::pair<std::size_t, std::size_t> trimmed(std::string_view text, bool left, bool right);

MarkedText to_upper(const MarkedText& text);
MarkedText to_lower(const MarkedText& text);
MarkedText swap_case(const MarkedText& text);
/// Python's str.title: each run of cased letters begins large.
MarkedText to_title(const MarkedText& text);
/// Python's str.capitalize: the first character large, the others small.
MarkedText capitalize(const MarkedText& text);
MarkedText fold_case(const MarkedText& text);

/// & < > ' " as HTML entities; the result is markup.
MarkedText escape_html(const MarkedText& text);

/// Python's repr of a string.
MarkedText quote(const MarkedText& text);

/// `old_text` replaced by `new_text`, at most `count` times (negative: always); an empty
/// `old_text` stands between all characters.
MarkedText replace(const MarkedText& text, std::string_view old_text, const MarkedText& new_text,
                   std::int64_t count);

}  // namespace cairn::text::jinja
