// SPDX-License-Identifier: Apache-2.0
// What may be said (whole sentences of retrieved passages) and what the model reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/apps/assistant.h"

namespace cairn::apps {

inline constexpr std::size_t kQuoteBytesMax = 1200;  ///< longer is a page without stops

/// The best passage is in a language that the embedder was found to know.
bool known_by_meaning(const std::vector<knowledge::Hit>& hits);

Candidate make_candidate(const knowledge::Hit& hit, const knowledge::SentenceScore& sentence,
                         bool by_meaning);

/// Sentences of all hits, best first, each text once, no outdated versions.
std::vector<Candidate> find_candidates(std::string_view question,
                                       const std::vector<knowledge::Hit>& hits, int limit);

/// Two sentences that give one answer: mostly the same words, the same numbers, and no "not" in one
/// of them alone.
bool say_the_same(std::string_view a, std::string_view b);

/// The passages that the model reads: those of the best candidates, best first.
std::vector<const knowledge::Hit*> prompt_hits(const std::vector<knowledge::Hit>& hits,
                                               const std::vector<Candidate>& candidates, int limit);

/// The longest prompt that leaves room for the answer in the model's context; passages that do not
/// fit are taken from the back of `hits`.
Result<std::vector<text::TokenId>> make_prompt(const engine::Model& model,
                                               std::vector<const knowledge::Hit*>& hits,
                                               const std::string& question,
                                               std::int64_t room_for_answer);

}  // namespace cairn::apps
