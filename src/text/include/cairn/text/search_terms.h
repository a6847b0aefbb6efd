// SPDX-License-Identifier: Apache-2.0
// The one definition of a lexical term, shared by the search index, duplicate shingles and F1: NFKC
// + case folding, then words for alphabets, unigrams and bigrams for Han/Kana/Hangul, trigrams for
// Thai-like scripts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

struct SearchTerm {
    std::string text;       ///< folded
    std::size_t begin = 0;  ///< bytes of the original text
    std::size_t end = 0;
    bool overlap = false;  ///< shares its place with the term before (bigram, part of an
                           ///< identifier): FTS5 "colocated"
};

/// Terms in order of `begin`. Identifiers ("HR-204", "v1.2.3", "max_tokens", "a@b.de") come whole,
/// followed by their parts.
std::vector<SearchTerm> search_terms(std::string_view text);

}  // namespace cairn::text
