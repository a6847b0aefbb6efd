// SPDX-License-Identifier: Apache-2.0
// Grouping and splitting of examples: see dataset.h.
#include "cairn/data/dataset.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "cairn/base/hash.h"
#include "cairn/text/search_terms.h"

namespace cairn::data {

namespace {

constexpr std::size_t kShingleTerms = 3;
constexpr std::size_t kCommonShingle = 50;  // in more examples than this, a shingle tells nothing

/// Sorted distinct hashes of runs of terms.
std::vector<std::uint64_t> shingles(std::string_view text) {
    const auto terms = text::search_terms(text);
    std::vector<std::uint64_t> found;
    for (std::size_t i = 0; i + kShingleTerms <= terms.size(); ++i) {
        std::string joined;
        for (std::size_t j = i; j < i + kShingleTerms; ++j) {
            joined += terms[j].text + '\n';
        }
        found.push_back(hash64(joined));
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

double jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
    std::vector<std::uint64_t> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    const std::size_t all = a.size() + b.size() - both.size();
    return all == 0 ? 1.0 : static_cast<double>(both.size()) / static_cast<double>(all);
}

class Groups {
  public:
    explicit Groups(std::size_t count) : parent_(count) {
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    }
    std::size_t root(std::size_t index) {
        while (parent_[index] != index) {
            parent_[index] = parent_[parent_[index]];
            index = parent_[index];
        }
        return index;
    }
    void join(std::size_t a, std::size_t b) {
        a = root(a);
        b = root(b);
        parent_[std::max(a, b)] = std::min(a, b);
    }

  private:
    std::vector<std::size_t> parent_;
};

/// Joins examples that share rare shingles and whose texts are alike.
void join_alike(const std::vector<std::vector<std::uint64_t>>& sets, double alike, Groups& groups) {
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> holders;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        for (const std::uint64_t shingle : sets[i]) {
            holders[shingle].push_back(i);
        }
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
        std::unordered_set<std::size_t> candidates;
        for (const std::uint64_t shingle : sets[i]) {
            const auto& there = holders[shingle];
            if (there.size() > kCommonShingle) continue;
            candidates.insert(there.begin(), std::lower_bound(there.begin(), there.end(), i));
        }
        for (const std::size_t other : candidates) {
            if (groups.root(other) == groups.root(i)) continue;
            if (jaccard(sets[i], sets[other]) >= alike) groups.join(i, other);
        }
    }
}

}  // namespace

std::string_view split_name(Split split) {
    switch (split) {
        case Split::kTrain:
            return "train";
        case Split::kDev:
            return "dev";
        case Split::kHoldout:
            return "holdout";
    }
    return "holdout";
}

Split split_of(std::string_view group, const SplitShares& shares) {
    // 53 bits of the hash as a number in [0, 1).
    const double place =
        static_cast<double>(hash64(group, 0x5eed) >> 11) / static_cast<double>(1ULL << 53);
    if (place < shares.train) return Split::kTrain;
    return place < shares.train + shares.dev ? Split::kDev : Split::kHoldout;
}

std::vector<std::size_t> group_examples(std::span<const Example> examples, double alike) {
    Groups groups(examples.size());
    std::vector<std::vector<std::uint64_t>> prompts;
    std::vector<std::vector<std::uint64_t>> replies;
    for (const Example& example : examples) {
        prompts.push_back(shingles(example.prompt()));
        replies.push_back(shingles(example.reply()));
    }
    join_alike(prompts, alike, groups);
    join_alike(replies, alike, groups);
    std::vector<std::size_t> group(examples.size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
        group[i] = groups.root(i);
    }
    return group;
}

ExampleDataset make_dataset(const ExampleFile& file, const SplitShares& shares) {
    ExampleDataset dataset;
    dataset.dropped = file.problems;
    std::vector<Example> kept;
    std::unordered_map<std::string, std::int64_t> seen;
    for (const Example& example : file.examples) {
        const auto [it, is_new] = seen.try_emplace(example.id, example.line);
        if (is_new) {
            kept.push_back(example);
        } else {
            dataset.dropped.push_back(
                {example.line, "repeats line " + std::to_string(it->second) + " word for word"});
        }
    }
    const std::vector<std::size_t> groups = group_examples(kept);
    Sha256 hash;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        // The group's name is its first example's id: it does not move when lines are added behind.
        const Split split = split_of(kept[groups[i]].id, shares);
        hash.field(split_name(split)).field(kept[i].id);
        auto& part = split == Split::kTrain ? dataset.train
                     : split == Split::kDev ? dataset.dev
                                            : dataset.holdout;
        part.push_back(kept[i]);
    }
    dataset.digest = hash.hex();
    return dataset;
}

}  // namespace cairn::data
