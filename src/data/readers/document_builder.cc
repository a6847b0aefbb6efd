// SPDX-License-Identifier: Apache-2.0
// Sections are opened at the place where the next text will stand; finish() closes them.
#include "readers/document_builder.h"

#include <algorithm>

#include "cairn/base/limits.h"
#include "cairn/text/utf8.h"

namespace cairn::data {
namespace {

bool is_ascii_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

constexpr std::string_view kNoBreakSpace = "\xC2\xA0";

}  // namespace

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_ascii_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_ascii_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::string squeeze_space(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool space = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == kNoBreakSpace) {
            space = true;
            ++i;
        } else if (is_ascii_space(text[i])) {
            space = true;
        } else {
            if (space && !out.empty()) {
                out += ' ';
            }
            space = false;
            out += text[i];
        }
    }
    return out;
}

void DocumentBuilder::append(std::string_view text) {
    if (full_ || text_.size() + text.size() > limits::kDocumentTextBytesMax) {
        full_ = true;
        return;
    }
    std::string repaired;
    if (!text::is_valid_utf8(text)) {
        repaired = text::repair_utf8(text).text;
        text = repaired;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '\r') {
            if (i + 1 < text.size() && text[i + 1] == '\n') {
                continue;
            }
            c = '\n';
        }
        if (c != '\0') {
            text_ += c;
        }
    }
}

void DocumentBuilder::begin_line() {
    if (!text_.empty() && text_.back() != '\n') {
        text_ += '\n';
    }
}

void DocumentBuilder::open_section(int level, std::string_view text) {
    std::string name = squeeze_space(text::repair_utf8(text).text);
    if (name.empty()) {
        return;
    }
    while (!headings_.empty() && headings_.back().first >= level) {
        headings_.pop_back();
    }
    if (first_heading_.empty()) {
        first_heading_ = name;
    }
    headings_.emplace_back(level, std::move(name));
    text::Section section;
    for (const auto& [unused, heading] : headings_) {
        section.heading_path.push_back(heading);
    }
    section.span.begin = static_cast<std::int64_t>(text_.size());
    section.page = static_cast<int>(page_starts_.size());
    sections_.push_back(std::move(section));
}

void DocumentBuilder::heading(int level, std::string_view text) {
    std::string name = squeeze_space(text);
    if (name.empty()) {
        return;
    }
    begin_line();
    if (!text_.empty()) {
        append("\n");
    }
    open_section(level, name);
    append(name);
    append("\n");
}

void DocumentBuilder::block(std::string_view text) {
    if (trim(text).empty()) {
        return;
    }
    begin_line();
    if (!text_.empty()) {
        append("\n");
    }
    append(text);
    append("\n");
}

void DocumentBuilder::line(std::string_view text) {
    if (trim(text).empty()) {
        return;
    }
    begin_line();
    append(text);
    append("\n");
}

void DocumentBuilder::raw(std::string_view text) {
    append(text);
}

void DocumentBuilder::page() {
    begin_line();
    auto here = static_cast<std::int64_t>(text_.size());
    page_starts_.push_back(here);
    text::Section section;
    for (const auto& [unused, heading] : headings_) {
        section.heading_path.push_back(heading);
    }
    section.span.begin = here;
    section.page = static_cast<int>(page_starts_.size());
    sections_.push_back(std::move(section));
}

void DocumentBuilder::set_title(std::string_view title) {
    if (title_.empty()) {
        title_ = squeeze_space(text::repair_utf8(title).text);
    }
}

void DocumentBuilder::note(std::string_view text) {
    if (!notes_.empty()) {
        notes_ += "; ";
    }
    notes_ += text;
}

Status DocumentBuilder::finish(text::Document& document) {
    if (full_) {
        return make_error(Code::kTooLarge,
                          "the text is larger than the limit " +
                              std::to_string(limits::kDocumentTextBytesMax / limits::kMiB) + " MiB",
                          "split the file");
    }
    begin_line();
    if (sections_.empty() || sections_.front().span.begin > 0) {
        sections_.insert(sections_.begin(), text::Section{});
    }
    for (std::size_t i = 0; i < sections_.size(); ++i) {
        sections_[i].span.end = i + 1 < sections_.size() ? sections_[i + 1].span.begin
                                                         : static_cast<std::int64_t>(text_.size());
    }
    std::erase_if(sections_, [](const text::Section& section) { return section.span.size() == 0; });
    document.title = title_.empty() ? first_heading_ : title_;
    document.encoding = encoding_;
    document.text = std::move(text_);
    document.sections = std::move(sections_);
    document.page_starts = std::move(page_starts_);
    return {};
}

}  // namespace cairn::data
