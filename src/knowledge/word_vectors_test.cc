// SPDX-License-Identifier: Apache-2.0
// The bundled vectors, damaged files, and training on a toy corpus.
#include "cairn/knowledge/word_vectors.h"

#include <gtest/gtest.h>

#include "cairn/knowledge/lexical.h"
#include "cairn/knowledge/word_training.h"

namespace cairn::knowledge {
namespace {

TEST(WordVectors, BundledOnesKnowTheOffice) {
    const WordVectors& words = WordVectors::bundled();
    EXPECT_GT(words.size(), 5000u);
    const double meal = words.cosine(words.find("lunch"), words.find("meal"));
    const double invoice = words.cosine(words.find("lunch"), words.find("invoic"));
    EXPECT_GT(meal, 0.5);
    EXPECT_GT(meal, invoice + 0.3);
    EXPECT_EQ(words.find("qqqq"), -1);
    EXPECT_TRUE(words.nearest("qqqq", 3).empty());
}

TEST(WordVectors, DamagedBytesAreRefused) {
    const std::string good =
        WordVectors::from_floats({"a", "b"}, std::vector<float>{1, 0, 0, 1}, 2).serialise();
    EXPECT_TRUE(WordVectors::parse(good));
    EXPECT_EQ(WordVectors::parse(good)->serialise(), good);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(WordVectors::parse(good.substr(0, size))) << size;
    }
    EXPECT_FALSE(WordVectors::parse(good + "x"));
    EXPECT_FALSE(WordVectors::parse("CWV1\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
}

TEST(WordVectors, TrainingIsReproducibleAndFindsCompany) {
    WordTrainingOptions options;
    options.width = 8;
    options.count_min = 2;
    options.epochs = 4;
    options.sample = 1;
    auto train = [&] {
        WordTrainer trainer(options);
        for (int i = 0; i < 300; ++i) {
            trainer.add(i % 2 == 0 ? "captain sails boat harbour" : "skipper sails boat harbour");
            trainer.add(i % 2 == 0 ? "clerk files invoice ledger"
                                   : "accountant files invoice ledger");
        }
        return trainer.train(silent_progress());
    };
    const WordVectors words = train();
    EXPECT_EQ(words.serialise(), train().serialise());
    const auto like = [&](const char* a, const char* b) {
        return words.cosine(words.find(a), words.find(b));
    };
    EXPECT_GT(like("captain", "skipper"), like("captain", "clerk"));
}

TEST(TermSet, CountsLikeWordsInPart) {
    const auto query = weigh_query("lunch", 100, [](const std::string&) { return 1; });
    TermSet exact, like, other;
    exact.add("Your lunch is free.");
    like.add("A meal is free.");
    other.add("The crane is free.");
    EXPECT_DOUBLE_EQ(coverage_of(query, exact), 1);
    EXPECT_GT(coverage_of(query, like), 0.2);
    EXPECT_LT(coverage_of(query, like), 0.6);
    EXPECT_EQ(coverage_of(query, other), 0);
}

}  // namespace
}  // namespace cairn::knowledge
