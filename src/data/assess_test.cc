// SPDX-License-Identifier: Apache-2.0
// Verdicts on small corpora whose right verdict is plain, and on the sample company.
#include "cairn/data/assess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/data/ingest.h"
#include "cairn/format/jsonl.h"
#include "cairn/text/json.h"

namespace cairn::data {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

text::Document document(const std::string& path, const std::string& text) {
    text::Document made;
    made.source = "s";
    made.id = path;
    made.path = path;
    made.language = "en";
    made.text = text;
    made.sections.push_back({{}, {0, static_cast<std::int64_t>(text.size())}, 0});
    return made;
}

QaInput sample_qa() {
    QaInput input;
    input.documents = {document("lift.md", "The travel lift carries boats of up to 40 tons."),
                       document("leave.md", "Every employee has 27 days of leave in a year."),
                       document("fees.md", "A berth in the cold hall costs 41 euro.")};
    input.questions = {{"How heavy may boats be for the lift?", "40 tons",
                        "The travel lift carries boats of up to 40 tons.", true},
                       {"How many days of leave do I have?", "27 days", "27 days\nof leave", true},
                       {"Who was king in 1900?", "", "", false}};
    return input;
}

TEST(AssessQa, AnswersThatStandInTheDocumentsAreRetrieved) {
    Assessment assessment = assess_qa("handbook", sample_qa());
    EXPECT_EQ(assessment.verdict, Verdict::kRetrieve);
    EXPECT_DOUBLE_EQ(assessment.figure("coverage")->value, 1);
    EXPECT_DOUBLE_EQ(assessment.figure("groundability")->value, 1);
    EXPECT_EQ(assessment.figure("nothing"), nullptr);
    EXPECT_THAT(assessment.flips, Not(IsEmpty()));
    for (const AssessFigure& figure : assessment.figures) {
        EXPECT_THAT(figure.shown.meaning, Not(IsEmpty())) << figure.key;
        EXPECT_THAT(figure.shown.method, Not(IsEmpty())) << figure.key;
    }
}

TEST(AssessQa, QuestionsThatTheDocumentsDoNotAnswerMeanDoNot) {
    QaInput input = sample_qa();
    input.questions = {{"What is the tax rate?", "19 percent", "The tax rate is 19 percent", true},
                       {"Who is the landlord?", "Mr Smith", "The landlord is Mr Smith", true}};
    Assessment assessment = assess_qa("handbook", input);
    EXPECT_EQ(assessment.verdict, Verdict::kDoNot);
    EXPECT_THAT(assessment.flips[0], HasSubstr("1 more"));
    EXPECT_EQ(assessment.list.size(), 2U);
}

TEST(AssessQa, AnswersInOtherWordsMeanBoth) {
    QaInput input = sample_qa();
    input.questions[0].answer = "Roughly forty thousand kilograms maximum weight";
    input.questions[1].answer = "Nearly six working weeks altogether";
    EXPECT_EQ(assess_qa("handbook", input).verdict, Verdict::kBoth);
}

/// `languages` in cairn.toml was read and shown, and decided nothing.
TEST(AssessQa, DocumentsInLanguagesThatNobodyListedAreNamed) {
    QaInput input = sample_qa();
    EXPECT_EQ(assess_qa("handbook", input).figure("other_languages"), nullptr) << "any language";
    std::string german;
    for (int i = 0; i < 6; ++i)
        german += "Der Kran hebt Boote bis vierzig Tonnen. ";
    input.documents.push_back(document("kran.md", german));
    input.documents.back().language = "de";
    input.documents.push_back(document("note.md", "Kran kaputt"));
    input.documents.back().language = "de";  // two words: a guess
    input.languages = {"en", "zh"};
    const Assessment assessment = assess_qa("handbook", input);
    const AssessFigure* figure = assessment.figure("other_languages");
    ASSERT_NE(figure, nullptr);
    EXPECT_EQ(figure->value, 1);
    EXPECT_EQ(figure->shown.value, "1: kran.md (de); no document in zh");
    EXPECT_EQ(figure->shown.tone, Tone::kWarn);
    input.languages = {"en", "de"};
    EXPECT_EQ(assess_qa("handbook", input).figure("other_languages")->shown.tone, Tone::kGood);
}

TEST(AssessQa, TheRetrieverIsTheOneGiven) {
    QaInput input = sample_qa();
    int asked = 0;
    input.retriever = [&asked](std::string_view) {
        ++asked;
        return std::vector<std::string>{"nothing of use"};
    };
    EXPECT_EQ(assess_qa("handbook", input).verdict, Verdict::kDoNot);
    EXPECT_EQ(asked, 2);
}

TEST(AssessQa, NoDocumentsIsAVerdictNotACrash) {
    Assessment assessment = assess_qa("empty", {});
    EXPECT_EQ(assessment.verdict, Verdict::kDoNot);
    EXPECT_THAT(assessment.headline, HasSubstr("nothing to judge"));
}

Example pair(int i, const std::string& reply) {
    Example example;
    example.line = i + 1;
    example.id = "e_" + std::to_string(i);
    std::string n = std::to_string(i);
    // Letters in place of digits: shingles take all numbers for one.
    for (char& c : n) {
        c = static_cast<char>('a' + (c - '0'));
    }
    example.messages = {
        {"user", "My " + n + " engine of " + n + n + " stopped near " + n + " quay"},
        {"assistant", reply + " about " + n + " and " + n + n + "\n\nNext:\n- step " + n +
                          "\n\nFair winds,\nThe Crew"}};
    return example;
}

StyleInput sample_style(int count) {
    StyleInput input;
    for (int i = 0; i < count; ++i) {
        input.file.examples.push_back(pair(i, "Ahoy you,\n\nthanks"));
    }
    return input;
}

TEST(AssessStyle, EnoughAlikePairsMeanTune) {
    Assessment assessment = assess_style("replies", sample_style(240));
    EXPECT_EQ(assessment.verdict, Verdict::kTune) << assessment_json(assessment);
    EXPECT_GT(assessment.figure("consistency")->value, 0.99);
    EXPECT_NEAR(assessment.figure("effective_pairs")->value, 240, 1);
}

TEST(AssessStyle, TooFewPairsMeanDoNotAndSayHowManyMore) {
    Assessment assessment = assess_style("replies", sample_style(150));
    EXPECT_EQ(assessment.verdict, Verdict::kDoNot);
    EXPECT_THAT(assessment.flips.back(), HasSubstr("about 50 pairs"));
}

TEST(AssessStyle, OffStyleEmptyAndRepeatedLinesAreNamed) {
    StyleInput input = sample_style(240);
    input.file.examples[3].messages[1].content = "no idea, call us";
    input.file.examples[4].messages[1].content = "";
    input.file.examples[5].id = input.file.examples[6].id;
    input.file.problems.push_back({300, "expected key messages"});
    Assessment assessment = assess_style("replies", input);
    EXPECT_EQ(assessment.verdict, Verdict::kTune);
    EXPECT_EQ(assessment.figure("off_style")->value, 1);
    EXPECT_EQ(assessment.figure("usable_pairs")->value, 238);
    EXPECT_THAT(assessment.list,
                testing::UnorderedElementsAre(HasSubstr("line 4:"), HasSubstr("line 5:"),
                                              HasSubstr("line 7:"), HasSubstr("line 300:")));
}

TEST(AssessStyle, TheSameQuestionWithOtherRepliesContradicts) {
    StyleInput input = sample_style(240);
    for (int i = 0; i < 40; ++i) {
        Example twin = input.file.examples[static_cast<std::size_t>(i)];
        twin.id += "b";
        twin.messages[1].content = "Ahoy you,\n\nquite different words for number " +
                                   twin.messages[0].content +
                                   "\n\nNext:\n- wait\n\nFair winds,\nThe Crew";
        input.file.examples.push_back(twin);
    }
    Assessment assessment = assess_style("replies", input);
    EXPECT_GT(assessment.figure("contradictions")->value, 0.05);
    EXPECT_EQ(assessment.verdict, Verdict::kDoNot);
}

TEST(AssessReport, JsonAndPageHoldTheFigures) {
    Assessment assessment = assess_qa("<b>handbook", sample_qa());
    auto json = text::parse_json(assessment_json(assessment));
    ASSERT_TRUE(json);
    EXPECT_EQ((*json)["verdict"], "retrieve");
    EXPECT_EQ((*json)["figures"].size(), assessment.figures.size());
    std::string page = assessment_html(assessment, "Harbour & Finch");
    EXPECT_THAT(page, HasSubstr("Groundability"));
    EXPECT_THAT(page, Not(HasSubstr("<b>handbook")));
}

class SampleCompany : public testing::Test {
  protected:
    std::filesystem::path root_ = std::filesystem::path(CAIRN_SOURCE_DIR) / "examples/harbour";
};

TEST_F(SampleCompany, HandbookIsRetrievedAndRepliesAreTuned) {
    ScopedFolder folder("assess");
    auto store = store::Store::open(folder.path());
    ASSERT_TRUE(store);
    auto summary = ingest(*store, {"documents", root_ / "documents", {}}, {}, silent_progress());
    ASSERT_TRUE(summary) << summary.error().to_string();
    QaInput input;
    input.documents = load_documents(*store).value();
    auto reader = format::JsonlReader::open(root_ / "tests/handbook.jsonl");
    ASSERT_TRUE(reader);
    nlohmann::json line;
    while (reader->next(line).value()) {
        input.questions.push_back({line["question"], line.value("answer", ""),
                                   line.value("quote", ""), line["answerable"]});
    }
    Assessment handbook = assess_qa("handbook", input);
    EXPECT_EQ(handbook.verdict, Verdict::kRetrieve) << assessment_json(handbook);
    EXPECT_EQ(handbook.figure("secrets")->value, 2);
    auto examples = read_examples(root_ / "examples/replies.jsonl");
    ASSERT_TRUE(examples);
    Assessment replies = assess_style("replies", {.file = *examples, .count_tokens = {}});
    EXPECT_EQ(replies.verdict, Verdict::kTune) << assessment_json(replies);
    for (const Assessment* one : {&handbook, &replies}) {
        for (const AssessFigure& figure : one->figures) {
            std::cout << one->scenario << " " << figure.shown.name << ": " << figure.shown.value
                      << "\n";
        }
    }
}

}  // namespace
}  // namespace cairn::data
