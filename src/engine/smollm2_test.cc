// SPDX-License-Identifier: Apache-2.0
// Real weights: SmolLM2-135M-Instruct against transformers (tools/golden/make_smollm2_golden.py
// says where the file comes from). Skipped when CAIRN_SMOLLM2 does not name it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "cairn/base/files.h"
#include "cairn/engine/forward.h"
#include "cairn/engine/quality.h"
#include "cairn/engine/quantise_model.h"
#include "cairn/text/chat_template.h"
#include "random_text.h"

namespace cairn::engine {
namespace {

namespace fs = std::filesystem;

using ModelPtr = std::shared_ptr<const Model>;

/// The stored values, or the file with all logits that CAIRN_SMOLLM2_GOLDEN names.
const format::GgufFile& golden() {
    static const auto file = [] {
        const char* named = std::getenv("CAIRN_SMOLLM2_GOLDEN");
        const fs::path stored =
            fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/smollm2_golden.gguf";
        return format::GgufFile::open(named == nullptr ? stored : fs::path(named));
    }();
    EXPECT_TRUE(file) << file.error().to_string();
    return *file;
}

std::vector<TokenId> golden_ids(const std::string& key) {
    std::vector<TokenId> ids;
    for (const std::int64_t id : golden().get_integers(key).value())
        ids.push_back(static_cast<TokenId>(id));
    return ids;
}

std::span<const float> golden_floats(const std::string& name) {
    const format::GgufTensor* tensor = golden().find_tensor(name);
    EXPECT_NE(tensor, nullptr) << name;
    return {reinterpret_cast<const float*>(tensor->bytes.data()), tensor->elements()};
}

double log_sum_exp(std::span<const float> row) {
    const double top = *std::ranges::max_element(row);
    double sum = 0;
    for (const float value : row)
        sum += std::exp(static_cast<double>(value) - top);
    return top + std::log(sum);
}

/// The best token again and again, the end of a turn included.
std::vector<TokenId> greedy_text(const ModelPtr& model, std::vector<TokenId> prompt,
                                 std::size_t count) {
    Forward forward(model, nullptr);
    KvCache kv(model->config(), std::ssize(prompt) + static_cast<std::int64_t>(count));
    std::vector<TokenId> text;
    while (text.size() < count) {
        const BatchItem item = {&kv, prompt, nullptr, Logits::kLast};
        const auto logits = forward.run({&item, 1}).value();
        text.push_back(static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin()));
        prompt = {text.back()};
    }
    return text;
}

class SmolLm2 : public testing::Test {
  protected:
    void SetUp() override {
        const char* file = std::getenv("CAIRN_SMOLLM2");
        if (file == nullptr) {
            GTEST_SKIP() << "SKIPPED: CAIRN_SMOLLM2 does not name SmolLM2-135M-Instruct.Q4_1.gguf";
        }
        const auto model = Model::load(file);
        ASSERT_TRUE(model) << model.error().to_string();
        model_ = *model;
    }

    /// The same weights, widened to float32: what transformers computes with.
    ModelPtr wide() {
        const fs::path path = temporary_.path() / "wide.gguf";
        const auto written = quantise_model(*model_, path, {.type = TensorType::kF32, .pure = true},
                                            pool_, silent_progress());
        EXPECT_TRUE(written) << written.error().to_string();
        const auto model = Model::load(path);
        EXPECT_TRUE(model) << model.error().to_string();
        return *model;
    }

    ModelPtr model_;
    ThreadPool pool_{2};
    ScopedFolder temporary_{"smollm2-test"};
};

TEST_F(SmolLm2, GivesTheTokensOfTheOriginalTokenizer) {
    const text::Tokenizer& tokenizer = model_->tokenizer();
    const auto texts = golden().get_strings("texts").value();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(tokenizer.encode(texts[i], {.parse_special = true}),
                  golden_ids(std::to_string(i) + ".ids"))
            << texts[i];
    }
    text::RandomText random(golden().get_u32("seed").value());
    for (const std::string& expected : golden().get_strings("digests").value()) {
        text::IdDigest digest;
        for (std::uint32_t i = 0; i < golden().get_u32("batch").value(); ++i)
            digest.add(tokenizer.encode(random.text(), {.parse_special = true}));
        EXPECT_EQ(fmt::format("{:016x}", digest.value()), expected);
    }
}

TEST_F(SmolLm2, RendersItsChatTemplateAsJinjaDoes) {
    const auto chat = text::ChatTemplate::of(model_->tokenizer());
    ASSERT_TRUE(chat) << chat.error().to_string();
    const std::vector<text::ChatMessage> messages = {
        {"system", "You answer in one short sentence."},
        {"user", "What is the capital of France?"},
        {"assistant", "The capital of France is Paris."},
        {"user", "And how many people live there?  Wie viele? 多少?"}};
    const auto rendered = chat->render(messages);
    ASSERT_TRUE(rendered) << rendered.error().to_string();
    EXPECT_EQ(rendered->text, golden().get_string("chat").value());
    EXPECT_EQ(text::encode_chat(model_->tokenizer(), *rendered), golden_ids("0.ids"));
}

TEST_F(SmolLm2, FloatWeightsGiveTheLogitsAndTheGreedyTextOfTransformers) {
    const ModelPtr model = wide();
    const auto columns = golden().get_u32("columns").value();
    const auto vocabulary = static_cast<std::size_t>(model->config().vocabulary);
    const auto texts = golden().get_strings("texts").value();
    double worst = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::string key = std::to_string(i);
        const std::vector<TokenId> ids = golden_ids(key + ".ids");
        const std::vector<TokenId> best = golden_ids(key + ".best");
        const auto expected = golden_floats(key + ".logits");
        const auto sums = golden_floats(key + ".sums");
        Forward forward(model, &pool_);
        KvCache kv(model->config(), std::ssize(ids));
        const BatchItem item = {&kv, ids, nullptr, Logits::kAll};
        const auto logits = forward.run({&item, 1}).value();
        std::size_t at = 0;
        for (std::size_t row = 0; row < ids.size(); ++row) {
            const auto values = logits.subspan(row * vocabulary, vocabulary);
            for (std::size_t column = 0; column < vocabulary; column += columns) {
                worst = std::max(worst, std::abs(double{values[column]} - double{expected[at++]}));
            }
            worst = std::max(worst, std::abs(log_sum_exp(values) - double{sums[row]}));
            ASSERT_EQ(std::ranges::max_element(values) - values.begin(), best[row])
                << texts[i] << " behind token " << row;
        }
    }
    RecordProperty("largest_difference", fmt::format("{:.2e}", worst));
    EXPECT_LE(worst, 1e-3);

    EXPECT_EQ(greedy_text(model, golden_ids("0.ids"), golden_ids("greedy").size()),
              golden_ids("greedy"));
}

/// Products with quantised weights round the activations to 8 bits: near, not equal.
TEST_F(SmolLm2, QuantisedWeightsStayNearFloat) {
    const ModelPtr model = wide();
    std::vector<TokenId> tokens;
    for (const std::string& text : golden().get_strings("texts").value()) {
        const auto ids = model_->tokenizer().encode(text);
        tokens.insert(tokens.end(), ids.begin(), ids.end());
    }
    const auto quality = compare_models(model, model_, tokens, 256, pool_, silent_progress());
    ASSERT_TRUE(quality) << quality.error().to_string();
    RecordProperty("mean_kl", fmt::format("{:.2e}", quality->mean_kl));
    RecordProperty("same_top_1", fmt::format("{:.4f}", quality->same_top_1));
    RecordProperty("log_ratio", fmt::format("{:.2e}", quality->log_ratio));
    EXPECT_LE(quality->mean_kl, 5e-3);
    EXPECT_GE(quality->same_top_1, 0.95);
    EXPECT_LE(std::abs(quality->log_ratio), 0.01);
}

}  // namespace
}  // namespace cairn::engine
