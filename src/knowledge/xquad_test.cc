// SPDX-License-Identifier: Apache-2.0
// Retrieval on XQuAD (evaluation data, never part of the product): the right paragraph of 240 comes
// first or among the first five.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/base/process.h"
#include "cairn/knowledge/index.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {
namespace {

std::filesystem::path shared_folder() {
    const char* named = std::getenv("CAIRN_SHARED");
    return named != nullptr ? std::filesystem::path(named)
                            : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
}

struct Recall {
    double at_1 = 0;
    double at_5 = 0;
};

Recall measure(const nlohmann::json& data) {
    std::vector<text::Document> documents;
    std::vector<std::pair<std::string, std::string>> questions;
    for (const auto& article : data["data"]) {
        for (const auto& paragraph : article["paragraphs"]) {
            text::Document document;
            document.id = "p" + std::to_string(documents.size());
            document.path = document.id;
            document.text = paragraph["context"].get<std::string>();
            document.sections.push_back(
                {{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
            for (const auto& question : paragraph["qas"]) {
                questions.emplace_back(question["question"].get<std::string>(), document.id);
            }
            documents.push_back(std::move(document));
        }
    }
    auto database = store::Database::open_memory();
    auto index = Index::open(*database);
    EXPECT_TRUE(index && index->build(documents));
    double first = 0;
    double among_five = 0;
    for (const auto& [question, id] : questions) {
        auto found = index->retrieve(question);
        EXPECT_TRUE(found);
        std::vector<std::string> order;
        for (const Hit& hit : found->hits) {
            order.push_back(hit.document_id);
        }
        first += !order.empty() && order.front() == id ? 1 : 0;
        among_five += std::find(order.begin(), order.end(), id) != order.end() ? 1 : 0;
    }
    const auto n = static_cast<double>(questions.size());
    return {first / n, among_five / n};
}

void check(const std::string& language, double at_1, double at_5) {
    const auto file = shared_folder() / "testdata/xquad" / ("xquad." + language + ".json.zst");
    if (!std::filesystem::exists(file)) {
        GTEST_SKIP() << "SKIPPED: " << file << " is not here; set CAIRN_SHARED";
    }
    auto unpacked = run_child({"zstd", "-dcq", file.string()});
    ASSERT_TRUE(unpacked) << unpacked.error().to_string();
    const Recall recall = measure(nlohmann::json::parse(unpacked->out));
    GTEST_LOG_(INFO) << language << " R@1 " << recall.at_1 << " R@5 " << recall.at_5;
    EXPECT_GE(recall.at_1, at_1);
    EXPECT_GE(recall.at_5, at_5);
}

TEST(XQuad, English) {
    check("en", 0.90, 0.97);
}
TEST(XQuad, German) {
    check("de", 0.84, 0.95);
}
TEST(XQuad, Chinese) {
    check("zh", 0.90, 0.97);
}
TEST(XQuad, Russian) {
    check("ru", 0.79, 0.90);
}

}  // namespace
}  // namespace cairn::knowledge
