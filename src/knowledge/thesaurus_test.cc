// SPDX-License-Identifier: Apache-2.0
// Related words: read, stemmed, bounded; and what they do to a question.
#include "cairn/knowledge/thesaurus.h"

#include <gtest/gtest.h>

#include "cairn/knowledge/index.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {
namespace {

double weight_of(const Thesaurus& thesaurus, std::string_view from, std::string_view to) {
    for (const Thesaurus::Relation& relation : thesaurus.related(from)) {
        if (relation.term == to) return relation.weight;
    }
    return 0;
}

TEST(Thesaurus, ReadsLinesAndSharesStems) {
    const auto read = Thesaurus::parse(
        "lunch meal 70 lunches 90\nlunches snack 40 meal 30\n"
        "meal lunch 70\nsnack lunch 40");
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->size(), 3U);
    EXPECT_DOUBLE_EQ(weight_of(*read, "lunch", "meal"), 0.7) << "the heavier one counts";
    EXPECT_DOUBLE_EQ(weight_of(*read, "lunch", "snack"), 0.4);
    EXPECT_EQ(read->related("lunch").front().term, "meal") << "heaviest first";
    EXPECT_EQ(weight_of(*read, "lunch", "lunch"), 0) << "a form of itself is no relation";
    EXPECT_TRUE(read->related("boat").empty());
}

TEST(Thesaurus, NamesTheBadLine) {
    for (const char* bad : {"lunch meal", "lunch meal 0", "lunch meal 101", "lunch meal x", "\n"}) {
        const auto read = Thesaurus::parse(std::string("boat ship 50\n") + bad);
        ASSERT_FALSE(read) << bad;
        EXPECT_NE(read.error().message.find("line 2"), std::string::npos);
    }
}

TEST(Thesaurus, BundledKnowsSynonymsAndIrregularForms) {
    const Thesaurus& words = Thesaurus::bundled();
    EXPECT_GT(weight_of(words, "sick", "ill"), 0.8);
    EXPECT_GT(weight_of(words, "lunch", "meal"), 0.5);
    EXPECT_EQ(weight_of(words, "mislaid", "mislay"), 1);
    EXPECT_EQ(weight_of(words, "sick", "boat"), 0);
}

TEST(Thesaurus, FindsAPassageWithoutAWordOfTheQuestion) {
    auto database = store::Database::open_memory();
    auto index = Index::open(*database);
    std::vector<text::Document> documents;
    for (const char* body : {"Whoever is ill calls before the shift begins.",
                             "The boats lie at the pier.", "Rope is sold by the metre."}) {
        text::Document document;
        document.id = document.path = "d" + std::to_string(documents.size());
        document.text = body;
        document.sections.push_back({{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
        documents.push_back(std::move(document));
    }
    ASSERT_TRUE(index->build(documents));
    const auto found = index->retrieve("What if I am sick?");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->hits.size(), 1U);
    EXPECT_EQ(found->hits.front().document_id, "d0");
    EXPECT_GT(found->hits.front().coverage, 0.5);
    EXPECT_LT(found->hits.front().coverage, 1);
}

}  // namespace
}  // namespace cairn::knowledge
