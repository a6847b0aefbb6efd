// SPDX-License-Identifier: Apache-2.0
// The exact words of the quoting prompt: a change here means that pebble must be trained again.
#include "cairn/text/quote_prompt.h"

#include <gtest/gtest.h>

namespace cairn::text {
namespace {

TEST(QuotePrompt, NumbersPassagesAndEndsWithTheQuestion) {
    const std::vector<QuotePassage> passages = {{"Leave > Parents", "Parents get 12 weeks."},
                                                {"", "Lunch is free."}};
    const auto messages = quote_prompt(passages, "How many weeks do parents get?");
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].role, "user");
    EXPECT_EQ(messages[0].content,
              "Question: How many weeks do parents get?\n\n[1] Leave > Parents\nParents get 12 "
              "weeks.\n\n[2]\nLunch is free.\n\n"
              "Question: How many weeks do parents get?");
}

TEST(QuotePrompt, AnswerIsTheQuoteBetweenMarks) {
    EXPECT_EQ(quote_answer("Parents get 12 weeks."), "\"Parents get 12 weeks.\"");
}

}  // namespace
}  // namespace cairn::text
