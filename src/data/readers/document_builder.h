// SPDX-License-Identifier: Apache-2.0
// Collects a document's text and cuts it into sections by heading and page while it grows, so that
// every reader only says what it sees. Keeps the text valid UTF-8 with '\n' and under its limit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/document.h"

namespace cairn::data {

class DocumentBuilder {
  public:
    /// A heading of level 1 to 9 with its own line: opens a section below the last one of a smaller
    /// level.
    void heading(int level, std::string_view text);
    /// Opens a section without writing a line.
    void open_section(int level, std::string_view text);
    /// A paragraph: an empty line before it.
    void block(std::string_view text);
    /// A line right below the last one: table row, list item.
    void line(std::string_view text);
    /// Text as it is.
    void raw(std::string_view text);
    /// Begins a page (form feed); pages count from 1.
    void page();

    /// The first caller wins; the first heading is the title when nobody says one.
    void set_title(std::string_view title);
    void set_encoding(std::string_view encoding) { encoding_ = encoding; }
    void note(std::string_view text);

    bool full() const { return full_; }
    bool empty() const { return text_.empty(); }
    const std::string& notes() const { return notes_; }
    /// Moves text, title, encoding, sections and pages into `document`. Errors: kTooLarge.
    Status finish(text::Document& document);

  private:
    void append(std::string_view text);
    void begin_line();

    std::string text_;
    std::string title_;
    std::string first_heading_;
    std::string encoding_ = "UTF-8";
    std::string notes_;
    std::vector<text::Section> sections_;
    std::vector<std::int64_t> page_starts_;
    std::vector<std::pair<int, std::string>> headings_;  ///< open levels, outermost first
    bool full_ = false;
};

/// Runs of white space (also no-break space) to one space, ends trimmed.
std::string squeeze_space(std::string_view text);
/// White space cut from both ends.
std::string_view trim(std::string_view text);

}  // namespace cairn::data
