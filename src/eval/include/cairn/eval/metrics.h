// SPDX-License-Identifier: Apache-2.0
// Scores of one answer against its gold, in any script: normalised exact match, term F1, quote
// support, and how well a reply keeps the structure of the house's replies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::eval {

/// Folded terms joined by spaces: case, width, punctuation and white space do not count.
std::string normalise_answer(std::string_view text);
bool exact_match(std::string_view answer, std::string_view gold);
/// Harmonic mean of precision and recall over bags of terms; 1 when both are empty.
double term_f1(std::string_view answer, std::string_view gold);
/// Share of the gold's terms that the answer holds.
double term_recall(std::string_view answer, std::string_view gold);

/// True when `quote` holds the evidence `gold_quote` (70 % of its terms, mark-up ignored) and every
/// number of the gold answer that stands in the gold quote.
bool quote_supports(std::string_view quote, std::string_view gold_quote,
                    std::string_view gold_answer);

/// What replies of one house have in common, learned from examples: lines and markers that recur in
/// at least 60 % of them.
class ReplyStructure {
  public:
    static ReplyStructure learn(std::span<const std::string> replies, double share_min = 0.6);
    /// Share of the markers that the reply has, in [0, 1]; 1 when nothing recurs.
    double match(std::string_view reply) const;
    const std::vector<std::string>& markers() const { return markers_; }

  private:
    std::vector<std::string> markers_;
};

}  // namespace cairn::eval
