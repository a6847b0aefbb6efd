// SPDX-License-Identifier: Apache-2.0
// Real weights: all-MiniLM-L6-v2 against sentence-transformers (tools/golden/make_minilm_golden.py
// says where the files come from). Skipped when CAIRN_MINILM does not name their folder.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "cairn/engine/embedder.h"

namespace cairn::engine {
namespace {

TEST(MiniLm, GivesTheTokensAndVectorsOfSentenceTransformers) {
    const char* folder = std::getenv("CAIRN_MINILM");
    if (folder == nullptr) {
        GTEST_SKIP() << "SKIPPED: CAIRN_MINILM does not name the folder of all-MiniLM-L6-v2";
    }
    const auto embedder = Embedder::load(folder);
    ASSERT_TRUE(embedder) << embedder.error().to_string();
    EXPECT_EQ((*embedder)->encoder().parameter_count(), 22'565'376);
    const auto golden = format::GgufFile::open(std::filesystem::path(CAIRN_SOURCE_DIR) /
                                               "src/engine/testdata/minilm_golden.gguf");
    ASSERT_TRUE(golden) << golden.error().to_string();
    const auto texts = golden->get_strings("texts").value();
    const auto together = (*embedder)->embed(texts);
    ASSERT_TRUE(together) << together.error().to_string();
    const Encoder& encoder = (*embedder)->encoder();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto ids = encoder.wrap(encoder.tokenizer().encode(texts[i])).tokens;
        const auto expected_ids = golden->get_integers(std::to_string(i) + ".ids").value();
        EXPECT_TRUE(std::ranges::equal(ids, expected_ids)) << texts[i];
        const format::GgufTensor* tensor = golden->find_tensor(std::to_string(i));
        ASSERT_NE(tensor, nullptr);
        const auto* expected = reinterpret_cast<const float*>(tensor->bytes.data());
        for (std::size_t d = 0; d < together->row(i).size(); ++d)
            ASSERT_NEAR(together->row(i)[d], expected[d], 1e-5) << texts[i] << " at " << d;
        const auto alone = (*embedder)->embed(std::span(texts).subspan(i, 1));
        ASSERT_TRUE(alone);
        EXPECT_TRUE(std::ranges::equal(alone->values, together->row(i))) << texts[i];
    }
}

}  // namespace
}  // namespace cairn::engine
