// SPDX-License-Identifier: Apache-2.0
// Example formats: recognised, converted into each other, problems named by line and key; splits
// that do not leak.
#include "cairn/data/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

ExampleFile many_examples() {
    ExampleFile file;
    for (int i = 0; i < 300; ++i) {
        const std::string n = std::to_string(i);
        Example example =
            parse_example(
                json::parse(openai_line("ticket " + n + " about part " + std::to_string(i * 7919) +
                                            " and vessel " + std::to_string(i * 104729),
                                        "reply " + n + " says item " + std::to_string(i * 31337))))
                .value();
        example.line = i + 1;
        file.examples.push_back(example);
    }
    return file;
}

TEST(Dataset, SplitsStayWhereTheyAreWhenLinesAreAdded) {
    ExampleFile file = many_examples();
    const ExampleDataset all = make_dataset(file);
    EXPECT_NEAR(static_cast<double>(all.train.size()), 210, 25);
    EXPECT_GT(all.dev.size(), 10u);
    EXPECT_GT(all.holdout.size(), 30u);
    std::set<std::string> held_out;
    for (const Example& example : all.holdout)
        held_out.insert(example.id);
    file.examples.resize(200);
    for (const Example& example : make_dataset(file).train) {
        EXPECT_FALSE(held_out.contains(example.id));
    }
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
}

}  // namespace
}  // namespace cairn::data
