// SPDX-License-Identifier: Apache-2.0
// Example formats: recognised, converted into each other, problems named by line and key; splits
// that do not leak.
#include "cairn/data/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/files.h"
#include "cairn/data/dataset.h"

namespace cairn::data {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string openai_line(const std::string& prompt, const std::string& reply) {
    const json value = {
        {"messages",
         {{{"role", "user"}, {"content", prompt}}, {{"role", "assistant"}, {"content", reply}}}}};
    return value.dump() + "\n";
}

class ExamplesTest : public testing::Test {
  protected:
    Result<ExampleFile> read(const std::string& content) {
        const auto path = folder_.path() / "examples.jsonl";
        EXPECT_TRUE(write_file_atomic(path, content));
        return read_examples(path);
    }
    ScopedFolder folder_{"examples"};
};

TEST_F(ExamplesTest, RecognisesTheThreeFormats) {
    const auto openai = parse_example(json::parse(openai_line("Hi", "Ahoy"))).value();
    const auto sharegpt = parse_example(json::parse(
        R"({"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Ahoy"}]})"));
    const auto alpaca =
        parse_example(json::parse(R"({"instruction":"Hi","input":"","output":"Ahoy"})"));
    EXPECT_EQ(openai.prompt(), "Hi");
    EXPECT_EQ(openai.reply(), "Ahoy");
    EXPECT_EQ(openai.id, sharegpt.value().id);
    EXPECT_EQ(openai.id, alpaca.value().id);
    for (const auto format :
         {ExampleFormat::kOpenAi, ExampleFormat::kShareGpt, ExampleFormat::kAlpaca}) {
        EXPECT_EQ(parse_example(to_json(openai, format)).value().id, openai.id);
        EXPECT_EQ(parse_example_format(example_format_name(format)).value(), format);
    }
}

TEST_F(ExamplesTest, NamesLineAndKeyOfAProblem) {
    const auto file = read(openai_line("a question", "an answer") + "not json\n" +
                           R"({"messages":[{"role":"user"}]})" + "\n" + openai_line("x", " ") +
                           R"({"messages":[{"role":"robot","content":"x"}]})" + "\n")
                          .value();
    EXPECT_EQ(file.examples.size(), 1u);
    ASSERT_EQ(file.problems.size(), 4u);
    EXPECT_EQ(file.problems[0].line, 2);
    EXPECT_THAT(file.problems[1].reason, HasSubstr("content"));
    EXPECT_THAT(file.problems[2].reason, HasSubstr("an empty one"));
    EXPECT_THAT(file.problems[3].reason, HasSubstr("robot"));
}

TEST_F(ExamplesTest, ReadsAnArrayAndRefusesAFileWithoutExamples) {
    EXPECT_EQ(read(R"([{"instruction":"a","output":"b"},{"instruction":"c","output":"d"}])")
                  .value()
                  .examples.size(),
              2u);
    const auto none = read("{\"text\": \"no\"}\n");
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr("line 1"));
    EXPECT_FALSE(read(""));
}

/// A made-up word for a number: numbers themselves are all the same to shingles.
std::string word(int number) {
    std::string made;
    for (number += 1000; number > 0; number /= 20)
        made +=
            std::string("bdfgklmnprstvzhjcwxq").substr(static_cast<std::size_t>(number % 20), 1) +
            "aeiou"[number % 5];
    return made;
}

ExampleFile many_examples() {
    ExampleFile file;
    for (int i = 0; i < 300; ++i) {
        const std::string prompt = "my " + word(i) + " lost its " + word(i * 7919) + " near " +
                                   word(i * 104729) + " what now";
        const std::string reply =
            "dear " + word(i * 31) + " we will mend the " + word(i * 31337) + " at once";
        Example example = parse_example(json::parse(openai_line(prompt, reply))).value();
        example.line = i + 1;
        file.examples.push_back(example);
    }
    return file;
}

TEST(Dataset, SplitsStayWhereTheyAreWhenLinesAreAdded) {
    ExampleFile file = many_examples();
    ExampleDataset all = make_dataset(file);
    EXPECT_NEAR(static_cast<double>(all.train.size()), 210, 25);
    EXPECT_NEAR(static_cast<double>(all.dev.size()), 30, 15);
    EXPECT_NEAR(static_cast<double>(all.calibration.size()), 15, 11);
    EXPECT_NEAR(static_cast<double>(all.holdout.size()), 45, 20);
    std::map<std::string, Split> places;
    for (const Split split : {Split::kTrain, Split::kDev, Split::kCalibration, Split::kHoldout}) {
        for (const Example& example : all.part(split)) {
            EXPECT_TRUE(places.emplace(example.id, split).second) << "in two parts";
        }
    }
    EXPECT_EQ(places.size(), 300u);
    file.examples.resize(200);
    ExampleDataset fewer = make_dataset(file);
    for (const Split split : {Split::kTrain, Split::kDev, Split::kCalibration, Split::kHoldout}) {
        for (const Example& example : fewer.part(split)) {
            EXPECT_EQ(places.at(example.id), split);
        }
    }
}

/// Two tickets that differ in an order number only are one ticket: a reply to the first would be
/// learned by heart and found again in the second.
TEST(Dataset, NumbersDoNotMakeExamplesDifferent) {
    std::vector<Example> examples;
    for (const char* line : {"invoice 88705 of 22 August was paid and yet a letter came today",
                             "invoice 91123 of 3 August was paid and yet a letter came today",
                             "the mast of our boat has a crack above the second spreader"}) {
        examples.push_back(parse_example(json::parse(openai_line(line, word(1)))).value());
        examples.back().messages.back().content += " " + std::string(line).substr(0, 12);
    }
    EXPECT_THAT(group_examples(examples), testing::ElementsAre(0u, 0u, 2u));
}

TEST(Dataset, NearDuplicatesNeverCrossASplitAndRepetitionsAreDropped) {
    ExampleFile file = many_examples();
    for (int i = 0; i < 300; ++i) {
        Example alike = file.examples[static_cast<std::size_t>(i)];
        alike.messages[0].content += " please";
        alike = parse_example(to_json(alike, ExampleFormat::kOpenAi)).value();
        file.examples.push_back(alike);
    }
    file.examples.push_back(file.examples[0]);
    const ExampleDataset dataset = make_dataset(file);
    ASSERT_EQ(dataset.dropped.size(), 1u);
    EXPECT_THAT(dataset.dropped[0].reason, HasSubstr("repeats line 1"));
    const auto stem = [](const Example& example) { return example.reply(); };
    std::set<std::string> train;
    for (const Example& example : dataset.train)
        train.insert(stem(example));
    for (const Example& example : dataset.holdout)
        EXPECT_FALSE(train.contains(stem(example)));
    for (const Example& example : dataset.dev)
        EXPECT_FALSE(train.contains(stem(example)));
    for (const Example& example : dataset.calibration)
        EXPECT_FALSE(train.contains(stem(example)));
}

}  // namespace
}  // namespace cairn::data
