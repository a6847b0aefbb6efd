// SPDX-License-Identifier: Apache-2.0
// Quotes are found where they stand, and nowhere else.
#include "cairn/knowledge/citation.h"

#include <gtest/gtest.h>

namespace cairn::knowledge {
namespace {

std::string found(std::string_view text, std::string_view quote) {
    const auto match = locate_quote(text, quote);
    return match ? std::string(match->span.of(text)) : "(none)";
}

TEST(LocateQuote, IgnoresWidthSpaceAndTypography) {
    EXPECT_EQ(found("a  b\n c", "a b c"), "a  b\n c");
    EXPECT_EQ(found("It\u2019s \u201Cfine\u201D \u2013 really.", "It's \"fine\" - really."),
              "It\u2019s \u201Cfine\u201D \u2013 really.");
    EXPECT_EQ(found("价格：１２元。", "价格:12元。"), "价格：１２元。");
    EXPECT_EQ(found("co\u00ADoperation", "cooperation"), "co\u00ADoperation");
    EXPECT_EQ(found("u\u0308ber", "\u00FCber"), "u\u0308ber");
}

TEST(LocateQuote, SpansAreBytesOfTheOriginal) {
    const std::string text = "Grüße.  Sechs Tage\nbleiben.";
    const auto match = locate_quote(text, "Sechs Tage bleiben.");
    ASSERT_TRUE(match);
    EXPECT_TRUE(match->exact);
    EXPECT_EQ(match->span.begin, 10);
    EXPECT_EQ(match->span.end, static_cast<std::int64_t>(text.size()));
}

TEST(LocateQuote, SmallSlipsPassButNeverInDigits) {
    const std::string text =
        "Carried days must be taken by 31 March of the next year, after which they lapse.";
    const auto slip = locate_quote(text, "Carried day must be taken by 31 March of the next year,");
    ASSERT_TRUE(slip);
    EXPECT_FALSE(slip->exact);
    EXPECT_EQ(slip->edit_distance, 1);
    EXPECT_EQ(found(text, "Carried days must be taken by 30 March of the next year,"), "(none)");
    EXPECT_EQ(found(text, "Carried days may be lost at the 31 March of a year,"), "(none)");
}

TEST(LocateQuote, NothingIsFoundInNothing) {
    EXPECT_FALSE(locate_quote("", "a"));
    EXPECT_FALSE(locate_quote("a", ""));
    EXPECT_FALSE(locate_quote("a", " \n "));
    EXPECT_FALSE(locate_quote("a", "\xFF"));
}

TEST(OneLine, FoldsWhiteSpaceOnly) {
    EXPECT_EQ(one_line("  a\n\t b – c "), "a b – c");
}

}  // namespace
}  // namespace cairn::knowledge
