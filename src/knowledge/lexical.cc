// SPDX-License-Identifier: Apache-2.0
// Sentence scores are sums of shares, so that they mean the same for long and short questions.
#include "cairn/knowledge/lexical.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "cairn/knowledge/citation.h"
#include "cairn/knowledge/fts_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::knowledge {
namespace {

// A stop word still breaks ties between otherwise equal sentences.
constexpr double kStopWeight = 0.05;

// Weights of the parts of a sentence's score; they sum to 1.
constexpr double kOwnPart = 0.50;      // the words stand in the sentence itself
constexpr double kContextPart = 0.25;  // or in its headings and the sentence before
constexpr double kPairPart = 0.10;     // neighbouring words of the question stand together
constexpr double kKindPart = 0.15;     // "how much" is answered by a sentence with a number

std::vector<std::string> sorted_terms(std::string_view text) {
    std::vector<std::string> out;
    for (IndexTerm& term : index_terms(text)) {
        out.push_back(std::move(term.text));
    }
    std::sort(out.begin(), out.end());
    return out;
}

bool contains(const std::vector<std::string>& sorted, const std::string& term) {
    return std::binary_search(sorted.begin(), sorted.end(), term);
}

std::vector<std::string> merged(const std::vector<std::string>& a,
                                const std::vector<std::string>& b) {
    std::vector<std::string> out;
    out.reserve(a.size() + b.size());
    std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
}

/// Share of the question's neighbouring content terms that stand within three places, either way.
double pair_share(std::span<const QueryTerm> query, const std::vector<IndexTerm>& terms) {
    constexpr std::size_t kNear = 3;
    int pairs = 0;
    int found = 0;
    for (std::size_t q = 0; q + 1 < query.size(); ++q) {
        const QueryTerm& left = query[q];
        const QueryTerm& right = query[q + 1];
        if (left.weight <= kStopWeight * left.idf || right.weight <= kStopWeight * right.idf) {
            continue;
        }
        ++pairs;
        bool near = false;
        for (std::size_t i = 0; i < terms.size() && !near; ++i) {
            if (terms[i].text != left.text) {
                continue;
            }
            const std::size_t from = i >= kNear ? i - kNear : 0;
            const std::size_t to = std::min(terms.size(), i + kNear + 1);
            near = std::any_of(terms.begin() + static_cast<std::ptrdiff_t>(from),
                               terms.begin() + static_cast<std::ptrdiff_t>(to),
                               [&](const IndexTerm& term) { return term.text == right.text; });
        }
        found += near ? 1 : 0;
    }
    return pairs == 0 ? 0 : static_cast<double>(found) / pairs;
}

/// Openings by which a question asks for something that is written with digits or number words.
bool asks_for_amount(std::string_view question) {
    static constexpr std::array<std::string_view, 34> kSigns = {
        "how many", "how much", "how long", "how soon",  "how often", "how quickly", "how high",
        "how far",  "how late", "when ",    "what time", "what date", "price",       "cost",
        "percent",  "up to",    "deadline", "wie viel",  "wieviel",   "wie lange",   "wie oft",
        "wann",     "wie hoch", "bis wann", "kostet",    "prozent",   "多少",        "几",
        "多久",     "多长",     "什么时候", "combien",   "quand",     "cuánto"};
    std::string folded = fold_for_quotes(question);
    std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) {
        return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    return std::any_of(kSigns.begin(), kSigns.end(), [&](std::string_view sign) {
        return folded.find(sign) != std::string::npos;
    });
}

bool has_number(std::string_view sentence, const std::vector<std::string>& terms) {
    if (std::any_of(sentence.begin(), sentence.end(),
                    [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; })) {
        return true;
    }
    // As index terms, that is stemmed; Chinese numerals by character.
    static const std::array<std::string, 34> kNumbers = [] {
        std::array<std::string, 34> out = {
            "two",  "three", "four",  "five",   "six",   "seven",  "eight",  "nine", "ten",
            "half", "zwei",  "drei",  "vier",   "fünf",  "sechs",  "sieben", "acht", "neun",
            "zehn", "once",  "twice", "twelve", "daily", "weekly", "二",     "三",   "四",
            "五",   "六",    "七",    "八",     "九",    "十",     "百"};
        for (std::string& word : out) {
            std::vector<IndexTerm> terms = index_terms(word);
            word = terms.empty() ? word : terms.front().text;
        }
        return out;
    }();
    return std::any_of(kNumbers.begin(), kNumbers.end(),
                       [&](const std::string& number) { return contains(terms, number); });
}

}  // namespace

std::vector<QueryTerm> weigh_query(
    std::string_view question, std::int64_t chunks,
    const std::function<std::int64_t(const std::string&)>& frequency) {
    std::vector<QueryTerm> out;
    for (IndexTerm& term : query_terms(question)) {
        QueryTerm weighed;
        const auto df = static_cast<double>(frequency(term.text));
        const auto n = static_cast<double>(chunks);
        weighed.idf = std::log(1.0 + (std::max(n - df, 0.0) + 0.5) / (df + 0.5));
        const bool stop = is_stop_term(text::casefold(term.span.of(question)));
        weighed.weight = stop ? weighed.idf * kStopWeight : weighed.idf;
        weighed.has_digit = term.has_digit;
        weighed.text = std::move(term.text);
        out.push_back(std::move(weighed));
    }
    return out;
}

double coverage_of(std::span<const QueryTerm> query, const std::vector<std::string>& sorted_terms) {
    double all = 0;
    double found = 0;
    for (const QueryTerm& term : query) {
        all += term.weight;
        found += contains(sorted_terms, term.text) ? term.weight : 0;
    }
    return all > 0 ? found / all : 0;
}

std::vector<SentenceScore> score_sentences(std::span<const QueryTerm> query,
                                           std::string_view question, std::string_view headings,
                                           std::string_view text,
                                           std::span<const text::Span> spans) {
    const std::vector<std::string> heading_terms = sorted_terms(headings);
    const bool amount = asks_for_amount(question);
    std::vector<SentenceScore> out;
    std::vector<std::string> before;
    for (const text::Span& span : spans) {
        const std::string_view sentence = span.of(text);
        const std::vector<IndexTerm> terms = index_terms(sentence);
        std::vector<std::string> own = sorted_terms(sentence);
        const std::vector<std::string> around = merged(merged(own, before), heading_terms);
        SentenceScore score;
        score.span = span;
        score.text = one_line(sentence);
        score.coverage = coverage_of(query, own);
        score.context = coverage_of(query, around);
        score.pairs = pair_share(query, terms);
        score.answers_kind = amount && has_number(sentence, own);
        for (const QueryTerm& term : query) {
            score.numbers = score.numbers && (!term.has_digit || contains(around, term.text));
        }
        score.score = kOwnPart * score.coverage + kContextPart * score.context +
                      kPairPart * score.pairs + (score.answers_kind ? kKindPart : 0);
        if (!amount) {
            score.score /= 1.0 - kKindPart;
        }
        out.push_back(std::move(score));
        before = std::move(own);
    }
    std::stable_sort(out.begin(), out.end(), [](const SentenceScore& a, const SentenceScore& b) {
        return a.score > b.score;
    });
    return out;
}

}  // namespace cairn::knowledge
