// SPDX-License-Identifier: Apache-2.0
// Search in several scripts, hostile questions, incremental and atomic builds.
#include "cairn/knowledge/index.h"

#include <gtest/gtest.h>

#include "cairn/knowledge/citation.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {
namespace {

text::Document page(const std::string& id, const std::string& text,
                    const std::string& source = "documents") {
    text::Document document;
    document.id = id;
    document.source = source;
    document.path = id + ".md";
    document.title = "Page " + id;
    document.text = text;
    document.sections.push_back({{}, {0, static_cast<std::int64_t>(text.size())}, 0});
    return document;
}

std::vector<text::Document> company() {
    return {page("leave",
                 "Every employee has 27 working days of paid leave. Carried days must be "
                 "taken by 31 March."),
            page("gifts", "You may accept gifts from suppliers up to a value of 40 euro."),
            page("urlaub", "Nicht genommene Tage können bis zum 30. April genommen werden."),
            page("zh", "普通订单的交货期为下单后四十五天，旺季为六十天。不锈钢零件一律使用316号。"),
            page("prices",
                 "article_no: HF-10612; description: Chart plotter; price: 899.00\n"
                 "article_no: HF-10613; description: Radar; price: 1299.00",
                 "prices")};
}

class IndexTest : public testing::Test {
  protected:
    void SetUp() override {
        auto database = store::Database::open_memory();
        ASSERT_TRUE(database);
        database_ = std::make_unique<store::Database>(std::move(*database));
        auto index = Index::open(*database_);
        ASSERT_TRUE(index) << index.error().to_string();
        index_ = std::make_unique<Index>(std::move(*index));
        documents_ = company();
        auto report = index_->build(documents_);
        ASSERT_TRUE(report) << report.error().to_string();
    }
    std::string best_path(std::string_view question, const RetrieveOptions& options = {}) {
        auto found = index_->retrieve(question, options);
        EXPECT_TRUE(found) << question;
        return found && !found->hits.empty() ? found->hits.front().path : "";
    }
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<Index> index_;
    std::vector<text::Document> documents_;
};

TEST_F(IndexTest, FindsInEveryScript) {
    EXPECT_EQ(best_path("How many days of paid leave do I have?"), "leave.md");
    EXPECT_EQ(best_path("What value may a supplier's gift have?"), "gifts.md");
    EXPECT_EQ(best_path("Bis wann kann ich meine Tage nehmen?"), "urlaub.md");
    EXPECT_EQ(best_path("旺季交货期是多少天?"), "zh.md");
    EXPECT_EQ(best_path("price of HF-10612"), "prices.md");
}

TEST_F(IndexTest, BestSentenceIsQuotableAtItsSpan) {
    auto found = index_->retrieve("By when must carried days be taken?");
    ASSERT_TRUE(found);
    ASSERT_FALSE(found->hits.empty());
    const SentenceScore& best = found->hits.front().sentences.front();
    EXPECT_EQ(best.text, "Carried days must be taken by 31 March.");
    EXPECT_EQ(one_line(best.span.of(documents_[0].text)), best.text);
    EXPECT_EQ(best.kind, 1);
    EXPECT_GT(found->hits.front().coverage, 0.8);
}

TEST_F(IndexTest, RowsOfTablesStayWhole) {
    auto found = index_->retrieve("What does the radar cost?");
    ASSERT_TRUE(found);
    ASSERT_FALSE(found->hits.empty());
    EXPECT_EQ(found->hits.front().sentences.front().text,
              "article_no: HF-10613; description: Radar; price: 1299.00");
}

TEST_F(IndexTest, SourcesAreKeptApart) {
    RetrieveOptions options;
    options.sources = {"documents"};
    auto found = index_->retrieve("HF-10612 chart plotter price", options);
    ASSERT_TRUE(found);
    for (const Hit& hit : found->hits) {
        EXPECT_EQ(hit.source, "documents");
    }
    options.sources = {"prices"};
    EXPECT_EQ(best_path("chart plotter", options), "prices.md");
}

TEST_F(IndexTest, AnyTextIsASafeQuestion) {
    for (const char* question :
         {"", "   ", "?", "\"", "a\" OR body:b*", "NEAR(a b)", "headings : days", "\xFF\xFE", "*",
          "'; DROP TABLE chunks;--", "a AND (b", "^days", "-days"}) {
        auto found = index_->retrieve(question);
        EXPECT_TRUE(found) << question << ": " << (found ? "" : found.error().to_string());
    }
    EXPECT_EQ(*index_->chunk_count(), 5);
}

TEST_F(IndexTest, BuildsOnlyWhatChanged) {
    const std::string before = *index_->digest();
    auto same = index_->build(documents_);
    ASSERT_TRUE(same);
    EXPECT_EQ(same->documents_changed, 0);
    EXPECT_EQ(*index_->digest(), before);

    documents_[0] = page("leave", "Every employee has 30 sabbatical days.");
    documents_.pop_back();
    auto changed = index_->build(documents_);
    ASSERT_TRUE(changed) << changed.error().to_string();
    EXPECT_EQ(changed->documents_changed, 1);
    EXPECT_EQ(changed->documents_removed, 1);
    EXPECT_NE(*index_->digest(), before);
    EXPECT_EQ(best_path("sabbatical"), "leave.md");
    EXPECT_EQ(best_path("radar"), "");
    // FTS5 compares its terms with the content table: a wrong delete would show here.
    EXPECT_TRUE(database_->exec("INSERT INTO chunks_fts(chunks_fts) VALUES('integrity-check')"));
}

TEST_F(IndexTest, AFailedBuildLeavesTheFormerIndex) {
    std::vector<text::Document> twice = {documents_[0], documents_[1], documents_[0]};
    EXPECT_FALSE(index_->build(twice));
    EXPECT_EQ(*index_->chunk_count(), 5);
    EXPECT_EQ(best_path("radar"), "prices.md");
}

}  // namespace
}  // namespace cairn::knowledge
