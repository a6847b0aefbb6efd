// SPDX-License-Identifier: Apache-2.0
// Sentence scores are sums of shares, so that they mean the same for long and short questions.
#include "cairn/knowledge/lexical.h"

#include <algorithm>
#include <cmath>

#include "cairn/knowledge/answer_kind.h"
#include "cairn/knowledge/citation.h"
#include "cairn/knowledge/fts_tokenizer.h"
#include "cairn/knowledge/thesaurus.h"
#include "cairn/knowledge/word_vectors.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"

namespace cairn::knowledge {
namespace {

// A stop word still breaks ties between otherwise equal sentences.
constexpr double kStopWeight = 0.05;
constexpr std::size_t kHanBytes = 3;

// What the thesaurus calls the same counts this much of the word itself; a single character of a
// Chinese pair counts less.
constexpr double kRelatedCredit = 0.7;
constexpr double kCharacterCredit = 0.3;

// A word of like vector counts a part of the word itself, between these two cosines. Below the
// first, neighbours in the vector space are mere company ("Saturday" beside "holiday").
constexpr double kLikeCredit = 0.25;
constexpr double kLikeLeast = 0.40;
constexpr double kLikeFull = 0.70;

// Weights of the parts of a sentence's score; they sum to 1.
constexpr double kOwnPart = 0.45;      // the words stand in the sentence itself
constexpr double kContextPart = 0.25;  // or in its headings and the sentence before
constexpr double kPairPart = 0.10;     // neighbouring words of the question stand together
constexpr double kKindPart = 0.20;     // "how much" is answered by an amount

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

bool is_han(std::string_view term) {
    return text::script_of(text::code_point_at(term, 0).value) == text::Script::kHan;
}

std::vector<std::pair<std::string, double>> related_terms(const std::string& term) {
    std::vector<std::pair<std::string, double>> out;
    for (const Thesaurus::Relation& relation : Thesaurus::bundled().related(term)) {
        out.emplace_back(relation.term, kRelatedCredit * relation.weight);
    }
    // Of Han, queries have pairs and documents single characters as well.
    const bool han_pair = term.size() == 2 * kHanBytes && is_han(term);
    if (han_pair) {
        out.emplace_back(term.substr(0, kHanBytes), kCharacterCredit);
        out.emplace_back(term.substr(kHanBytes), kCharacterCredit);
    }
    return out;
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
        weighed.word = term.has_digit || stop ? -1 : WordVectors::bundled().find(term.text);
        if (!stop && !term.has_digit) weighed.related = related_terms(term.text);
        weighed.text = std::move(term.text);
        out.push_back(std::move(weighed));
    }
    return out;
}

void TermSet::add(std::string_view text) {
    const WordVectors& vectors = WordVectors::bundled();
    for (IndexTerm& term : index_terms(text)) {
        const std::int32_t word = term.has_digit ? -1 : vectors.find(term.text);
        if (word >= 0) {
            words_.insert(word);
        }
        terms_.insert(std::move(term.text));
    }
}

void TermSet::add(const TermSet& other) {
    terms_.insert(other.terms_.begin(), other.terms_.end());
    words_.insert(other.words_.begin(), other.words_.end());
}

double TermSet::match(const QueryTerm& term) const {
    if (terms_.contains(term.text)) {
        return 1;
    }
    double related = 0;
    for (const auto& [text, weight] : term.related) {
        if (terms_.contains(text)) {
            related = weight;
            break;
        }
    }
    if (term.word < 0) {
        return related;
    }
    const WordVectors& vectors = WordVectors::bundled();
    double best = 0;
    for (const std::int32_t word : words_) {
        best = std::max(best, vectors.cosine(term.word, word));
    }
    const double like = std::clamp((best - kLikeLeast) / (kLikeFull - kLikeLeast), 0.0, 1.0);
    return std::max(related, kLikeCredit * like);
}

double coverage_of(std::span<const QueryTerm> query, const TermSet& terms) {
    double all = 0;
    double found = 0;
    for (const QueryTerm& term : query) {
        all += term.weight;
        found += term.weight * terms.match(term);
    }
    return all > 0 ? found / all : 0;
}

std::vector<SentenceScore> score_sentences(std::span<const QueryTerm> query,
                                           std::string_view question, std::string_view headings,
                                           std::string_view text,
                                           std::span<const text::Span> spans) {
    TermSet heading_terms;
    heading_terms.add(headings);
    const AnswerKind kind = asked_kind(question);
    std::vector<SentenceScore> out;
    TermSet before;
    for (const text::Span& span : spans) {
        const std::string_view sentence = span.of(text);
        const std::vector<IndexTerm> terms = index_terms(sentence);
        TermSet own;
        own.add(sentence);
        TermSet around = own;
        around.add(before);
        around.add(heading_terms);
        SentenceScore score;
        score.span = span;
        score.text = one_line(sentence);
        score.coverage = coverage_of(query, own);
        score.context = coverage_of(query, around);
        score.pairs = pair_share(query, terms);
        score.kind = holds_kind(sentence, kind);
        for (const QueryTerm& term : query) {
            score.numbers = score.numbers && (!term.has_digit || around.contains(term.text));
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
