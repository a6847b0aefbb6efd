// SPDX-License-Identifier: Apache-2.0
// Grouping and splitting of examples: see dataset.h.
#include "cairn/data/dataset.h"

#include <unordered_map>

#include "cairn/base/hash.h"
#include "cairn/data/near_duplicates.h"

namespace cairn::data {

namespace {

/// Pairs of examples that are alike by this text of theirs.
void add_pairs(std::span<const Example> examples, std::string (*text_of)(const Example&),
               double alike, std::vector<SimilarPair>& pairs) {
    std::vector<Shingles> sets;
    for (const Example& example : examples) {
        sets.push_back(shingles_of(text_of(example)));
    }
    const std::vector<SimilarPair> found = similar_pairs(sets, alike);
    pairs.insert(pairs.end(), found.begin(), found.end());
}

}  // namespace

std::string_view split_name(Split split) {
    switch (split) {
        case Split::kTrain:
            return "train";
        case Split::kDev:
            return "dev";
        case Split::kCalibration:
            return "calibration";
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
    if (place < shares.train + shares.dev) return Split::kDev;
    const double before_holdout = shares.train + shares.dev + shares.calibration;
    return place < before_holdout ? Split::kCalibration : Split::kHoldout;
}

std::vector<std::size_t> group_examples(std::span<const Example> examples, double alike) {
    std::vector<SimilarPair> pairs;
    add_pairs(
        examples, [](const Example& example) { return example.prompt(); }, alike, pairs);
    add_pairs(
        examples, [](const Example& example) { return example.reply(); }, alike, pairs);
    return cluster_roots(examples.size(), pairs);
}

std::vector<Example>& ExampleDataset::part(Split split) {
    switch (split) {
        case Split::kTrain:
            return train;
        case Split::kDev:
            return dev;
        case Split::kCalibration:
            return calibration;
        case Split::kHoldout:
            break;
    }
    return holdout;
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
        dataset.part(split).push_back(kept[i]);
    }
    dataset.digest = hash.hex();
    return dataset;
}

}  // namespace cairn::data
