// SPDX-License-Identifier: Apache-2.0
// What questions ask for and sentences hold, in three languages.
#include "cairn/knowledge/answer_kind.h"

#include <gtest/gtest.h>

namespace cairn::knowledge {
namespace {

TEST(AnswerKind, IsReadFromTheQuestion) {
    EXPECT_EQ(asked_kind("How long is the notice period?"), AnswerKind::kDuration);
    EXPECT_EQ(asked_kind("What does a day ticket cost?"), AnswerKind::kMoney);
    EXPECT_EQ(asked_kind("When do the shops open?"), AnswerKind::kTime);
    EXPECT_EQ(asked_kind("Which percentage is due?"), AnswerKind::kPercent);
    EXPECT_EQ(asked_kind("How much may a box weigh?"), AnswerKind::kMeasure);
    EXPECT_EQ(asked_kind("How many people work here?"), AnswerKind::kNumber);
    EXPECT_EQ(asked_kind("Does the company pay for lunch?"), AnswerKind::kAny);
    EXPECT_EQ(asked_kind("Who approves orders?"), AnswerKind::kAny);
    EXPECT_EQ(asked_kind("Wann ist das Büro offen?"), AnswerKind::kTime);
    EXPECT_EQ(asked_kind("Was kostet eine Stunde?"), AnswerKind::kMoney);
    EXPECT_EQ(asked_kind("交货期是多少天?"), AnswerKind::kDuration);
}

TEST(AnswerKind, IsSeenInTheSentence) {
    EXPECT_EQ(holds_kind("It costs 5 euro.", AnswerKind::kMoney), 1);
    EXPECT_EQ(holds_kind("It costs £48.", AnswerKind::kMoney), 1);
    EXPECT_EQ(holds_kind("It lasts five months.", AnswerKind::kDuration), 1);
    EXPECT_EQ(holds_kind("It lasts long.", AnswerKind::kDuration), 0);
    EXPECT_EQ(holds_kind("See room 12.", AnswerKind::kDuration), 0.4);
    EXPECT_EQ(holds_kind("Open until 16:30.", AnswerKind::kTime), 1);
    EXPECT_EQ(holds_kind("Due by 31 March.", AnswerKind::kTime), 1);
    EXPECT_LT(holds_kind("Paid at least once a month.", AnswerKind::kTime), 1);
    EXPECT_EQ(holds_kind("Replaced after seven years.", AnswerKind::kTime), 1);
    EXPECT_EQ(holds_kind("按百分之三抽样", AnswerKind::kPercent), 1);
    EXPECT_EQ(holds_kind("交货期为四十五天", AnswerKind::kDuration), 1);
    EXPECT_EQ(holds_kind("Anything goes.", AnswerKind::kAny), 1);
}

}  // namespace
}  // namespace cairn::knowledge
