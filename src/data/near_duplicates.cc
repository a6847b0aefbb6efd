// SPDX-License-Identifier: Apache-2.0
// MinHash after Broder (1997): 112 hashes h(x) = a x + b mod 2^61 - 1 with fixed a, b, so that
// signatures are the same on every machine.
#include "cairn/data/near_duplicates.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "cairn/base/hash.h"
#include "cairn/base/rng.h"
#include "cairn/text/search_terms.h"

namespace cairn::data {
namespace {

constexpr std::size_t kShingleTerms = 5;
constexpr std::size_t kBands = 28;
constexpr std::size_t kRows = 4;
constexpr std::size_t kHashes = kBands * kRows;
constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
/// Texts in one bucket beyond this are compared with the bucket's first ones only: thousands of
/// copies of one form would otherwise cost a square of comparisons.
constexpr std::size_t kBucketMax = 10;

__extension__ using Wide = unsigned __int128;

struct Permutations {
    std::array<std::uint64_t, kHashes> a;
    std::array<std::uint64_t, kHashes> b;
};

Permutations make_permutations() {
    Permutations made;
    Rng rng(20240229);
    for (std::size_t i = 0; i < kHashes; ++i) {
        made.a[i] = 1 + rng.below(kPrime - 1);
        made.b[i] = rng.below(kPrime);
    }
    return made;
}

std::uint64_t modulo_prime(Wide value) {
    auto low = static_cast<std::uint64_t>(value & kPrime);
    auto high = static_cast<std::uint64_t>(value >> 61);
    std::uint64_t sum = low + high;
    return sum >= kPrime ? sum - kPrime : sum;
}

using Signature = std::array<std::uint64_t, kHashes>;

Signature signature_of(const Shingles& set, const Permutations& permutations) {
    Signature signature;
    signature.fill(kPrime);
    for (std::uint64_t shingle : set) {
        std::uint64_t x = shingle % kPrime;
        for (std::size_t i = 0; i < kHashes; ++i) {
            Wide mixed = static_cast<Wide>(permutations.a[i]) * x + permutations.b[i];
            signature[i] = std::min(signature[i], modulo_prime(mixed));
        }
    }
    return signature;
}

bool is_number(const std::string& term) {
    return std::any_of(term.begin(), term.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; }) &&
           std::all_of(term.begin(), term.end(), [](unsigned char c) {
               return std::isdigit(c) != 0 || c == '.' || c == ',' || c == '-' || c == ':';
           });
}

std::size_t shared(const Shingles& a, const Shingles& b) {
    std::size_t count = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        if (a[i] == b[j]) {
            ++count;
            ++i;
            ++j;
        } else {
            a[i] < b[j] ? ++i : ++j;
        }
    }
    return count;
}

using IndexPair = std::pair<std::size_t, std::size_t>;

/// Pairs that share a bucket in at least one band.
std::vector<IndexPair> candidates(const std::vector<Signature>& signatures,
                                  std::span<const Shingles> sets) {
    std::vector<IndexPair> pairs;
    for (std::size_t band = 0; band < kBands; ++band) {
        std::vector<std::pair<std::uint64_t, std::size_t>> buckets;
        for (std::size_t i = 0; i < signatures.size(); ++i) {
            if (sets[i].empty()) {
                continue;
            }
            std::string_view bytes(
                reinterpret_cast<const char*>(signatures[i].data() + band * kRows),
                kRows * sizeof(std::uint64_t));
            buckets.emplace_back(hash64(bytes, band), i);
        }
        std::sort(buckets.begin(), buckets.end());
        for (std::size_t begin = 0; begin < buckets.size();) {
            std::size_t end = begin;
            while (end < buckets.size() && buckets[end].first == buckets[begin].first) {
                for (std::size_t other = begin; other < std::min(end, begin + kBucketMax);
                     ++other) {
                    pairs.emplace_back(buckets[other].second, buckets[end].second);
                }
                ++end;
            }
            begin = end;
        }
    }
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    return pairs;
}

}  // namespace

Shingles shingles_of(std::string_view text) {
    std::vector<std::uint64_t> terms;
    for (const text::SearchTerm& term : text::search_terms(text)) {
        if (!term.overlap) {
            terms.push_back(is_number(term.text) ? 0 : hash64(term.text, 1));
        }
    }
    Shingles set;
    auto bytes_of = [&terms](std::size_t begin, std::size_t count) {
        return std::string_view(reinterpret_cast<const char*>(terms.data() + begin),
                                count * sizeof(std::uint64_t));
    };
    if (!terms.empty() && terms.size() < kShingleTerms) {
        set.push_back(hash64(bytes_of(0, terms.size())));
    }
    for (std::size_t i = 0; i + kShingleTerms <= terms.size(); ++i) {
        set.push_back(hash64(bytes_of(i, kShingleTerms)));
    }
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    return set;
}

double jaccard(const Shingles& a, const Shingles& b) {
    if (a.empty() || b.empty()) {
        return 0;
    }
    auto both = static_cast<double>(shared(a, b));
    return both / (static_cast<double>(a.size() + b.size()) - both);
}

double containment(const Shingles& a, const Shingles& b) {
    if (a.empty() || b.empty()) {
        return 0;
    }
    return static_cast<double>(shared(a, b)) / static_cast<double>(std::min(a.size(), b.size()));
}

std::vector<SimilarPair> similar_pairs(std::span<const Shingles> sets, double jaccard_min) {
    static const Permutations permutations = make_permutations();
    std::vector<Signature> signatures;
    signatures.reserve(sets.size());
    for (const Shingles& set : sets) {
        signatures.push_back(signature_of(set, permutations));
    }
    std::vector<SimilarPair> pairs;
    for (const auto& [a, b] : candidates(signatures, sets)) {
        double similarity = jaccard(sets[a], sets[b]);
        if (similarity >= jaccard_min) {
            pairs.push_back({a, b, similarity, containment(sets[a], sets[b])});
        }
    }
    return pairs;
}

std::vector<std::size_t> cluster_roots(std::size_t count, std::span<const SimilarPair> pairs) {
    std::vector<std::size_t> parent(count);
    std::iota(parent.begin(), parent.end(), std::size_t{0});
    auto root = [&parent](std::size_t i) {
        while (parent[i] != i) {
            parent[i] = parent[parent[i]];
            i = parent[i];
        }
        return i;
    };
    for (const SimilarPair& pair : pairs) {
        std::size_t a = root(pair.a);
        std::size_t b = root(pair.b);
        parent[std::max(a, b)] = std::min(a, b);
    }
    for (std::size_t i = 0; i < count; ++i) {
        parent[i] = root(i);
    }
    return parent;
}

double effective_number(std::span<const std::size_t> roots) {
    std::map<std::size_t, std::size_t> sizes;
    for (std::size_t root : roots) {
        ++sizes[root];
    }
    double entropy = 0;
    for (const auto& [root, size] : sizes) {
        double share = static_cast<double>(size) / static_cast<double>(roots.size());
        entropy -= share * std::log(share);
    }
    return roots.empty() ? 0 : std::exp(entropy);
}

}  // namespace cairn::data
