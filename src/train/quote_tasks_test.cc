// SPDX-License-Identifier: Apache-2.0
// Made-up reading tasks hold what they promise: gold sentences stand in their passage, hidden ones
// do not, and the seed decides everything.
#include "cairn/train/quote_tasks.h"

#include <gtest/gtest.h>

#include "question_maker.h"

namespace cairn::train {
namespace {

std::vector<CorpusDocument> documents() {
    std::vector<CorpusDocument> all;
    const std::vector<std::string> subjects = {"ferry",  "kitchen", "laptop",  "invoice",
                                               "garden", "badge",   "holiday", "server"};
    for (const std::string& subject : subjects) {
        CorpusDocument document;
        document.id = subject;
        document.group = "handbooks";
        document.title = "The " + subject;
        document.text = "Rules for the " + subject + "\n\nEvery " + subject +
                        " must be checked by the morning crew before breakfast. The " + subject +
                        " costs 45 dollars per week during the summer season. You can request a "
                        "new " +
                        subject +
                        " from the office on the second floor.\n\nSafety\n\nPlease lock "
                        "the " +
                        subject + " in the evening and tell your manager about damage. A broken " +
                        subject + " has to be reported within 3 days after the accident.";
        all.push_back(std::move(document));
    }
    return all;
}

TEST(QuoteTasks, GoldSentencesStandInTheirPassage) {
    QuoteTaskOptions options;
    options.count = 60;
    options.turns_max = 5;
    const auto tasks = make_quote_tasks(documents(), options);
    ASSERT_EQ(tasks.size(), 60U);
    int refusals = 0;
    int quotes = 0;
    for (const QuoteTask& task : tasks) {
        for (const QuoteTurn& turn : task.turns) {
            EXPECT_FALSE(turn.question.empty());
            if (turn.quote.empty()) {
                ++refusals;
                continue;
            }
            ++quotes;
            ASSERT_GE(turn.passage, 0);
            const auto& passage = task.passages[static_cast<std::size_t>(turn.passage)];
            EXPECT_NE(passage.text.find(turn.quote), std::string::npos) << turn.quote;
        }
    }
    EXPECT_GT(quotes, 60);
    EXPECT_GT(refusals, 5);
}

TEST(QuoteTasks, SameSeedSameTasks) {
    QuoteTaskOptions options;
    options.count = 20;
    const auto first = make_quote_tasks(documents(), options);
    const auto second = make_quote_tasks(documents(), options);
    options.seed = 2;
    const auto other = make_quote_tasks(documents(), options);
    ASSERT_EQ(first.size(), second.size());
    bool differs = false;
    for (std::size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(first[i].turns.size(), second[i].turns.size());
        EXPECT_EQ(first[i].turns[0].question, second[i].turns[0].question);
        differs = differs || first[i].turns[0].question != other[i].turns[0].question;
    }
    EXPECT_TRUE(differs);
}

TEST(QuoteTasks, ChatAlternatesAndAnswersInTheFixedFormat) {
    QuoteTaskOptions options;
    options.count = 10;
    options.turns_max = 3;
    for (const QuoteTask& task : make_quote_tasks(documents(), options)) {
        const auto chat = quote_chat(task);
        ASSERT_EQ(chat.size(), 2 * task.turns.size());
        for (std::size_t i = 0; i < task.turns.size(); ++i) {
            EXPECT_EQ(chat[2 * i].role, "user");
            EXPECT_EQ(chat[2 * i + 1].role, "assistant");
            const std::string expected = task.turns[i].quote.empty()
                                             ? std::string(text::kRefusal)
                                             : "\"" + task.turns[i].quote + "\"";
            EXPECT_EQ(chat[2 * i + 1].content, expected);
        }
    }
}

TEST(Questions, KnowNumbersAndStems) {
    EXPECT_TRUE(asks_for_number("How many days do I get?"));
    EXPECT_FALSE(asks_for_number("Who pays?"));
    EXPECT_TRUE(holds_number("within 3 days"));
    EXPECT_EQ(stem("policies"), stem("policy"));
    EXPECT_EQ(stem("Requested"), stem("requests"));
    EXPECT_EQ(content_words("The crew must check it."),
              (std::vector<std::string>{"crew", "check"}));
}

}  // namespace
}  // namespace cairn::train
