// SPDX-License-Identifier: Apache-2.0
// Plain text of any encoding. The text is kept as it stands; lines that are plainly headings open
// sections.
#include <algorithm>
#include <cctype>

#include "cairn/text/encoding.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

constexpr std::size_t kHeadingBytesMax = 80;
constexpr std::size_t kTitleBytesMax = 120;

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        std::size_t end = text.find('\n');
        std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

bool is_rule(std::string_view line, char mark) {
    return line.size() >= 3 &&
           std::all_of(line.begin(), line.end(), [mark](char c) { return c == mark; });
}

bool all_capitals(std::string_view line) {
    int letters = 0;
    for (char c : line) {
        if (std::islower(static_cast<unsigned char>(c)) != 0) {
            return false;
        }
        letters += std::isupper(static_cast<unsigned char>(c)) != 0 ? 1 : 0;
    }
    return letters >= 4;
}

/// "3." or "3.2" and a space; returns the number of levels, 0 when there is no number.
int numbering(std::string_view line) {
    int levels = 0;
    std::size_t i = 0;
    bool dotted = false;
    while (i < line.size() && std::isdigit(static_cast<unsigned char>(line[i])) != 0) {
        while (i < line.size() && std::isdigit(static_cast<unsigned char>(line[i])) != 0) {
            ++i;
        }
        ++levels;
        if (i < line.size() && line[i] == '.') {
            dotted = true;
            ++i;
        }
    }
    bool ends_number = i < line.size() && line[i] == ' ' && i <= 8;
    return dotted && ends_number ? levels : 0;
}

/// Level of a heading, 0 for other lines. `before` and `after` are the trimmed neighbours.
int heading_level(std::string_view before, std::string_view line, std::string_view after) {
    if (line.empty() || line.size() > kHeadingBytesMax) {
        return 0;
    }
    if (is_rule(after, '=')) {
        return 1;
    }
    if (is_rule(after, '-') && before.empty()) {
        return 2;
    }
    if (!before.empty() || std::string_view(".,;:!?").find(line.back()) != std::string_view::npos) {
        return 0;
    }
    int levels = numbering(line);
    if (levels > 0) {
        // A list ("1. First", "2. Second" on the next line) is no heading.
        return numbering(after) == 0 ? 1 + levels : 0;
    }
    return all_capitals(line) ? 2 : 0;
}

}  // namespace

Result<std::string> decode_text(std::string_view bytes, DocumentBuilder& out) {
    text::DecodedText decoded = CAIRN_TRY(text::to_utf8(bytes));
    out.set_encoding(decoded.encoding.name);
    if (decoded.encoding.reason == "statistics" || decoded.encoding.reason == "nothing else fits") {
        out.note("the encoding " + decoded.encoding.name + " is a guess");
    }
    if (decoded.replaced > 0) {
        out.note(std::to_string(decoded.replaced) + " bytes do not belong to " +
                 decoded.encoding.name + " and were replaced");
    }
    return std::move(decoded.text);
}

void append_plain_text(std::string_view text, DocumentBuilder& out) {
    const std::vector<std::string_view> lines = split_lines(text);
    std::string_view before;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::string_view line = trim(lines[i]);
        if (!line.empty() && line.size() <= kTitleBytesMax) {
            out.set_title(line);
        }
        std::string_view after = i + 1 < lines.size() ? trim(lines[i + 1]) : std::string_view();
        int level = heading_level(before, line, after);
        if (level > 0) {
            out.open_section(level, line);
        }
        out.raw(lines[i]);
        before = line;
    }
}

Status read_text(const ReadRequest& request, DocumentBuilder& out) {
    std::string text = CAIRN_TRY(decode_text(request.bytes, out));
    append_plain_text(text, out);
    return {};
}

}  // namespace cairn::data
