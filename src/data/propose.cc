// SPDX-License-Identifier: Apache-2.0
// Proposes test questions from sentences that state a checkable fact: see label.h.
#include <algorithm>

#include "cairn/base/hash.h"
#include "cairn/data/label.h"
#include "cairn/text/segment.h"

namespace cairn::data {

namespace {

constexpr std::size_t kSentenceBytesMin = 40;
constexpr std::size_t kSentenceBytesMax = 300;
constexpr std::string_view kGap = "___";

bool digit(char c) {
    return c >= '0' && c <= '9';
}

/// The first number of a sentence with its decimal part: [begin, end), empty when there is none.
/// Not at the very beginning (list numbers) and not inside a word ("B2B").
text::Span find_number(std::string_view sentence) {
    for (std::size_t i = 3; i < sentence.size(); ++i) {
        if (!digit(sentence[i]) || sentence[i - 1] != ' ') continue;
        std::size_t end = i;
        while (end < sentence.size() &&
               (digit(sentence[end]) || ((sentence[end] == '.' || sentence[end] == ',') &&
                                         end + 1 < sentence.size() && digit(sentence[end + 1])))) {
            ++end;
        }
        const bool whole = end == sentence.size() || sentence[end] == ' ' || sentence[end] == '.' ||
                           sentence[end] == ',' || sentence[end] == '%' || sentence[end] == ';';
        if (whole) return {static_cast<std::int64_t>(i), static_cast<std::int64_t>(end)};
        i = end;
    }
    return {};
}

std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (space && (out.empty() || out.back() == ' ')) continue;
        out += space ? ' ' : c;
    }
    return out;
}

std::string place_of(const text::Document& document, std::int64_t offset) {
    const text::Section* section = text::section_of(document, offset);
    if (section == nullptr || section->heading_path.empty() ||
        section->heading_path.back() == document.title) {
        return document.title;
    }
    return document.title + ", " + section->heading_path.back();
}

std::vector<LabelItem> propose_for(std::string_view scenario, const text::Document& document,
                                   int most) {
    std::vector<LabelItem> items;
    for (const text::Span& span : text::sentences(document.text)) {
        if (static_cast<int>(items.size()) >= most) break;
        const auto begin = static_cast<std::size_t>(span.begin);
        const std::string sentence =
            one_line(std::string_view(document.text)
                         .substr(begin, static_cast<std::size_t>(span.end) - begin));
        if (sentence.size() < kSentenceBytesMin || sentence.size() > kSentenceBytesMax) continue;
        if (sentence.find('|') != std::string::npos) continue;  // a table row is no sentence
        const text::Span number = find_number(sentence);
        if (number.end == number.begin) continue;
        const auto from = static_cast<std::size_t>(number.begin);
        const auto to = static_cast<std::size_t>(number.end);
        LabelItem item;
        item.scenario = scenario;
        item.answer = sentence.substr(from, to - from);
        item.quote = sentence;
        item.document = document.path;
        item.question = place_of(document, span.begin) + ": what belongs in the gap? " +
                        sentence.substr(0, from) + std::string(kGap) + sentence.substr(to);
        item.id =
            "l_" +
            Sha256().field(scenario).field(item.question).field(document.path).hex().substr(0, 16);
        items.push_back(std::move(item));
    }
    return items;
}

}  // namespace

std::vector<LabelItem> propose_questions(std::string_view scenario,
                                         std::span<const text::Document> documents,
                                         const ProposalOptions& options) {
    std::vector<LabelItem> items;
    for (const text::Document& document : documents) {
        const auto found = propose_for(scenario, document, options.per_document);
        items.insert(items.end(), found.begin(), found.end());
    }
    // Ids are hashes: cutting in their order spreads what is kept over all documents.
    std::sort(items.begin(), items.end(),
              [](const LabelItem& a, const LabelItem& b) { return a.id < b.id; });
    if (items.size() > static_cast<std::size_t>(options.total)) {
        items.resize(static_cast<std::size_t>(options.total));
    }
    return items;
}

}  // namespace cairn::data
