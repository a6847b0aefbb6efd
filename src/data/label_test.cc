// SPDX-License-Identifier: Apache-2.0
// The label queue: proposals hold checkable facts, decisions stay decided.
#include "cairn/data/label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::data {
namespace {

using testing::HasSubstr;

text::Document leave_policy() {
    text::Document document;
    document.id = "d_1";
    document.path = "hr/leave.md";
    document.title = "Leave policy";
    document.text =
        "Leave policy\n\nEvery full-time employee has 27 working days of paid annual leave each "
        "year. "
        "Nobody counts this sentence without a fact. Carried days must be taken by 31 March at the "
        "latest. Short 3.\n";
    document.sections = {
        {{"Leave policy"}, {0, static_cast<std::int64_t>(document.text.size())}, 0}};
    return document;
}

TEST(Propose, LeavesTheFactOpenAndQuotesTheSentence) {
    const text::Document document = leave_policy();
    const auto items = propose_questions("handbook", std::span(&document, 1));
    ASSERT_EQ(items.size(), 2u);
    for (const LabelItem& item : items) {
        EXPECT_THAT(document.text, HasSubstr(item.quote));
        EXPECT_THAT(item.quote, HasSubstr(item.answer));
        EXPECT_THAT(item.question, HasSubstr("___"));
        EXPECT_THAT(item.question, HasSubstr("Leave policy"));
        EXPECT_EQ(item.document, "hr/leave.md");
    }
    const auto again = propose_questions("handbook", std::span(&document, 1));
    EXPECT_EQ(items[0].id, again[0].id);
}

TEST(LabelQueue, DecisionsStayDecided) {
    auto database = store::Database::open_memory().value();
    auto queue = LabelQueue::open(database).value();
    const text::Document document = leave_policy();
    const auto items = propose_questions("handbook", std::span(&document, 1));
    EXPECT_EQ(queue.add(items).value(), 2);
    auto item = queue.next("handbook").value();
    ASSERT_TRUE(item.has_value());
    item->question = "How many days of leave are there?";
    ASSERT_TRUE(queue.fix(*item, "ana"));
    const auto second = queue.next("handbook").value();
    ASSERT_TRUE(second.has_value());
    EXPECT_NE(second->id, item->id);
    ASSERT_TRUE(queue.reject(second->id, "ana"));
    EXPECT_FALSE(queue.next("handbook").value().has_value());
    EXPECT_EQ(queue.add(items).value(), 0) << "proposing again must not reopen what was decided";
    const LabelCounts counts = queue.counts("handbook").value();
    EXPECT_EQ(counts.fixed, 1);
    EXPECT_EQ(counts.rejected, 1);
    EXPECT_EQ(counts.open, 0);
    const auto accepted = queue.accepted("handbook").value();
    ASSERT_EQ(accepted.size(), 1u);
    EXPECT_EQ(accepted[0].question, "How many days of leave are there?");
    EXPECT_EQ(accepted[0].annotator, "ana");
    EXPECT_GT(accepted[0].decided_ms, 0);
}

TEST(LabelQueue, RefusesWhatIsNotThereOrEmpty) {
    auto database = store::Database::open_memory().value();
    auto queue = LabelQueue::open(database).value();
    EXPECT_EQ(queue.accept("l_none", "ana").error().code, Code::kNotFound);
    LabelItem empty;
    empty.id = "l_none";
    EXPECT_EQ(queue.fix(empty, "ana").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace cairn::data
