// SPDX-License-Identifier: Apache-2.0
// Scores in several scripts, and what counts as the right quote.
#include "cairn/eval/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::eval {
namespace {

TEST(Metrics, ExactMatchIgnoresCaseWidthAndPunctuation) {
    EXPECT_TRUE(exact_match("27 Working Days.", "27 working days"));
    EXPECT_TRUE(exact_match("１２ 元", "12元。"));
    EXPECT_FALSE(exact_match("27 days", "28 days"));
}

TEST(Metrics, F1OverTermsOfAnyScript) {
    EXPECT_DOUBLE_EQ(term_f1("up to two days", "two days"), 2.0 * 2 / (4 + 2));
    EXPECT_DOUBLE_EQ(term_f1("", ""), 1);
    EXPECT_DOUBLE_EQ(term_f1("a b", "c d"), 0);
    EXPECT_GT(term_f1("旺季为六十天", "六十天"), 0.5);
    EXPECT_DOUBLE_EQ(term_recall("it is up to two days a week", "two days"), 1);
}

TEST(Metrics, QuoteSupportsGold) {
    EXPECT_TRUE(quote_supports("| Death of another close relative | 2 |",
                               "| Death of another close relative | 2 |", "2 paid days"));
    EXPECT_TRUE(quote_supports("Machine: Polishing machine; day: 20 euro; deposit: 80 euro",
                               "<tr><td>Polishing machine</td><td>20 euro</td><td>80 euro</td>",
                               "20 euro"));
    EXPECT_FALSE(quote_supports("Carried days must be taken by 30 April",
                                "Carried days must be taken by 31 March", "31 March"));
    EXPECT_FALSE(quote_supports("Death of a partner, child or parent | 5",
                                "Death of another close relative | 2", "2 paid days"));
}

TEST(ReplyStructure, LearnsWhatRecurs) {
    const std::vector<std::string> replies = {
        "Hello Ann,\nthank you for writing.\nNext step: call us.\nFair winds,\nHarbour & Finch",
        "Hello Bo,\nthe boat is ready.\nNext step: fetch it.\nFair winds,\nHarbour & Finch",
        "Hello Cy,\nwe are sorry.\nNext step: send a photo.\nFair winds,\nHarbour & Finch"};
    const ReplyStructure structure = ReplyStructure::learn(replies);
    EXPECT_THAT(structure.markers(),
                testing::IsSupersetOf({"line: Fair winds,", "label: Next step",
                                       "first line begins: Hello", "line: Harbour & Finch"}));
    EXPECT_DOUBLE_EQ(structure.match(replies[0]), 1);
    EXPECT_DOUBLE_EQ(structure.match("Sure! I can help with that"), 0);
    const double half = structure.match("Hello Di,\nit is done.");
    EXPECT_GT(half, 0);
    EXPECT_LT(half, 1);
}

}  // namespace
}  // namespace cairn::eval
