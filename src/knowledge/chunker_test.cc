// SPDX-License-Identifier: Apache-2.0
// Chunks keep to their sections, sentences to their bytes.
#include "cairn/knowledge/chunker.h"

#include <gtest/gtest.h>

namespace cairn::knowledge {
namespace {

text::Document handbook() {
    text::Document document;
    document.id = "d_1";
    document.title = "Leave policy";
    auto add = [&](std::vector<std::string> path, const std::string& text) {
        const auto begin = static_cast<std::int64_t>(document.text.size());
        document.text += text;
        document.sections.push_back(
            {std::move(path), {begin, static_cast<std::int64_t>(document.text.size())}, 0});
    };
    add({"Leave policy"}, "# Leave policy\n\nOwner: Oona.\n\n");
    add({"Leave policy", "Carrying over"},
        "## Carrying over\n\nUp to six days may be carried. They lapse on 31 March.\n\n");
    add({"Leave policy", "Special leave"},
        "## Special leave\n\n| Occasion | Days |\n| --- | --- |\n| Own wedding | 2 |\n");
    return document;
}

TEST(Chunker, KeepsSectionsApartAndHeadingsOutOfQuotes) {
    const text::Document document = handbook();
    const std::vector<Chunk> chunks = chunk_document(document);
    ASSERT_EQ(chunks.size(), 3u);
    EXPECT_EQ(chunks[1].heading_path.back(), "Carrying over");
    ASSERT_EQ(chunks[1].sentences.size(), 2u);
    EXPECT_EQ(chunks[1].sentences[1].of(document.text), "They lapse on 31 March.");
    EXPECT_EQ(chunks[1].span.of(document.text),
              "Up to six days may be carried. They lapse on 31 March.");
    EXPECT_EQ(chunks[1].number, 1);
}

TEST(Chunker, TableRowsAreQuotedWholeWithoutRules) {
    const text::Document document = handbook();
    const std::vector<Chunk> chunks = chunk_document(document);
    ASSERT_EQ(chunks.back().sentences.size(), 2u);
    EXPECT_EQ(chunks.back().sentences[1].of(document.text), "| Own wedding | 2 |");
}

TEST(Chunker, LongSectionsAreCutAtSentenceEnds) {
    text::Document document;
    document.id = "d_2";
    for (int i = 0; i < 60; ++i) {
        document.text += "The quick brown fox jumps over the lazy dog again. ";
    }
    document.sections.push_back({{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
    const std::vector<Chunk> chunks = chunk_document(document);
    ASSERT_GT(chunks.size(), 4u);
    std::size_t sentences = 0;
    for (const Chunk& chunk : chunks) {
        EXPECT_LE(chunk.sentences.size(), 16u);  // 160 words
        EXPECT_EQ(chunk.span.of(document.text).back(), '.');
        sentences += chunk.sentences.size();
    }
    EXPECT_EQ(sentences, 60u);
}

TEST(Chunker, EmptyAndMarkOnlyTextsHaveNoChunks) {
    text::Document document;
    document.text = "----\n\n * * *\n";
    document.sections.push_back({{}, {0, static_cast<std::int64_t>(document.text.size())}, 0});
    EXPECT_TRUE(chunk_document(document).empty());
    EXPECT_TRUE(chunk_document({}).empty());
}

TEST(Chunker, TheHeadOfAMailIsNotQuoted) {
    text::Document mail;
    mail.media_type = "message/rfc822";
    mail.text = "Subject: Recall of jackets\nFrom: Jonas\nWe sold 386 of them.\n";
    mail.sections.push_back({{}, {0, static_cast<std::int64_t>(mail.text.size())}, 0});
    const std::vector<Chunk> chunks = chunk_document(mail);
    ASSERT_EQ(chunks.size(), 1u);
    EXPECT_EQ(chunks[0].span.of(mail.text), "We sold 386 of them.");
}

TEST(Chunker, HeadingsJoinWithoutRepeatingTheTitle) {
    EXPECT_EQ(join_headings("Leave policy", {"Leave policy", "Sickness"}),
              "Leave policy > Sickness");
    EXPECT_EQ(join_headings("Leave policy", {"Sickness"}), "Leave policy > Sickness");
    EXPECT_EQ(join_headings("Leave policy", {}), "Leave policy");
}

}  // namespace
}  // namespace cairn::knowledge
