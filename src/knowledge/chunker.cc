// SPDX-License-Identifier: Apache-2.0
// Chunks are made of whole quotable spans, closed at the target size, never across a section.
#include "cairn/knowledge/chunker.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::knowledge {
namespace {

using text::Span;

constexpr std::string_view kBlank = " \t\r\n";

Span trimmed(std::string_view text, Span span) {
    while (span.begin < span.end &&
           kBlank.find(text[static_cast<std::size_t>(span.begin)]) != std::string_view::npos) {
        ++span.begin;
    }
    while (span.end > span.begin &&
           kBlank.find(text[static_cast<std::size_t>(span.end - 1)]) != std::string_view::npos) {
        --span.end;
    }
    return span;
}

std::string_view strip_marks(std::string_view line) {
    const std::size_t begin = line.find_first_not_of("# \t*_=");
    if (begin == std::string_view::npos) {
        return {};
    }
    return line.substr(begin, line.find_last_not_of("# \t*_=") - begin + 1);
}

/// "Date: Monday", "Second reminder:  24 days": a label of a few words, a colon, a value.
bool has_label(std::string_view line) {
    constexpr std::size_t kLabelBytesMax = 32;
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || colon > kLabelBytesMax ||
        std::isupper(static_cast<unsigned char>(line.front())) == 0) {
        return false;
    }
    return line.substr(0, colon).find_first_of(".,;?!()") == std::string_view::npos;
}

/// A line that stands for itself: cells between bars or wide gaps, a labelled value.
bool is_table_line(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) {
        return false;
    }
    line.remove_prefix(begin);
    return line.starts_with('|') || line.find(" | ") != std::string_view::npos ||
           line.find("   ") < line.find_last_not_of(kBlank) || has_label(line) ||
           (line.find(": ") != std::string_view::npos && line.find("; ") != std::string_view::npos);
}

/// Nothing to quote: rules, table frames, mark-up without a letter or digit.
bool says_nothing(std::string_view line) {
    for (std::size_t at = 0; at < line.size();) {
        const text::CodePoint point = text::code_point_at(line, at);
        if (text::is_letter(point.value) || text::is_number(point.value)) {
            return false;
        }
        at += std::max<std::size_t>(point.bytes, 1);
    }
    return true;
}

/// Han and Kana have a word for each character; two of them carry about as much as one word.
int words_in(std::string_view text) {
    int half_words = 0;
    for (const Span& word : text::words(text)) {
        const auto script =
            text::script_of(text::code_point_at(text, static_cast<std::size_t>(word.begin)).value);
        half_words += script == text::Script::kHan || script == text::Script::kKana ? 1 : 2;
    }
    return (half_words + 1) / 2;
}

bool is_heading_line(std::string_view line, const std::vector<std::string>& heading_path) {
    if (line.starts_with('#')) {
        return true;
    }
    const std::string_view bare = strip_marks(line);
    return std::any_of(heading_path.begin(), heading_path.end(),
                       [&](const std::string& heading) { return strip_marks(heading) == bare; });
}

/// The head of a mail names people and the subject, which is the title: nothing to quote.
bool is_mail_head(const text::Document& document, std::string_view line) {
    static constexpr std::string_view kFields[] = {
        "From: ", "To: ", "Cc: ", "Bcc: ", "Subject: ", "Reply-To: "};
    return document.media_type == "message/rfc822" &&
           std::any_of(std::begin(kFields), std::end(kFields),
                       [&](std::string_view field) { return line.starts_with(field); });
}

/// Where the text of a section begins behind its heading lines and their rules.
std::int64_t body_begin(const text::Document& document, const text::Section& section) {
    std::int64_t begin = section.span.begin;
    while (begin < section.span.end) {
        const std::size_t newline = document.text.find('\n', static_cast<std::size_t>(begin));
        const std::int64_t end =
            newline == std::string::npos
                ? section.span.end
                : std::min(section.span.end, static_cast<std::int64_t>(newline) + 1);
        const Span line = trimmed(document.text, {begin, end});
        const std::string_view words = line.of(document.text);
        if (!says_nothing(words) && !is_heading_line(words, section.heading_path) &&
            !is_mail_head(document, words)) {
            break;
        }
        begin = end;
    }
    return begin;
}

/// Quotable spans of a section without its heading lines.
std::vector<Span> section_sentences(const text::Document& document, const text::Section& section) {
    const std::int64_t begin = body_begin(document, section);
    std::vector<Span> out;
    for (Span span : quotable_spans(Span{begin, section.span.end}.of(document.text))) {
        out.push_back({span.begin + begin, span.end + begin});
    }
    return out;
}

Chunk open_chunk(const text::Document& document, const text::Section& section, Span first) {
    Chunk chunk;
    chunk.document_id = document.id;
    chunk.heading_path = section.heading_path;
    chunk.page = text::page_of(document, first.begin);
    chunk.span = first;
    return chunk;
}

void chunk_section(const text::Document& document, const text::Section& section,
                   const ChunkOptions& options, std::vector<Chunk>& chunks) {
    Chunk chunk;
    int words = 0;
    auto close = [&] {
        if (!chunk.sentences.empty()) {
            chunk.number = static_cast<int>(chunks.size());
            chunks.push_back(std::move(chunk));
        }
        chunk = {};
        words = 0;
    };
    for (const Span& sentence : section_sentences(document, section)) {
        const int more = words_in(sentence.of(document.text));
        if (words >= options.words_target || (words > 0 && words + more > options.words_max)) {
            close();
        }
        if (chunk.sentences.empty()) {
            chunk = open_chunk(document, section, sentence);
        }
        chunk.sentences.push_back(sentence);
        chunk.span.end = sentence.end;
        words += more;
    }
    close();
}

}  // namespace

std::vector<Span> quotable_spans(std::string_view text) {
    std::vector<Span> out;
    auto add = [&](Span span) {
        span = trimmed(text, span);
        if (!says_nothing(span.of(text))) {
            out.push_back(span);
        }
    };
    // Lines of tables stand alone; runs of other lines go to the sentence splitter together, since
    // prose is often wrapped.
    std::int64_t prose_begin = 0;
    auto flush_prose = [&](std::int64_t end) {
        if (end > prose_begin) {
            const std::string_view prose = Span{prose_begin, end}.of(text);
            for (const Span& sentence : text::sentences(prose)) {
                add({sentence.begin + prose_begin, sentence.end + prose_begin});
            }
        }
    };
    const auto size = static_cast<std::int64_t>(text.size());
    for (std::int64_t line_begin = 0; line_begin < size;) {
        const std::size_t newline = text.find('\n', static_cast<std::size_t>(line_begin));
        const std::int64_t line_end =
            newline == std::string_view::npos ? size : static_cast<std::int64_t>(newline) + 1;
        const std::string_view line = Span{line_begin, line_end}.of(text);
        if (is_table_line(line) || line.starts_with('#')) {
            flush_prose(line_begin);
            add({line_begin, line_end});
            prose_begin = line_end;
        }
        line_begin = line_end;
    }
    flush_prose(size);
    return out;
}

std::vector<Chunk> chunk_document(const text::Document& document, const ChunkOptions& options) {
    std::vector<Chunk> chunks;
    for (const text::Section& section : document.sections) {
        chunk_section(document, section, options, chunks);
    }
    return chunks;
}

std::string join_headings(std::string_view title, const std::vector<std::string>& heading_path) {
    std::string out;
    if (heading_path.empty() || heading_path.front() != title) {
        out = title;
    }
    for (const std::string& heading : heading_path) {
        out += (out.empty() ? "" : " > ") + heading;
    }
    return out;
}

}  // namespace cairn::knowledge
