// SPDX-License-Identifier: Apache-2.0
// What an embedder adds on XQuAD: words alone, vectors alone, both joined. Needs the evaluation
// data and real weights (CAIRN_MINILM, see tools/golden/make_minilm_golden.py); skipped without.
#include <gtest/gtest.h>

#include <numeric>

#include "cairn/base/clock.h"
#include "cairn/knowledge/index.h"
#include "cairn/store/database.h"
#include "xquad_data.h"

namespace cairn::knowledge {
namespace {

using testing::Recall;

/// Whole paragraphs as one vector each.
Recall vectors_alone(const testing::XQuad& data, engine::Embedder& embedder) {
    std::vector<std::string> texts;
    for (const text::Document& document : data.documents)
        texts.push_back(document.text);
    const double began = now_seconds();
    const auto made =
        embedder.embed(texts, engine::TextRole::kPassage, engine::LongText::kCut).value();
    GTEST_LOG_(INFO) << made.tokens << " tokens, " << made.cut << " cut, "
                     << static_cast<double>(made.tokens) / (now_seconds() - began) << " tokens/s";
    std::vector<std::string> asked;
    for (const auto& [question, id] : data.questions)
        asked.push_back(question);
    const auto queries = embedder.embed(asked, engine::TextRole::kQuery).value();
    std::size_t next = 0;
    return measure_recall(data, [&](const std::string&) {
        std::vector<float> cosines(texts.size());
        engine::dot_products(cosines.data(), queries.row(next++).data(), made.values.data(),
                             std::ssize(cosines), made.width);
        std::vector<std::size_t> order(texts.size());
        std::iota(order.begin(), order.end(), 0U);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return cosines[a] > cosines[b]; });
        std::vector<std::string> ids;
        for (std::size_t i = 0; i < 5; ++i)
            ids.push_back(data.documents[order[i]].id);
        return ids;
    });
}

Recall by_index(const testing::XQuad& data, const SearchModels& models) {
    auto database = store::Database::open_memory();
    Index index = Index::open(*database).value();
    EXPECT_TRUE(index.use(models));
    const BuildReport built = index.build(data.documents).value();
    for (const MeaningTrust& trust : built.dense.trust) {
        GTEST_LOG_(INFO) << trust.samples << " sentences in " << trust.language << ": words find "
                         << trust.words << ", meaning with weight " << trust.weight << " "
                         << trust.joined;
    }
    const double began = now_seconds();
    const Recall recall = measure_recall(data, [&](const std::string& question) {
        std::vector<std::string> order;
        for (const Hit& hit : index.retrieve(question).value().hits)
            order.push_back(hit.document_id);
        return order;
    });
    GTEST_LOG_(INFO) << 1000 * (now_seconds() - began) / static_cast<double>(data.questions.size())
                     << " ms a question";
    return recall;
}

class XQuadDense : public ::testing::TestWithParam<std::string> {};

TEST_P(XQuadDense, WordsVectorsAndBoth) {
    const char* folder = std::getenv("CAIRN_MINILM");
    const auto data = testing::load_xquad(GetParam());
    if (folder == nullptr || !data) {
        GTEST_SKIP() << "SKIPPED: set CAIRN_MINILM and CAIRN_SHARED";
    }
    SearchModels models;
    models.embedder = engine::Embedder::load(folder).value();
    models.embedder_identity = models.embedder->identity();
    const Recall words = by_index(*data, {});
    const Recall vectors = vectors_alone(*data, *models.embedder);
    const Recall both = by_index(*data, models);
    GTEST_LOG_(INFO) << GetParam() << " words " << words.at_1 << " " << words.at_5 << ", vectors "
                     << vectors.at_1 << " " << vectors.at_5 << ", joined " << both.at_1 << " "
                     << both.at_5;
    // A model that knows little or nothing of a language may not spoil what words find in it.
    EXPECT_GE(both.at_1, words.at_1 - 0.02);
    EXPECT_GE(both.at_5, words.at_5 - 0.01);
}

INSTANTIATE_TEST_SUITE_P(Languages, XQuadDense,
                         ::testing::Values("zh", "ar", "ru", "de", "en", "es"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cairn::knowledge
