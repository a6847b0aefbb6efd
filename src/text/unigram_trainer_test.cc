// SPDX-License-Identifier: Apache-2.0
// A trained Unigram vocabulary: what it learns, that it is complete, and that it is the same twice.
#include "cairn/text/unigram_trainer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::text {
namespace {

UnigramTrainOptions small() {
    UnigramTrainOptions options;
    options.vocabulary_size = 330;
    return options;
}

TokenizerParts train(const UnigramTrainOptions& options) {
    UnigramTrainer trainer = UnigramTrainer::create(options).value();
    for (int i = 0; i < 20; ++i) {
        trainer.add("the lighthouse keeper keeps the light of the house\nlighthouses are lit");
        trainer.add("keeping the lights, the keepers of the houses sleep. \xC3\xBC");
    }
    return trainer.train().value();
}

TEST(UnigramTrainer, LearnsFrequentWordsAndSaysAnyText) {
    const Tokenizer tokenizer = Tokenizer::from_parts(train(small())).value();
    EXPECT_LE(tokenizer.vocabulary_size(), 330);
    EXPECT_TRUE(tokenizer.id_of("\xE2\x96\x81the"));
    EXPECT_EQ(tokenizer.encode("the").size(), 1U);
    EXPECT_LT(tokenizer.encode("the lighthouse").size(), 5U);
    for (const char* text :
         {"the lights keep", "quite new: \xE4\xBD\xA0\xE5\xA5\xBD! 123", "a  b\n"}) {
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    }
}

TEST(UnigramTrainer, ScoresAreLogProbabilities) {
    const TokenizerParts parts = train(small());
    double sum = 0;
    for (std::size_t id = 0; id < parts.tokens.size(); ++id) {
        if (parts.types[id] != TokenType::kNormal) continue;
        EXPECT_LT(parts.scores[id], 0);
        sum += std::exp(static_cast<double>(parts.scores[id]));
    }
    EXPECT_GT(sum, 0.7);  // the Bayesian estimate leaves some for the rare
    EXPECT_LT(sum, 1.0);
}

TEST(UnigramTrainer, SameTextsGiveTheSameVocabulary) {
    const TokenizerParts first = train(small());
    const TokenizerParts second = train(small());
    EXPECT_EQ(first.tokens, second.tokens);
    EXPECT_EQ(first.scores, second.scores);
}

TEST(UnigramTrainer, RefusesWhatCannotBe) {
    UnigramTrainOptions options = small();
    options.vocabulary_size = 100;
    EXPECT_FALSE(UnigramTrainer::create(options));
    EXPECT_FALSE(UnigramTrainer::create(small()).value().train());
}

}  // namespace
}  // namespace cairn::text
