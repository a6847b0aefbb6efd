// SPDX-License-Identifier: Apache-2.0
// Vectors beside the full-text index, with a tiny random BERT: only new texts are embedded, the
// models are part of the digest, fusion and reranking change the order as they should.
#include "cairn/knowledge/dense.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cairn/base/files.h"
#include "cairn/knowledge/index_files.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {
namespace {

const std::filesystem::path kBert =
    std::filesystem::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/encoder_bert";

text::Document page(const std::string& id, const std::string& text) {
    text::Document document;
    document.id = id;
    document.source = id.substr(0, 1);
    document.path = id + ".md";
    document.text = text;
    document.sections.push_back({{}, {0, static_cast<std::int64_t>(text.size())}, 0});
    return document;
}

SearchModels with_embedder() {
    SearchModels models;
    auto loaded = engine::Embedder::load(kBert, 1);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    models.embedder = *loaded;
    models.embedder_identity = models.embedder->identity();
    return models;
}

SearchModels with_reranker() {
    SearchModels models;
    models.reranker = engine::Reranker::load(kBert, 1).value();
    models.reranker_identity = models.reranker->encoder().digest();
    return models;
}

std::vector<text::Document> pages() {
    return {page("a1", "you have many days of leave."), page("a2", "the leave is for you."),
            page("b1", "it is on the an."), page("b2", "it is on the an.")};
}

class Dense : public testing::Test {
  protected:
    Index index_with(const SearchModels& models) {
        Index index = Index::open(database_).value();
        EXPECT_TRUE(index.use(models));
        return index;
    }
    store::Database database_ = store::Database::open_memory().value();
};

TEST_F(Dense, OnlyNewTextsAreEmbeddedAndEqualTextsOnce) {
    Index index = index_with(with_embedder());
    std::vector<text::Document> documents = pages();
    auto report = index.build(documents);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_EQ(report->dense.vectors, 4);
    EXPECT_EQ(report->dense.embedded, 3);
    EXPECT_EQ(index.build(documents)->dense.embedded, 0);
    documents[0].text = "you have no leave at many.";
    documents[0].sections[0].span.end = std::ssize(documents[0].text);
    EXPECT_EQ(index.build(documents)->dense.embedded, 1);
    documents.pop_back();
    report = index.build(documents);
    EXPECT_EQ(report->dense.embedded, 0);
    EXPECT_EQ(report->dense.vectors, 3);
}

TEST_F(Dense, FindsByMeaningWhatSharesNoWord) {
    const SearchModels models = with_embedder();
    Index index = index_with(models);
    ASSERT_TRUE(index.build(pages()));
    // The page's own text asked as a question is its nearest neighbour, and lexically first too.
    auto found = index.retrieve("you have many days of leave.");
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->hits.front().document_id, "a1");
    EXPECT_GT(found->hits.front().meaning, 0.9);  // not 1: questions have another prefix
    EXPECT_GT(found->hits.front().sentences.front().meaning, 0.9);
    // No word in common with anything: words find nothing, vectors always have a nearest.
    found = index.retrieve("qq zz");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hits.size(), 4U);
    ASSERT_TRUE(index.use({}));
    EXPECT_TRUE(index.retrieve("qq zz")->hits.empty());
    ASSERT_TRUE(index.use(models));
    RetrieveOptions only_b;
    only_b.sources = {"b"};
    for (const Hit& hit : index.retrieve("days of leave", only_b)->hits)
        EXPECT_EQ(hit.source, "b");
}

TEST_F(Dense, TheRerankerMakesTheOrder) {
    const SearchModels models = with_reranker();
    Index index = index_with(models);
    ASSERT_TRUE(index.build(pages()));
    const auto found = index.retrieve("leave for you");
    ASSERT_TRUE(found) << found.error().to_string();
    ASSERT_EQ(found->hits.size(), 2U);
    EXPECT_GE(found->hits[0].relevance, found->hits[1].relevance);
    std::vector<std::string> texts = {found->hits[0].text, found->hits[1].text};
    const auto scores = models.reranker->score("leave for you", texts)->scores;
    EXPECT_EQ(found->hits[0].relevance, scores[0]);
}

std::vector<text::Document> long_pages() {
    std::vector<text::Document> out;
    for (int i = 0; i < 30; ++i) {
        const std::string n = std::to_string(i);
        out.push_back(page("p" + n, "The pump number " + n +
                                        " stands in the yard. Its pressure is checked by crew " +
                                        n + " on Monday. The workshop keeps the key."));
    }
    return out;
}

TEST_F(Dense, WhatMeaningCountsIsMeasuredOnThePassagesAndLeavesThemWhole) {
    const SearchModels models = with_embedder();
    Index index = index_with(models);
    const auto built = index.build(long_pages());
    ASSERT_TRUE(built) << built.error().to_string();
    ASSERT_EQ(built->dense.trust.size(), 1U);
    const MeaningTrust& trust = built->dense.trust[0];
    EXPECT_EQ(trust.language, "en");
    EXPECT_EQ(trust.samples, 30);
    EXPECT_GE(trust.joined, trust.words) << "a weight that spoils the words is not taken";
    // Every sentence that was taken out is back, in text, spans and full-text index.
    for (const text::Document& document : long_pages()) {
        const auto found = index.retrieve("pressure " + document.id.substr(1) + " on Monday",
                                          {.k = 30, .sources = {}});
        ASSERT_TRUE(found);
        const auto own = std::find_if(found->hits.begin(), found->hits.end(), [&](const Hit& hit) {
            return hit.document_id == document.id;
        });
        ASSERT_NE(own, found->hits.end());
        EXPECT_EQ(own->text, document.text);
        EXPECT_EQ(own->sentences.size(), 3U);
        EXPECT_EQ(own->trust, trust.weight);
        EXPECT_GT(own->bm25, 0);
    }
    const auto again = index.build(long_pages());
    EXPECT_EQ(again->dense.embedded, 0) << "the whole passages kept their vectors";
    EXPECT_EQ(again->dense.trust[0].weight, trust.weight);
    EXPECT_EQ(again->dense.trust[0].joined, trust.joined);
}

TEST_F(Dense, FewPassagesAreNotMeasured) {
    Index index = index_with(with_embedder());
    const auto built = index.build(pages());
    EXPECT_TRUE(built->dense.trust.empty());
    const auto found = index.retrieve("days of leave");
    EXPECT_GT(found->hits.front().trust, 0);
    EXPECT_LT(found->hits.front().trust, 1);
}

TEST(DenseFiles, AReleaseKeepsTheModelsItWasMeasuredWith) {
    ScopedFolder folder("dense-test");
    IndexFiles files(folder.path());
    const SearchModels models = with_embedder();
    const std::string plain = files.build(pages(), {}, "")->digest;
    const auto dense = files.build(pages(), {}, plain, models);
    ASSERT_TRUE(dense) << dense.error().to_string();
    EXPECT_NE(dense->digest, plain);
    const auto next = files.build(pages(), {}, dense->digest, models);
    EXPECT_EQ(next->digest, dense->digest);
    EXPECT_EQ(next->dense.embedded, 0);
    Index finished = files.open(dense->digest).value();
    const Status words_only = finished.use({});
    ASSERT_FALSE(words_only);
    EXPECT_EQ(words_only.error().code, Code::kUnsupported);
    ASSERT_TRUE(finished.use(models));
    EXPECT_FALSE(finished.retrieve("days of leave")->hits.empty());
    EXPECT_FALSE(files.open(plain)->use(models));
    EXPECT_TRUE(files.open(plain)->use({}));
}

}  // namespace
}  // namespace cairn::knowledge
