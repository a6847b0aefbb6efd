// SPDX-License-Identifier: Apache-2.0
// Tuning end to end on a tiny base: it learns, the engine agrees, threads do not matter.
#include "cairn/train/tune.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/score.h"
#include "tiny_model.h"

namespace cairn::train {
namespace {

struct Fixture {
    ScopedFolder folder{"tune"};
    text::Tokenizer tokenizer = tiny_tokenizer();
    std::filesystem::path base = folder.path() / "base.gguf";
    TuneOptions options;

    explicit Fixture(ExportType type) {
        EXPECT_TRUE(write_file_atomic(base, tiny_gguf(tokenizer, type)));
        options.rate = 2e-2;
        options.epochs = 40;
        options.batch_tokens = 256;
        options.threads = 2;
    }
    Result<TuneResult> tune(const std::string& name) {
        return tune_lora(base, tiny_chats(tokenizer, 40), {}, options, silent_progress(),
                         folder.path() / ("work-" + name), folder.path() / name);
    }
};

TEST(Tune, GraphAndEngineGiveTheSameProbabilities) {
    const Fixture fixture(ExportType::kF32);
    const auto base = load_base(fixture.base);
    const auto model = engine::Model::load(fixture.base);
    ASSERT_TRUE(base && model);
    const auto ids = tiny_chats(fixture.tokenizer, 3)[2].ids;
    Batch batch;
    std::vector<std::int32_t> labels(ids.begin() + 1, ids.end());
    labels.push_back(kNoLabel);
    batch.add_segment({ids.begin(), ids.end()}, labels);
    Graph<float> graph(base->shape, {}, Precision::kF32);
    std::vector<float> losses;
    graph.run(batch, base->weights.data(), nullptr, nullptr, 0, &losses);
    const auto logprobs = engine::token_logprobs(*model, nullptr, ids);
    ASSERT_TRUE(logprobs);
    ASSERT_EQ(logprobs->size(), losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
        EXPECT_NEAR(losses[i], -(*logprobs)[i], 1e-4) << i;
    }
}

TEST(Tune, LowersTheDevLossAndWritesAnAdapterThatTheEngineLoads) {
    Fixture fixture(ExportType::kF32);
    const auto result = fixture.tune("adapter.gguf");
    ASSERT_TRUE(result) << result.error().to_string();
    EXPECT_LT(result->dev_loss_best, 0.5 * result->dev_loss_base);
    EXPECT_EQ(result->examples + result->dev_examples, 40);
    EXPECT_GT(result->tokens, 0);

    const auto model = engine::Model::load(fixture.base);
    ASSERT_TRUE(model) << model.error().to_string();
    const auto adapter = engine::Adapter::load(fixture.folder.path() / "adapter.gguf", **model);
    ASSERT_TRUE(adapter) << adapter.error().to_string();
    const text::RenderedChat chat = tiny_chats(fixture.tokenizer, 1)[0];
    const auto tuned = engine::token_logprobs(*model, adapter->get(), chat.ids);
    const auto plain = engine::token_logprobs(*model, nullptr, chat.ids);
    ASSERT_TRUE(tuned && plain);
    double gain = 0;
    for (std::size_t i = 1; i < chat.ids.size(); ++i) {
        if (chat.trainable[i] != 0) gain += (*tuned)[i - 1] - (*plain)[i - 1];
    }
    EXPECT_GT(gain, 1.0);
}

/// A base that reads 8192 tokens took rows of 8192: 7.7 GB for a model of 135 million parameters.
TEST(Tune, RowsAreAsLongAsTheExamplesNeedAndNotAsTheContext) {
    const Fixture fixture(ExportType::kF32);
    const auto base = fixture.folder.path() / "long.gguf";
    ASSERT_TRUE(write_file_atomic(base, tiny_gguf(fixture.tokenizer, ExportType::kF32, 8192)));
    TuneOptions options;
    options.epochs = 1;
    options.batch_tokens = 1024;
    const auto result =
        tune_lora(base, tiny_chats(fixture.tokenizer, 300), {}, options, silent_progress(),
                  fixture.folder.path() / "work", fixture.folder.path() / "adapter.gguf");
    ASSERT_TRUE(result) << result.error().to_string();
    ASSERT_GT(result->tokens, 3 * 1024);
    EXPECT_GE(result->steps, result->tokens / 1024) << "one row a step, each of 1024 tokens";
}

TEST(Tune, MergedModelSaysWhatBaseAndAdapterSay) {
    Fixture fixture(ExportType::kF32);
    ASSERT_TRUE(fixture.tune("adapter.gguf"));
    const auto path = fixture.folder.path() / "merged.gguf";
    const Status merged = merge_adapter(fixture.base, fixture.folder.path() / "adapter.gguf", path);
    ASSERT_TRUE(merged) << merged.error().to_string();
    const auto base = engine::Model::load(fixture.base);
    const auto adapter = engine::Adapter::load(fixture.folder.path() / "adapter.gguf", **base);
    const auto whole = engine::Model::load(path);
    ASSERT_TRUE(adapter && whole);
    const auto ids = tiny_chats(fixture.tokenizer, 2)[1].ids;
    const auto expected = engine::token_logprobs(*base, adapter->get(), ids);
    const auto found = engine::token_logprobs(*whole, nullptr, ids);
    ASSERT_TRUE(expected && found);
    for (std::size_t i = 0; i < expected->size(); ++i) {
        EXPECT_NEAR((*found)[i], (*expected)[i], 1e-3);
    }
}

TEST(Tune, QuantisedBaseGivesTheSameAdapterOnOneAndTwoThreads) {
    Fixture fixture(ExportType::kQ8_0);
    fixture.options.epochs = 2;
    const auto two = fixture.tune("two.gguf");
    fixture.options.threads = 1;
    const auto one = fixture.tune("one.gguf");
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->adapter_digest, two->adapter_digest);
}

TEST(Tune, KilledRunsGoOnToTheSameBytes) {
    Fixture fixture(ExportType::kF32);
    fixture.options.epochs = 10;
    fixture.options.threads = 1;
    const auto whole = fixture.tune("whole.gguf");
    ASSERT_TRUE(whole);
    fixture.options.checkpoint_seconds = 0;  // after every step
    const auto tune_again = [&] {
        return tune_lora(fixture.base, tiny_chats(fixture.tokenizer, 40), {}, fixture.options,
                         silent_progress(), fixture.folder.path() / "killed",
                         fixture.folder.path() / "killed.gguf");
    };
    Rng rng(4);
    for (int i = 0; i < 6; ++i) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto ignored = tune_again();
            _exit(ignored ? 0 : 1);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + rng.below(80)));
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    const auto last = tune_again();
    ASSERT_TRUE(last) << last.error().to_string();
    EXPECT_EQ(last->adapter_digest, whole->adapter_digest);
}

TEST(Tune, RefusesAnExampleWithoutAnAnswer) {
    Fixture fixture(ExportType::kF32);
    auto chats = tiny_chats(fixture.tokenizer, 6);
    const std::vector<text::ChatMessage> question = {{"user", "when is tea"}};
    chats.push_back(text::render_chat(fixture.tokenizer, question, false).value());
    const auto result =
        tune_lora(fixture.base, chats, tiny_chats(fixture.tokenizer, 2), fixture.options,
                  silent_progress(), fixture.folder.path() / "w", fixture.folder.path() / "a");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kInvalid);
    EXPECT_NE(result.error().message.find("example 7"), std::string::npos);
}

}  // namespace
}  // namespace cairn::train
