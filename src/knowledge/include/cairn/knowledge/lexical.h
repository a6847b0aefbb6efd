// SPDX-License-Identifier: Apache-2.0
// How well a sentence answers a question by its words alone: weighted term overlap, word pairs and
// numbers. The evidence finder that works with any model or none.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::knowledge {

struct QueryTerm {
    std::string text;   ///< index term
    double idf = 0;     ///< ln(1 + (N - df + 0.5) / (df + 0.5)), N chunks
    double weight = 0;  ///< idf, lowered for stop words
    bool has_digit = false;
    std::int32_t word = -1;  ///< row in the bundled word vectors
    /// Terms that stand for this one in part, heaviest first: from the thesaurus; the characters of
    /// a Chinese pair.
    std::vector<std::pair<std::string, double>> related;
};

/// Terms of a sentence or passage, ready to be compared with a question.
class TermSet {
  public:
    void add(std::string_view text);
    void add(const TermSet& other);
    /// 1 for the term itself, up to 0.7 for one that stands for it, else 0.
    double match(const QueryTerm& term) const;
    bool contains(const std::string& term) const { return terms_.contains(term); }

  private:
    std::set<std::string, std::less<>> terms_;
    std::set<std::int32_t> words_;
};

/// `frequency` gives the number of chunks that hold a term; `chunks` is N.
std::vector<QueryTerm> weigh_query(
    std::string_view question, std::int64_t chunks,
    const std::function<std::int64_t(const std::string&)>& frequency);

struct SentenceScore {
    text::Span span;
    std::string text;     ///< white space folded
    double score = 0;     ///< 0..1: what the order is made by
    double coverage = 0;  ///< share of the question's weight found in the sentence itself
    double context = 0;   ///< the same with the headings and neighbours counted as well
    double pairs = 0;     ///< share of the question's neighbouring terms that stand together
    bool numbers = true;  ///< the question's numbers and identifiers are all there
    double meaning = 0;   ///< cosine to the question; 0 without an embedder
    /// The sentence holds what the question asks for: an amount, a date ... (answer_kind.h).
    double kind = 1;
};

/// Scores the quotable spans of a chunk. `headings` is title and heading path, `text` the chunk and
/// `spans` are offsets in it. Sorted best first; ties by position.
std::vector<SentenceScore> score_sentences(std::span<const QueryTerm> query,
                                           std::string_view question, std::string_view headings,
                                           std::string_view text,
                                           std::span<const text::Span> spans);

/// Share of the query's weight that these terms hold.
double coverage_of(std::span<const QueryTerm> query, const TermSet& terms);

}  // namespace cairn::knowledge
