// SPDX-License-Identifier: Apache-2.0
// UTF-8: what is valid, how the rest is repaired, and offsets.
#include "cairn/text/utf8.h"

#include <gtest/gtest.h>

#include "cairn/text/document.h"

namespace cairn::text {
namespace {

TEST(Utf8, TellsValidFromInvalid) {
    EXPECT_TRUE(is_valid_utf8("aé你\xF0\x9F\x98\x80"));
    EXPECT_FALSE(is_valid_utf8("\xC0\xAF"));          // overlong
    EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
    EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
    EXPECT_FALSE(is_valid_utf8("\xE4\xBD"));          // cut
}

TEST(Utf8, RepairsOneReplacementPerMaximalPart) {
    EXPECT_EQ(repair_utf8("a\xE4\xBDz").text, "a\xEF\xBF\xBDz");
    EXPECT_EQ(repair_utf8("\xC0\xAF").replaced, 2U);
    EXPECT_EQ(repair_utf8("\xF0\x9F\x98").replaced, 1U);
    EXPECT_EQ(repair_utf8("é").replaced, 0U);
}

TEST(Utf8, AppendsWhatItReads) {
    for (const char32_t point : {U'a', U'é', U'你', U'\U0001F600', U'\U0010FFFF'}) {
        std::string text;
        append_utf8(text, point);
        const CodePoint read = code_point_at(text, 0);
        EXPECT_TRUE(read.valid);
        EXPECT_EQ(read.value, point);
        EXPECT_EQ(read.bytes, text.size());
    }
    std::string surrogate;
    append_utf8(surrogate, 0xD800);
    EXPECT_EQ(surrogate, "\xEF\xBF\xBD");
}

TEST(Utf8, StreamsOnlyCompleteSequences) {
    EXPECT_EQ(complete_utf8_prefix("ab\xE4\xBD"), 2U);
    EXPECT_EQ(complete_utf8_prefix("ab你"), 5U);
    EXPECT_EQ(complete_utf8_prefix("\xF0"), 0U);
    EXPECT_EQ(complete_utf8_prefix("a\xFF"), 2U);  // will never become valid: do not wait for it
    EXPECT_EQ(complete_utf8_prefix(""), 0U);
}

TEST(Utf8, CountsCodePoints) {
    EXPECT_EQ(count_code_points("aé你"), 3U);
    EXPECT_EQ(byte_offset("aé你", 2), 3U);
    EXPECT_EQ(byte_offset("aé你", 9), 6U);
}

TEST(Document, FindsPageAndInnermostSection) {
    Document document;
    document.page_starts = {0, 10, 20};
    document.sections = {{{"A"}, {0, 30}, 1}, {{"A", "B"}, {5, 15}, 1}};
    EXPECT_EQ(page_of(document, 0), 1);
    EXPECT_EQ(page_of(document, 10), 2);
    EXPECT_EQ(page_of(document, 99), 3);
    EXPECT_EQ(section_of(document, 7)->heading_path.size(), 2U);
    EXPECT_EQ(section_of(document, 20)->heading_path.size(), 1U);
    EXPECT_EQ(section_of(document, 40), nullptr);
}

}  // namespace
}  // namespace cairn::text
