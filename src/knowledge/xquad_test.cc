// SPDX-License-Identifier: Apache-2.0
// Retrieval on XQuAD (evaluation data, never part of the product): the right paragraph of 240 comes
// first or among the first five.
#include <gtest/gtest.h>

#include "cairn/knowledge/index.h"
#include "cairn/store/database.h"
#include "xquad_data.h"

namespace cairn::knowledge {
namespace {

void check(const std::string& language, double at_1, double at_5) {
    const auto data = testing::load_xquad(language);
    if (!data) {
        GTEST_SKIP() << "SKIPPED: " << testing::xquad_file(language)
                     << " is not here; set CAIRN_SHARED";
    }
    auto database = store::Database::open_memory();
    auto index = Index::open(*database);
    ASSERT_TRUE(index && index->build(data->documents));
    const auto recall = testing::measure_recall(*data, [&](const std::string& question) {
        std::vector<std::string> order;
        for (const Hit& hit : index->retrieve(question).value().hits)
            order.push_back(hit.document_id);
        return order;
    });
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
