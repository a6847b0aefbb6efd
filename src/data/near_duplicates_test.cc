// SPDX-License-Identifier: Apache-2.0
// Shingles, the Jaccard index, clusters, and how surely MinHash finds a pair.
#include "cairn/data/near_duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "cairn/base/rng.h"

namespace cairn::data {
namespace {

using testing::ElementsAre;

TEST(Shingles, NumbersAndCaseMakeNoDifference) {
    EXPECT_EQ(shingles_of("The meal allowance is 32 euro a day."),
              shingles_of("the meal allowance is 38 EURO a day"));
    EXPECT_NE(shingles_of("The meal allowance is 32 euro a day."),
              shingles_of("The hotel allowance is 32 euro a day."));
}

TEST(Shingles, ShortAndEmptyTexts) {
    EXPECT_TRUE(shingles_of("").empty());
    EXPECT_EQ(shingles_of("two words").size(), 1U);
    EXPECT_EQ(shingles_of("one two three four five six").size(), 2U);
}

TEST(Shingles, ChineseIsCutByCharacter) {
    Shingles a = shingles_of("供应商质量与验货要求");
    EXPECT_EQ(a.size(), 6U);
    EXPECT_GT(jaccard(a, shingles_of("供应商质量与验货要求。")), 0.99);
    EXPECT_LT(jaccard(a, shingles_of("员工休假与病假规定说明")), 0.01);
}

TEST(Similarity, JaccardAndContainment) {
    Shingles a = {1, 2, 3, 4};
    Shingles b = {3, 4, 5, 6, 7, 8};
    EXPECT_DOUBLE_EQ(jaccard(a, b), 0.25);
    EXPECT_DOUBLE_EQ(containment(a, b), 0.5);
    EXPECT_DOUBLE_EQ(jaccard(a, {}), 0);
    EXPECT_DOUBLE_EQ(jaccard(a, a), 1);
}

Shingles random_set(Rng& rng, std::size_t count) {
    Shingles set;
    for (std::size_t i = 0; i < count; ++i) {
        set.push_back(rng.next());
    }
    std::sort(set.begin(), set.end());
    return set;
}

TEST(SimilarPairs, FindsWhatTheFormulaPromises) {
    Rng rng(7);
    std::vector<Shingles> sets;
    for (int pair = 0; pair < 200; ++pair) {
        // Two sets of 300 with 200 in common: J = 200 / 400 = .5.
        Shingles common = random_set(rng, 200);
        for (int side = 0; side < 2; ++side) {
            Shingles set = random_set(rng, 100);
            set.insert(set.end(), common.begin(), common.end());
            std::sort(set.begin(), set.end());
            sets.push_back(set);
        }
    }
    std::size_t found = similar_pairs(sets, 0.45).size();
    EXPECT_GT(found, 150U);  // expected 167 +- 5
    EXPECT_LE(found, 200U);
    EXPECT_TRUE(similar_pairs(sets, 0.6).empty());
}

TEST(SimilarPairs, ManyCopiesAreJoinedWithoutASquareOfPairs) {
    std::vector<Shingles> sets(5000, Shingles{1, 2, 3});
    std::vector<SimilarPair> pairs = similar_pairs(sets, 0.8);
    EXPECT_LT(pairs.size(), 5000U * 11U);
    std::vector<std::size_t> roots = cluster_roots(sets.size(), pairs);
    EXPECT_TRUE(std::all_of(roots.begin(), roots.end(), [](std::size_t r) { return r == 0; }));
}

TEST(Clusters, RootsAreTheSmallestIndex) {
    std::vector<SimilarPair> pairs = {{3, 4, 1, 1}, {1, 3, 1, 1}};
    EXPECT_THAT(cluster_roots(6, pairs), ElementsAre(0, 1, 2, 1, 1, 5));
}

TEST(Clusters, EffectiveNumber) {
    EXPECT_DOUBLE_EQ(effective_number(std::vector<std::size_t>{}), 0);
    EXPECT_NEAR(effective_number(std::vector<std::size_t>{0, 1, 2, 3}), 4, 1e-9);
    EXPECT_NEAR(effective_number(std::vector<std::size_t>{0, 0, 0, 0}), 1, 1e-9);
    // Three alike and one other: exp(-(.75 ln .75 + .25 ln .25)) = 1.755.
    EXPECT_NEAR(effective_number(std::vector<std::size_t>{0, 0, 0, 3}), 1.7548, 1e-3);
}

}  // namespace
}  // namespace cairn::data
