// SPDX-License-Identifier: Apache-2.0
// Right quotes with their places, refusals in the right language, newer versions first.
#include "cairn/apps/assistant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "../engine/test_model.h"
#include "cairn/apps/calibrate.h"
#include "cairn/store/database.h"
#include "candidates.h"

namespace cairn::apps {
namespace {

text::Document page(const std::string& path, const std::string& text) {
    text::Document document;
    document.id = "d_" + path;
    document.source = "documents";
    document.path = path;
    document.title = path.substr(0, path.find('.'));
    document.text = text;
    document.sections.push_back({{}, {0, static_cast<std::int64_t>(text.size())}, 0});
    return document;
}

class AssistantTest : public testing::Test {
  protected:
    void SetUp() override {
        auto database = store::Database::open_memory();
        ASSERT_TRUE(database);
        database_ = std::make_unique<store::Database>(std::move(*database));
        auto index = knowledge::Index::open(*database_);
        ASSERT_TRUE(index);
        documents_ = {
            page("leave.md",
                 "Every employee has 27 working days of paid annual leave. Carried "
                 "days must be taken by 31 March. Requests go through the rota tool."),
            page("gifts.md",
                 "You may accept gifts from suppliers up to a value of 40 euro. "
                 "Larger gifts go to the raffle."),
            page("travel-2023.md", "On a business trip the meal allowance is 32 euro a day."),
            page("travel-2025.md", "On a business trip the meal allowance is 38 euro a day."),
            page("urlaub.md", "Nicht genommene Urlaubstage verfallen am 30. April."),
            page("zh.md", "普通订单的交货期为下单后四十五天。旺季的交货期为六十天。")};
        ASSERT_TRUE(index->build(documents_));
        assistant_ =
            std::make_unique<Assistant>(std::move(*index), nullptr, nullptr, AssistantSettings());
    }
    Answer ask(const std::string& question) {
        AssistantRequest request;
        request.question = question;
        auto answer = assistant_->answer(request);
        EXPECT_TRUE(answer) << answer.error().to_string();
        return answer ? *answer : Answer();
    }
    std::unique_ptr<store::Database> database_;
    std::vector<text::Document> documents_;
    std::unique_ptr<Assistant> assistant_;
};

TEST_F(AssistantTest, AnswersByQuoteWithItsPlace) {
    const Answer answer = ask("By when must carried days be taken?");
    ASSERT_FALSE(answer.refused);
    ASSERT_EQ(answer.quotes.size(), 1u);
    EXPECT_EQ(answer.quotes[0].quote, "Carried days must be taken by 31 March.");
    EXPECT_EQ(answer.quotes[0].path, "leave.md");
    EXPECT_EQ(answer.quotes[0].span.of(documents_[0].text), answer.quotes[0].quote);
    EXPECT_EQ(answer.text, "The documents say: \"Carried days must be taken by 31 March.\" [1]");
    EXPECT_GE(answer.support, answer.threshold);
}

TEST_F(AssistantTest, RefusesInTheLanguageOfTheQuestion) {
    const Answer english = ask("Which football club won the national championship?");
    EXPECT_TRUE(english.refused);
    EXPECT_TRUE(english.quotes.empty());
    EXPECT_EQ(english.text, refusal_text("en"));
    EXPECT_EQ(ask("Welcher Fußballverein hat letztes Jahr die Meisterschaft gewonnen?").text,
              refusal_text("de"));
    EXPECT_EQ(ask("谁赢得了世界杯足球赛?").text, refusal_text("zh"));
}

TEST_F(AssistantTest, AnswersInOtherScripts) {
    EXPECT_EQ(ask("旺季的交货期是多少天?").quotes.at(0).quote, "旺季的交货期为六十天。");
    EXPECT_EQ(ask("Wann verfallen nicht genommene Urlaubstage?").quotes.at(0).path, "urlaub.md");
}

TEST_F(AssistantTest, TheNewerVersionSpeaksUnlessItsYearIsAsked) {
    EXPECT_EQ(ask("What is the meal allowance on a business trip?").quotes.at(0).path,
              "travel-2025.md");
    EXPECT_EQ(ask("What was the meal allowance on a business trip in 2023?")
                  .trace.candidates.at(0)
                  .citation.path,
              "travel-2023.md");
}

TEST_F(AssistantTest, StreamsTheSameTextAndIsDeterministic) {
    AssistantRequest request;
    request.question = "What value may gifts from suppliers have?";
    std::string streamed;
    request.on_text = [&](std::string_view piece) {
        streamed += piece;
        return true;
    };
    auto first = assistant_->answer(request);
    ASSERT_TRUE(first);
    EXPECT_EQ(streamed, first->text);
    auto second = assistant_->answer(request);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->support, second->support);
    EXPECT_EQ(first->text, second->text);
}

TEST_F(AssistantTest, AShortQuestionIsReadWithTheOneBefore) {
    AssistantRequest request;
    request.question = "And by when?";
    request.earlier_questions = {"How many carried days must be taken?"};
    auto answer = assistant_->answer(request);
    ASSERT_TRUE(answer);
    EXPECT_NE(answer->trace.search_text.find("carried"), std::string::npos);
}

TEST_F(AssistantTest, BadQuestionsAreNamed) {
    EXPECT_FALSE(assistant_->answer({}));
    AssistantRequest request;
    request.question = std::string(10'000, 'a');
    auto answer = assistant_->answer(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kTooLarge);
    EXPECT_TRUE(ask("\" OR 1=1 --").refused);
}

TEST_F(AssistantTest, EvaluationSeesTheQuoteBehindARefusal) {
    AssistantSettings strict;
    strict.threshold = 1;
    assistant_->set_settings(strict);
    eval::QaQuestion question;
    question.question = "By when must carried days be taken?";
    auto reply = ask_for_evaluation(*assistant_, {})(question);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->refused);
    ASSERT_EQ(reply->quotes.size(), 1u);
    EXPECT_FALSE(reply->retrieved.empty());
}

TEST_F(AssistantTest, AModelReordersButCannotInvent) {
    engine::testing::TestModelOptions options;
    options.context = 2048;
    auto scheduler = std::make_shared<engine::Scheduler>(engine::testing::test_model(options));
    auto index = knowledge::Index::open(*database_);
    ASSERT_TRUE(index);
    AssistantSettings settings;
    settings.threshold = 0;
    Assistant assistant(std::move(*index), scheduler, nullptr, settings);
    AssistantRequest request;
    request.question = "By when must carried days be taken?";
    auto first = assistant.answer(request);
    ASSERT_TRUE(first) << first.error().to_string();
    EXPECT_GT(first->usage.input_tokens, 0);
    ASSERT_FALSE(first->trace.candidates.empty());
    EXPECT_LT(first->trace.candidates.front().model_logprob, 0);
    bool stands = false;
    for (const text::Document& document : documents_) {
        stands = stands || document.text.find(first->quotes.at(0).quote) != std::string::npos;
    }
    EXPECT_TRUE(stands);
    auto second = assistant.answer(request);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->text, second->text);
    EXPECT_EQ(first->support, second->support);

    // Among equal counts the smallest weight wins: a random model is not listened to.
    eval::QaQuestion question{
        "q",       request.question, true, "31 March", "Carried days must be taken by 31 March.",
        "leave.md"};
    auto weight = choose_model_weight(assistant, {question}, {});
    ASSERT_TRUE(weight);
    EXPECT_EQ(*weight, 0);
}

TEST_F(AssistantTest, WhatAModelWritesIsARunOfWholeSentences) {
    int longest = 0;
    int refused = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        engine::testing::TestModelOptions options;
        options.context = 2048;
        options.seed = seed;
        auto scheduler = std::make_shared<engine::Scheduler>(engine::testing::test_model(options));
        AssistantSettings settings;
        settings.write = true;
        settings.threshold = 0;
        Assistant assistant(std::move(*knowledge::Index::open(*database_)), scheduler, nullptr,
                            settings);
        AssistantRequest request;
        request.question = "How many working days of annual leave, and when are carried days due?";
        const auto answer = assistant.answer(request);
        ASSERT_TRUE(answer) << answer.error().to_string();
        EXPECT_GT(answer->computed.output_tokens, 0);
        if (answer->refused) {
            EXPECT_TRUE(answer->trace.refused_by_model);
            ++refused;
            continue;
        }
        const knowledge::Citation& quote = answer->quotes.at(0);
        const auto document =
            std::find_if(documents_.begin(), documents_.end(),
                         [&](const auto& d) { return d.id == quote.document_id; });
        ASSERT_NE(document, documents_.end());
        EXPECT_EQ(quote.span.of(document->text), quote.quote);
        int sentences = 0;
        bool begins = false;
        bool ends = false;
        for (const text::Span& sentence : knowledge::quotable_spans(document->text)) {
            begins = begins || sentence.begin == quote.span.begin;
            ends = ends || sentence.end == quote.span.end;
            sentences += sentence.begin >= quote.span.begin && sentence.end <= quote.span.end;
        }
        EXPECT_TRUE(begins && ends) << quote.quote;
        longest = std::max(longest, sentences);
        EXPECT_EQ(assistant.answer(request)->text, answer->text);
    }
    EXPECT_GT(longest, 1) << "a run of sentences, which choosing from a list cannot give";
    EXPECT_LT(refused, 12);
}

TEST_F(AssistantTest, NobodyWaitsForAnAnswer) {
    engine::testing::TestModelOptions options;
    options.context = 2048;
    auto scheduler = std::make_shared<engine::Scheduler>(engine::testing::test_model(options));
    for (const bool write : {false, true}) {
        AssistantSettings settings;
        settings.write = write;
        Assistant assistant(std::move(*knowledge::Index::open(*database_)), scheduler, nullptr,
                            settings);
        AssistantRequest request;
        request.question = "By when must carried days be taken?";
        request.on_text = [](std::string_view) {
            ADD_FAILURE() << "text for nobody";
            return true;
        };
        int asked = 0;
        request.keep_going = [&] { return ++asked < 3; };
        const auto answer = assistant.answer(request);
        ASSERT_TRUE(answer);
        EXPECT_TRUE(answer->cancelled);
        EXPECT_TRUE(answer->text.empty());
        EXPECT_TRUE(answer->quotes.empty());
        EXPECT_GT(answer->computed.input_tokens, 0) << "what was computed is told";
    }
}

TEST_F(AssistantTest, ARefusalShowsWhatIsNearAndStaysARefusal) {
    AssistantSettings strict;
    strict.threshold = 1;
    strict.nearest = 2;
    assistant_->set_settings(strict);
    const Answer answer = ask("By when must carried days of annual leave be taken?");
    EXPECT_TRUE(answer.refused);
    EXPECT_TRUE(answer.quotes.empty());
    ASSERT_FALSE(answer.nearest.empty());
    ASSERT_LE(answer.nearest.size(), 2u);
    EXPECT_EQ(answer.nearest[0].path, "leave.md");
    EXPECT_TRUE(answer.text.starts_with(unsure_text("en"))) << answer.text;
    EXPECT_NE(answer.text.find("\n[1] \"" + answer.nearest[0].quote + "\" (leave.md)"),
              std::string::npos);
    std::set<std::string> passages;
    for (const knowledge::Citation& near : answer.nearest) {
        EXPECT_TRUE(passages.insert(near.document_id).second) << "one sentence a passage";
    }
    strict.nearest = 0;
    assistant_->set_settings(strict);
    EXPECT_EQ(ask("By when must carried days of annual leave be taken?").text, refusal_text("en"));
    EXPECT_TRUE(ask("Which football club won the national championship?").nearest.empty())
        << "nothing is near";
}

TEST_F(AssistantTest, ReadingReordersOnlyWhatIsThere) {
    engine::testing::TestModelOptions options;
    options.context = 2048;
    auto scheduler = std::make_shared<engine::Scheduler>(engine::testing::test_model(options));
    ASSERT_TRUE(scheduler->model()->has_chat());
    AssistantSettings settings;
    settings.model_weight = settings.margin_weight = settings.threshold = 0;
    Assistant by_words(std::move(*knowledge::Index::open(*database_)), scheduler, nullptr,
                       settings);
    settings.reading_weight = 0.2;
    Assistant reading(std::move(*knowledge::Index::open(*database_)), scheduler, nullptr, settings);
    AssistantRequest request;
    request.question = "How many working days of annual leave, and when are carried days due?";
    const auto before = by_words.answer(request);
    const auto after = reading.answer(request);
    ASSERT_TRUE(before && after) << after.error().to_string();
    EXPECT_EQ(before->computed.input_tokens, 0);
    EXPECT_GT(after->computed.input_tokens, 0) << "what was read is told";
    std::set<std::string> offered, ordered;
    for (const Candidate& candidate : before->trace.candidates)
        offered.insert(candidate.citation.quote);
    double last = 1e9;
    for (const Candidate& candidate : after->trace.candidates) {
        ordered.insert(candidate.citation.quote);
        EXPECT_NE(candidate.reading, 0);
        EXPECT_NEAR(candidate.total, candidate.lexical + 0.2 * candidate.reading, 1e-9);
        EXPECT_LE(candidate.total, last);
        last = candidate.total;
    }
    EXPECT_EQ(offered, ordered);
    EXPECT_EQ(reading.answer(request)->text, after->text);
    int asked = 0;
    request.keep_going = [&] { return ++asked < 5; };
    const auto left = reading.answer(request);
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->cancelled);
    EXPECT_TRUE(left->text.empty());
}

TEST(Support, KnowsSentencesThatSayTheSame) {
    const char* policy =
        "Customers may return unused goods within 40 days of delivery or purchase.";
    EXPECT_TRUE(say_the_same(policy, policy));
    EXPECT_TRUE(say_the_same(
        policy, "You may return unused goods within 40 days of delivery or purchase."));
    EXPECT_FALSE(say_the_same(
        policy, "Customers may return unused goods within 30 days of delivery or purchase."));
    EXPECT_FALSE(say_the_same(
        policy, "Customers may not return unused goods within 40 days of delivery or purchase."));
    EXPECT_FALSE(say_the_same(policy, "Unused goods go back to the shelf within 40 days."));
    EXPECT_FALSE(say_the_same("可以在四十天内退货", "不可以在四十天内退货"));
}

TEST(Support, IsAProbabilityThatEvidenceRaises) {
    for (const bool by_meaning : {false, true}) {
        SupportFeatures some;
        some.best.by_meaning = by_meaning;
        some.best.context = some.best.words = 0.4;
        const double support = support_of(some, AssistantSettings());
        EXPECT_GT(support, 0);
        EXPECT_LT(support, 0.5) << "a few common words are no answer";
        SupportFeatures more = some;
        more.gap = more.lead = 2;
        EXPECT_GT(support_of(more, AssistantSettings()), support) << "it stands out";
        more = some;
        more.best.numbers = false;
        EXPECT_LT(support_of(more, AssistantSettings()), support) << "a number is missing";
        more = some;
        more.best.kind = 0;
        EXPECT_LT(support_of(more, AssistantSettings()), support) << "no price where one is asked";
        more = some;
        more.model_margin = 3;
        EXPECT_GT(support_of(more, AssistantSettings()), support) << "the model prefers the quote";
    }
    SupportFeatures moon;  // one word of the question, and no passage near
    moon.best.context = 0.44;
    moon.best.words = 0.66;
    moon.gap = 6;
    moon.lead = 1.8;
    EXPECT_LT(support_of(moon, AssistantSettings()), 0.4);
    moon.best.context = 0.54;
    EXPECT_GT(support_of(moon, AssistantSettings()), 0.7);
    SupportFeatures near;
    near.best.by_meaning = true;
    near.best.context = 0.4;
    const double far = support_of(near, AssistantSettings());
    near.best.meaning = near.best.passage_meaning = 1;
    EXPECT_GT(support_of(near, AssistantSettings()), far);
}

TEST(AssistantSettings, TravelAsJson) {
    AssistantSettings settings;
    settings.threshold = 0.61;
    settings.passages = 6;
    settings.write = true;
    settings.reading_weight = 0.3;
    settings.nearest = 5;
    auto back = settings_from_json(to_json(settings));
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->threshold, 0.61);
    EXPECT_EQ(back->passages, 6);
    EXPECT_TRUE(back->write);
    EXPECT_EQ(back->reading_weight, 0.3);
    EXPECT_EQ(back->nearest, 5);
    EXPECT_FALSE(settings_from_json({{"evidence", kEvidenceVersion}, {"threshold", 7}}));
    EXPECT_FALSE(settings_from_json({{"evidence", kEvidenceVersion}, {"passages", "many"}}));
    // A threshold of before, when the same evidence had another support, means nothing now.
    const auto older = settings_from_json({{"threshold", 0.6}});
    ASSERT_FALSE(older);
    EXPECT_EQ(older.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace cairn::apps
