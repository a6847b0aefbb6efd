// SPDX-License-Identifier: Apache-2.0
// Suites with made-up assistants whose faults are known.
#include "cairn/eval/qa_suite.h"

#include <gtest/gtest.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"

namespace cairn::eval {
namespace {

QaQuestion question(int i, bool answerable) {
    QaQuestion out;
    out.id = "q" + std::to_string(i);
    out.question = "What is the value of item " + std::to_string(i) + "?";
    out.answerable = answerable;
    if (answerable) {
        out.answer = std::to_string(100 + i) + " euro";
        out.quote = "Item " + std::to_string(i) + " costs " + std::to_string(100 + i) + " euro.";
        out.document = "prices-" + std::to_string(i / 2) + ".md";
    }
    return out;
}

QaReply reply(const QaQuestion& asked, const std::string& quote, double support) {
    QaReply out;
    knowledge::Citation citation;
    citation.path = asked.answerable ? asked.document : "other.md";
    citation.quote = quote;
    out.quotes.push_back(citation);
    out.retrieved.push_back({citation.path, "Before. " + quote + " After. " + asked.quote});
    out.support = support;
    out.latency_ms = 10;
    return out;
}

/// Right and sure for most; a few wrong ones and the unanswerable ones are unsure.
Result<QaReply> steady(const QaQuestion& asked) {
    if (!asked.answerable) {
        return reply(asked, "Something else entirely.", 0.2);
    }
    return reply(asked, asked.quote, 0.8);
}

std::vector<QaQuestion> questions(int answerable, int not_answerable) {
    std::vector<QaQuestion> out;
    for (int i = 0; i < answerable + not_answerable; ++i) {
        out.push_back(question(i, i < answerable));
    }
    return out;
}

TEST(QaSuite, AGoodAssistantPasses) {
    auto report = run_qa_suite(questions(160, 80), steady, {});
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_GT(report->threshold, 0.2);
    EXPECT_LE(report->threshold, 0.8);
    EXPECT_EQ(report->wrong.mean, 0);
    EXPECT_EQ(report->right.mean, 1);
    EXPECT_EQ(report->recall_at_5.mean, 1);
    EXPECT_EQ(report->quote_exact.mean, 1);
    EXPECT_EQ(report->support_auroc, 1);
    EXPECT_EQ(report->gate.verdict(), Verdict::kPass);
}

TEST(QaSuite, FewQuestionsAreNotEnoughEvidence) {
    auto report = run_qa_suite(questions(24, 12), steady, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->wrong.mean, 0);
    EXPECT_EQ(report->gate.verdict(), Verdict::kNotEnoughEvidence);
    EXPECT_GT(report->gate.criteria.front().more_labels, 0);
}

TEST(QaSuite, NoQuestionChoosesItsOwnThreshold) {
    // One document's questions are wrong with high support. Its own threshold cannot know that; all
    // other questions are judged more strictly because of it.
    auto ask = [](const QaQuestion& q) -> Result<QaReply> {
        const bool bad = q.document == "prices-0.md";
        return reply(q, bad ? "Wrong." : q.quote, bad ? 0.9 : q.answerable ? 0.5 : 0.1);
    };
    QaOptions options;
    options.gate.wrong_max = 0.02;
    auto report = run_qa_suite(questions(60, 20), ask, options);
    ASSERT_TRUE(report);
    EXPECT_LT(report->items[0].threshold, 0.5);
    EXPECT_TRUE(report->items[0].wrong);
    EXPECT_GT(report->items[10].threshold, 0.9);
    EXPECT_TRUE(report->items[10].refused);
    EXPECT_EQ(report->right.n, 80);
}

TEST(QaSuite, TheBetterWayOfAskingIsChosen) {
    auto poor = [](const QaQuestion& q) { return Result<QaReply>(reply(q, "Wrong.", 0.9)); };
    auto report = run_qa_suite(questions(60, 20), std::vector<Ask>{poor, steady}, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->variant, 1);
    EXPECT_EQ(report->right.mean, 1);
}

TEST(QaSuite, OfTwoWaysThatRefuseTheOneThatShowsTheEvidenceIsChosen) {
    auto silent = [](const QaQuestion& q) { return Result<QaReply>(reply(q, "Wrong.", 0.1)); };
    auto showing = [](const QaQuestion& q) {
        QaReply out = reply(q, "Wrong.", 0.1);
        out.nearest = {out.quotes[0]};
        return Result<QaReply>(std::move(out));
    };
    auto report = run_qa_suite(questions(60, 20), std::vector<Ask>{silent, showing}, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->variant, 1);
    EXPECT_EQ(report->refused_near.mean, 1);
}

TEST(QaSuite, AWayThatIsBetterByOneQuestionIsLuck) {
    auto nearly = [](const QaQuestion& q) {
        return q.id == "q3" ? Result<QaReply>(reply(q, "Wrong.", 0.1)) : steady(q);
    };
    auto report = run_qa_suite(questions(60, 20), std::vector<Ask>{nearly, steady}, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->variant, 0);
}

TEST(QaSuite, FaultsAreNamedFromTheTrace) {
    auto asked = questions(8, 2);
    auto ask = [](const QaQuestion& q) -> Result<QaReply> {
        QaReply out = reply(q, q.answerable ? q.quote : "No.", 0.9);
        if (q.id == "q0") {
            out = reply(q, "Another sentence.", 0.9);
        } else if (q.id == "q1") {
            out = reply(q, "Another sentence.", 0.9);
            out.retrieved.insert(out.retrieved.begin(), {"x.md", "Nothing."});
        } else if (q.id == "q2") {
            out = reply(q, "Another sentence.", 0.9);
            out.retrieved = {{"x.md", "Nothing."}};
        } else if (q.id == "q3") {
            out.support = 0;
        }
        return out;
    };
    QaOptions options;
    options.gate.wrong_max = 0.99;  // nearly everything is answered
    auto report = run_qa_suite(asked, ask, options);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->items[0].fault, QaFault::kIgnored);
    EXPECT_EQ(report->items[1].fault, QaFault::kRankedLow);
    EXPECT_EQ(report->items[2].fault, QaFault::kRetrievalMiss);
    EXPECT_EQ(report->items[4].fault, QaFault::kNone);
    EXPECT_EQ(report->items[9].fault, QaFault::kUnanswerableTaken);
    EXPECT_FALSE(report->items[2].exact_quote);
    EXPECT_EQ(report->items[1].evidence_rank, 2);
}

TEST(QaSuite, ARefusalThatShowsTheEvidenceIsCountedApartAndStaysARefusal) {
    auto ask = [](const QaQuestion& q) -> Result<QaReply> {
        QaReply out = reply(q, "Wrong.", 0.1);
        // Half of the answerable ones show a sentence of the passage that holds the evidence, one
        // shows the right words of another document.
        int number = 0;
        std::from_chars(q.id.data() + 1, q.id.data() + q.id.size(), number);
        knowledge::Citation near;
        near.path = number == 1 ? "other.md" : q.document;
        near.quote = number % 2 == 0 ? "Before." : "Not in any passage.";
        if (number == 1) near.quote = q.quote;
        out.nearest.push_back(near);
        return out;
    };
    auto report = run_qa_suite(questions(40, 20), ask, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->refused_answerable.mean, 1);
    EXPECT_EQ(report->answered_right.mean, 0);
    EXPECT_EQ(report->wrong.mean, 0);
    EXPECT_EQ(report->refused_near.n, 40);
    EXPECT_EQ(report->refused_near.mean, 0.5);
    EXPECT_FALSE(report->items[50].near_right) << "nothing is near an unanswerable question";
    EXPECT_EQ(to_json(*report)["refused_near"]["mean"], 0.5);
}

TEST(QaSuite, AnAssistantThatKnowsNothingRefusesAll) {
    auto ask = [](const QaQuestion& q) { return Result<QaReply>(reply(q, "Wrong.", 0.9)); };
    auto report = run_qa_suite(questions(60, 20), ask, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->wrong.mean, 0);
    EXPECT_EQ(report->answered_right.mean, 0);
    EXPECT_EQ(report->refused_unanswerable.mean, 1);
}

TEST(QaSuite, ThePageTellsAndEscapes) {
    auto asked = questions(12, 6);
    asked[0].question = "<script>alert(1)</script>";
    auto ask = [](const QaQuestion& q) { return Result<QaReply>(reply(q, "Wrong.", 0.9)); };
    auto report = run_qa_suite(asked, ask, {});
    ASSERT_TRUE(report);
    const std::string page = to_html(*report, "handbook", "test");
    EXPECT_EQ(page.find("<script>alert"), std::string::npos);
    EXPECT_NE(page.find("not enough evidence"), std::string::npos);
    EXPECT_EQ(to_json(*report)["items"].size(), 18u);
}

TEST(QaQuestions, ErrorsNameTheLine) {
    ScopedFolder folder("qa");
    const auto path = folder.path() / "q.jsonl";
    ASSERT_TRUE(write_file_atomic(
        path,
        "{\"id\":\"a\",\"question\":\"Q\",\"answerable\":false}\n\n"
        "{\"id\":\"b\",\"question\":\"Q\",\"quote\":\"x\",\"document\":\"d\"}\n"));
    auto good = read_questions(path);
    ASSERT_TRUE(good) << good.error().to_string();
    EXPECT_EQ(good->size(), 2u);
    for (const char* bad : {"{\"id\":\"a\",\"question\":\"Q\"}", "{", "[]",
                            "{\"question\":\"Q\",\"answerable\":\"yes\"}"}) {
        ASSERT_TRUE(write_file_atomic(path, std::string("\n") + bad));
        auto read = read_questions(path);
        ASSERT_FALSE(read) << bad;
        EXPECT_NE(read.error().message.find("line 2"), std::string::npos) << read.error().message;
    }
}

}  // namespace
}  // namespace cairn::eval
