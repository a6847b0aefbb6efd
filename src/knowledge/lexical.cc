// SPDX-License-Identifier: Apache-2.0
// Sentence scores are sums of shares, so that they mean the same for long and short questions.
#include "cairn/knowledge/lexical.h"

#include <algorithm>
#include <cmath>

#include "cairn/knowledge/answer_kind.h"
#include "cairn/knowledge/citation.h"
#include "cairn/knowledge/fts_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::knowledge {
namespace {

// A stop word still breaks ties between otherwise equal sentences.
constexpr double kStopWeight = 0.05;

// Weights of the parts of a sentence's score; they sum to 1.
constexpr double kOwnPart = 0.45;      // the words stand in the sentence itself
constexpr double kContextPart = 0.25;  // or in its headings and the sentence before
constexpr double kPairPart = 0.10;     // neighbouring words of the question stand together
constexpr double kKindPart = 0.20;     // "how much" is answered by an amount

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
    const AnswerKind kind = asked_kind(question);
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
        score.kind = holds_kind(sentence, kind);
        for (const QueryTerm& term : query) {
            score.numbers = score.numbers && (!term.has_digit || contains(around, term.text));
        }
        score.score = kOwnPart * score.coverage + kContextPart * score.context +
                      kPairPart * score.pairs + kKindPart * score.kind;
        out.push_back(std::move(score));
        before = std::move(own);
    }
    std::stable_sort(out.begin(), out.end(), [](const SentenceScore& a, const SentenceScore& b) {
        return a.score > b.score;
    });
    return out;
}

}  // namespace cairn::knowledge
