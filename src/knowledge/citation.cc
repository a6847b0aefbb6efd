// SPDX-License-Identifier: Apache-2.0
// Quotes are compared as folded code points that remember where they came from.
#include "cairn/knowledge/citation.h"

#include <algorithm>
#include <cctype>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::knowledge {
namespace {

constexpr double kEditShareMax = 0.03;
constexpr std::size_t kQuoteCodePointsMax = 4000;  // longer ones are copies of a page, not quotes

struct Folded {
    std::u32string text;
    std::vector<text::Span> origin;  ///< bytes of the original, one per code point
};

char32_t plain_mark(char32_t c) {
    switch (c) {
        case U'‘':
        case U'’':
        case U'‚':
        case U'‛':
            return U'\'';
        case U'“':
        case U'”':
        case U'„':
        case U'«':
        case U'»':
            return U'"';
        case U'‐':
        case U'‑':
        case U'‒':
        case U'–':
        case U'—':
        case U'−':
            return U'-';
        default:
            return c;
    }
}

bool is_invisible(char32_t c) {
    return c == 0xAD || c == 0x200B || c == 0xFEFF || c == 0x2060;
}

/// NFKC of one base character with its marks.
void fold_cluster(std::string_view cluster, text::Span origin, Folded& out) {
    const std::string normal = cluster.size() == 1 ? std::string(cluster) : text::nfkc(cluster);
    for (std::size_t at = 0; at < normal.size();) {
        const text::CodePoint point = text::code_point_at(normal, at);
        at += point.bytes;
        if (is_invisible(point.value)) {
            continue;
        }
        if (text::is_space(point.value)) {
            if (!out.text.empty() && out.text.back() != U' ') {
                out.text += U' ';
                out.origin.push_back(origin);
            }
            continue;
        }
        out.text += plain_mark(point.value);
        out.origin.push_back(origin);
    }
}

Folded fold(std::string_view text) {
    Folded out;
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = begin + text::code_point_at(text, begin).bytes;
        while (end < text.size()) {
            const text::CodePoint next = text::code_point_at(text, end);
            if (!text::is_mark(next.value)) {
                break;
            }
            end += next.bytes;
        }
        fold_cluster(text.substr(begin, end - begin),
                     {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)}, out);
        begin = end;
    }
    if (!out.text.empty() && out.text.back() == U' ') {
        out.text.pop_back();
        out.origin.pop_back();
    }
    return out;
}

std::u32string digits_of(std::u32string_view text) {
    std::u32string digits;
    for (char32_t c : text) {
        if (text::is_number(c)) {
            digits += c;
        }
    }
    return digits;
}

struct Window {
    std::size_t begin = 0;
    std::size_t end = 0;
    int distance = 0;
};

/// Best end of `quote` in `text` by Sellers' algorithm: free begin and free end.
std::optional<Window> best_window(std::u32string_view text, std::u32string_view quote,
                                  int distance_max) {
    struct Cell {
        int distance;
        std::size_t begin;
    };
    std::vector<Cell> column(quote.size() + 1);
    for (std::size_t i = 0; i <= quote.size(); ++i) {
        column[i] = {static_cast<int>(i), 0};
    }
    std::optional<Window> best;
    for (std::size_t j = 1; j <= text.size(); ++j) {
        Cell diagonal = column[0];
        column[0] = {0, j};
        for (std::size_t i = 1; i <= quote.size(); ++i) {
            const int change = text[j - 1] == quote[i - 1] ? 0 : 1;
            Cell next = {diagonal.distance + change, diagonal.begin};
            if (column[i].distance + 1 < next.distance) {
                next = {column[i].distance + 1, column[i].begin};
            }
            if (column[i - 1].distance + 1 < next.distance) {
                next = {column[i - 1].distance + 1, column[i - 1].begin};
            }
            diagonal = column[i];
            column[i] = next;
        }
        const Cell& last = column[quote.size()];
        if (last.distance <= distance_max && (!best || last.distance < best->distance) &&
            digits_of(text.substr(last.begin, j - last.begin)) == digits_of(quote)) {
            best = Window{last.begin, j, last.distance};
        }
    }
    return best;
}

/// With at most d edits, one of d + 1 pieces of the quote stands unchanged; only there is compared.
std::optional<Window> fuzzy_window(std::u32string_view text, std::u32string_view quote) {
    const int distance_max = static_cast<int>(kEditShareMax * static_cast<double>(quote.size()));
    if (distance_max == 0) {
        return std::nullopt;
    }
    const std::size_t pieces = static_cast<std::size_t>(distance_max) + 1;
    std::optional<Window> best;
    for (std::size_t p = 0; p < pieces; ++p) {
        const std::size_t from = quote.size() * p / pieces;
        const std::size_t to = quote.size() * (p + 1) / pieces;
        const std::u32string_view piece = quote.substr(from, to - from);
        const std::size_t slack = static_cast<std::size_t>(distance_max);
        for (std::size_t at = text.find(piece); at != std::u32string_view::npos;
             at = text.find(piece, at + 1)) {
            const std::size_t begin = at > from + slack ? at - from - slack : 0;
            const std::size_t size = quote.size() + 2 * slack;
            auto found = best_window(text.substr(begin, size), quote, distance_max);
            if (found && (!best || found->distance < best->distance)) {
                best = Window{begin + found->begin, begin + found->end, found->distance};
            }
        }
    }
    return best;
}

}  // namespace

std::optional<QuoteMatch> locate_quote(std::string_view text, std::string_view quote) {
    const Folded wanted = fold(quote);
    if (wanted.text.empty() || wanted.text.size() > kQuoteCodePointsMax) {
        return std::nullopt;
    }
    const Folded page = fold(text);
    Window window;
    const std::size_t at = page.text.find(wanted.text);
    if (at != std::u32string::npos) {
        window = {at, at + wanted.text.size(), 0};
    } else {
        const auto fuzzy = fuzzy_window(page.text, wanted.text);
        if (!fuzzy) {
            return std::nullopt;
        }
        window = *fuzzy;
    }
    QuoteMatch match;
    match.span = {page.origin[window.begin].begin, page.origin[window.end - 1].end};
    match.exact = window.distance == 0;
    match.edit_distance = window.distance;
    return match;
}

std::string fold_for_quotes(std::string_view text) {
    std::string out;
    for (char32_t c : fold(text).text) {
        text::append_utf8(out, c);
    }
    return out;
}

std::string one_line(std::string_view text) {
    std::string out;
    bool space = false;
    for (char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            space = !out.empty();
            continue;
        }
        if (space) {
            out += ' ';
            space = false;
        }
        out += c;
    }
    return out;
}

}  // namespace cairn::knowledge
