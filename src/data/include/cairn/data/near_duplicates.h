// SPDX-License-Identifier: Apache-2.0
// Which texts are nearly the same: shingles of five terms with numbers made equal, MinHash to find
// candidates, the true Jaccard index to judge each of them (a false merge hurts a small company
// more than a missed one).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cairn::data {

/// Sorted set of 64-bit shingle hashes. Terms are those of search (Chinese by character); every
/// number counts as the same, so that two versions of a price list are alike. Texts of fewer than
/// five terms have one shingle.
using Shingles = std::vector<std::uint64_t>;
Shingles shingles_of(std::string_view text);

double jaccard(const Shingles& a, const Shingles& b);
/// Share of the smaller set that the larger one holds.
double containment(const Shingles& a, const Shingles& b);

struct SimilarPair {
    std::size_t a = 0;  ///< a < b
    std::size_t b = 0;
    double jaccard = 0;
    double containment = 0;
};

/// Pairs with a true Jaccard index of at least `jaccard_min`, in order of a, b. Candidates come
/// from MinHash with 28 bands of 4 hashes: a pair of J = .5 is found with probability .84, of .8
/// with .9999.
std::vector<SimilarPair> similar_pairs(std::span<const Shingles> sets, double jaccard_min);

/// Root of each text's cluster (the smallest index in it) when these pairs are joined.
std::vector<std::size_t> cluster_roots(std::size_t count, std::span<const SimilarPair> pairs);

/// exp(entropy of the cluster sizes): how many different texts there really are.
double effective_number(std::span<const std::size_t> roots);

}  // namespace cairn::data
