// SPDX-License-Identifier: Apache-2.0
// From a recipe and a folder of text to a model file and its card, on a very small scale.
#include "cairn/train/pretrain.h"

#include <gtest/gtest.h>

#include "cairn/base/files.h"
#include "cairn/base/rng.h"
#include "cairn/engine/model.h"
#include "cairn/train/recipe.h"

namespace cairn::train {
namespace {

constexpr const char* kRecipe = R"(
name = "crumb"
seed = 3
[model]
layers = 2
width = 32
heads = 2
kv_heads = 1
head_width = 16
ff_width = 64
context = 256
[tokenizer]
vocabulary = 380
sample_characters = 100_000
[corpus]
handbooks = 1.0
[stage1]
tokens = 6_000
row_tokens = 128
batch_tokens = 1024
rate = 3e-3
warmup_steps = 1
decay = 0.1
[stage2]
tokens = 8_000
row_tokens = 256
batch_tokens = 1024
rate = 1e-3
warmup_steps = 1
decay = 0.0
plain_share = 0.1
)";

std::string document_line(const std::string& id, Rng& rng) {
    static const std::vector<std::string> things = {
        "ferry", "laptop", "badge", "invoice", "garden", "kitchen", "server", "holiday", "parcel"};
    static const std::vector<std::string> people = {"crew", "manager", "office", "visitor", "cook"};
    std::string text = "Rules";
    for (int i = 0; i < 14; ++i) {
        const std::string& thing = things[rng.below(things.size())];
        const std::string& person = people[rng.below(people.size())];
        const std::string number = std::to_string(2 + rng.below(40));
        text += i % 4 == 0 ? "\\n\\n" : " ";
        text += i % 2 == 0 ? "The " + person + " must check every " + thing + " within " + number +
                                 " days of arrival."
                           : "You can ask the " + person + " for a new " + thing +
                                 " before the end of week " + number + ".";
    }
    return R"({"id":")" + id + R"(","source":"test","title":"House rules","text":")" + text +
           "\"}\n";
}

struct Corpus {
    ScopedFolder folder{"pretrain"};
    PretrainOptions options;

    Corpus() {
        Rng rng(1);
        std::string training;
        std::string held_out;
        for (int i = 0; i < 60; ++i)
            training += document_line("t" + std::to_string(i), rng);
        for (int i = 0; i < 6; ++i)
            held_out += document_line("h" + std::to_string(i), rng);
        const auto& root = folder.path();
        EXPECT_TRUE(write_file_atomic(root / "handbooks.jsonl", training));
        EXPECT_TRUE(write_file_atomic(root / "heldout.jsonl", held_out));
        EXPECT_TRUE(write_file_atomic(root / "MANIFEST.md",
                                      "# m\n\n## Sources\n\n| test | CC-BY-4.0 |\n\n## Other\n"));
        EXPECT_TRUE(write_file_atomic(root / "recipe.toml", kRecipe));
        options = {
            root / "recipe.toml", root, root / "work", root / "new" / "crumb.gguf", 2, 4, {}};
        options.sink = silent_progress();
    }
};

TEST(Pretrain, WalksTheWholeWayAndTwiceTheSame) {
    Corpus corpus;
    const Status first = pretrain(corpus.options);
    ASSERT_TRUE(first) << first.error().to_string();
    const auto model = engine::Model::load(corpus.options.model);
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ((*model)->name(), "crumb");
    EXPECT_TRUE((*model)->has_chat());
    const std::string card = read_file(corpus.folder.path() / "new" / "crumb.md", 1 << 20).value();
    EXPECT_NE(card.find("| test | CC-BY-4.0 |"), std::string::npos);
    EXPECT_NE(card.find("bits per byte"), std::string::npos);
    EXPECT_EQ(card.find("## Other"), std::string::npos);

    const std::string bytes = read_file(corpus.options.model, 1 << 28).value();
    corpus.options.work = corpus.folder.path() / "again";
    corpus.options.threads = 1;
    corpus.options.last_stage = 3;
    ASSERT_TRUE(pretrain(corpus.options));
    EXPECT_EQ(read_file(corpus.options.model, 1 << 28).value(), bytes);
}

TEST(Pretrain, MissesTheManifestBeforeItTrains) {
    Corpus corpus;
    std::filesystem::remove(corpus.folder.path() / "MANIFEST.md");
    const Status status = pretrain(corpus.options);
    EXPECT_EQ(status.error().code, Code::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(corpus.options.work / "stage1"));
}

TEST(Recipe, NamesWhatIsWrong) {
    const std::string good = kRecipe;
    EXPECT_TRUE(parse_recipe(good));
    std::string unknown = good;
    unknown.insert(unknown.find("layers"), "layer = 3\n");
    EXPECT_NE(parse_recipe(unknown).error().message.find("model.layer"), std::string::npos);
    std::string missing = good;
    missing.erase(missing.find("heads = 2"), 9);
    EXPECT_NE(parse_recipe(missing).error().message.find("model.heads"), std::string::npos);
    EXPECT_EQ(parse_recipe("name = ").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace cairn::train
