// SPDX-License-Identifier: Apache-2.0
// A line or sentence is boilerplate when at least max(5, 3 %) of the documents of a source hold it;
// numbers count as equal, so that "page 3" and "page 4" are one line.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "cairn/base/hash.h"
#include "cairn/text/segment.h"
#include "text_edits.h"

namespace cairn::data {
namespace {

constexpr std::size_t kBytesMin = 16;  // shorter lines repeat by nature: "Contact", "See also"
constexpr double kShareMin = 0.03;
constexpr double kDocumentsMin = 5;

std::uint64_t key_of(std::string_view line) {
    std::string key;
    for (char c : line) {
        bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
        if (!digit) {
            key += c;
        } else if (key.empty() || key.back() != '0') {
            key += '0';
        }
    }
    return hash64(key);
}

struct Unit {
    text::Span span;   ///< trimmed
    text::Span whole;  ///< with the line end or the space behind it
    std::uint64_t key = 0;
};

text::Span trimmed(std::string_view text, text::Span span) {
    auto space = [&](std::int64_t at) {
        return std::isspace(static_cast<unsigned char>(text[static_cast<std::size_t>(at)])) != 0;
    };
    while (span.begin < span.end && space(span.begin)) {
        ++span.begin;
    }
    while (span.begin < span.end && space(span.end - 1)) {
        --span.end;
    }
    return span;
}

/// Lines, and the sentences of lines that hold several.
void units_of_line(std::string_view text, text::Span line, std::vector<Unit>& units) {
    text::Span inner = trimmed(text, line);
    if (inner.size() < static_cast<std::int64_t>(kBytesMin)) {
        return;
    }
    units.push_back({inner, line, key_of(inner.of(text))});
    std::vector<text::Span> sentences = text::sentences(inner.of(text));
    if (sentences.size() < 2) {
        return;
    }
    for (std::size_t i = 0; i < sentences.size(); ++i) {
        text::Span span{inner.begin + sentences[i].begin, inner.begin + sentences[i].end};
        if (span.size() >= static_cast<std::int64_t>(kBytesMin)) {
            std::int64_t next =
                i + 1 < sentences.size() ? inner.begin + sentences[i + 1].begin : span.end;
            units.push_back({span, {span.begin, next}, key_of(span.of(text))});
        }
    }
}

bool is_heading(const text::Document& document, const EditedText& edited, text::Span line) {
    std::int64_t begin = edited.map.to_original({line.begin, line.begin}).begin;
    return std::any_of(document.sections.begin(), document.sections.end(),
                       [&](const text::Section& section) {
                           return !section.heading_path.empty() && section.span.begin <= begin &&
                                  begin <= section.span.begin + 1;
                       });
}

std::vector<Unit> units_of(const text::Document& document, const EditedText& edited) {
    std::vector<Unit> units;
    if (document.media_type == "text/csv") {
        return units;
    }
    std::string_view text = edited.text;
    for (std::int64_t at = 0; at < static_cast<std::int64_t>(text.size());) {
        std::size_t end = text.find('\n', static_cast<std::size_t>(at));
        text::Span line{at, end == std::string_view::npos ? static_cast<std::int64_t>(text.size())
                                                          : static_cast<std::int64_t>(end) + 1};
        if (!is_heading(document, edited, line)) {
            units_of_line(text, line, units);
        }
        at = line.end;
    }
    return units;
}

struct Seen {
    std::size_t first = 0;  ///< document that keeps its copy
    std::size_t last = 0;
    std::size_t documents = 0;
};

void count_units(const std::vector<Unit>& units, std::size_t document,
                 std::map<std::uint64_t, Seen>& seen) {
    for (const Unit& unit : units) {
        auto [entry, fresh] = seen.try_emplace(unit.key, Seen{document, document, 1});
        if (!fresh && entry->second.last != document) {
            entry->second.last = document;
            ++entry->second.documents;
        }
    }
}

}  // namespace

std::vector<Boilerplate> find_boilerplate(const std::vector<text::Document>& documents,
                                          const std::vector<EditedText>& texts,
                                          const std::vector<bool>& stays) {
    std::map<std::string, std::vector<std::size_t>> by_source;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        by_source[documents[i].source].push_back(i);
    }
    std::vector<Boilerplate> found(documents.size());
    for (const auto& [source, members] : by_source) {
        std::map<std::uint64_t, Seen> seen;
        std::vector<std::vector<Unit>> units;
        std::size_t total = 0;
        for (std::size_t i : members) {
            units.push_back(units_of(documents[i], texts[i]));
            if (stays[i]) {
                count_units(units.back(), i, seen);
                ++total;
            }
        }
        auto least = static_cast<std::size_t>(
            std::max(kDocumentsMin, std::ceil(kShareMin * static_cast<double>(total))));
        std::erase_if(seen, [&](const auto& entry) { return entry.second.documents < least; });
        for (std::size_t m = 0; m < members.size(); ++m) {
            Boilerplate& own = found[members[m]];
            std::int64_t covered = -1;
            for (const Unit& unit : units[m]) {
                const auto entry = seen.find(unit.key);
                if (entry == seen.end() || unit.span.begin < covered) {
                    continue;
                }
                covered = unit.whole.end;
                own.spans.push_back(unit.span);
                if (stays[members[m]] && entry->second.first != members[m]) {
                    own.edits.push_back({unit.whole, "", ChangeKind::kBoilerplate,
                                         std::to_string(entry->second.documents) + " of " +
                                             std::to_string(total) +
                                             " documents of the source repeat this line; it "
                                             "stays in " +
                                             documents[entry->second.first].path});
                }
            }
        }
    }
    return found;
}

}  // namespace cairn::data
