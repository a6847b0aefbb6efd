// SPDX-License-Identifier: Apache-2.0
// Encoders against transformers (tools/golden/make_encoder_golden.py): hidden states and logits of
// every kind, from Hugging Face directories and GGUF; batch and thread invariance; refusals.
#include "cairn/engine/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/engine/embedder.h"

namespace cairn::engine {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(CAIRN_SOURCE_DIR) / "src/engine/testdata";
constexpr double kTolerance = 1e-4;

const format::GgufFile& golden() {
    static const auto file = format::GgufFile::open(kData / "encoder_golden.gguf");
    EXPECT_TRUE(file) << file.error().to_string();
    return *file;
}

EncoderSequence golden_sequence(const std::string& key) {
    EncoderSequence out;
    for (const std::int64_t id : golden().get_integers(key + ".ids").value())
        out.tokens.push_back(static_cast<TokenId>(id));
    for (const std::int64_t type : golden().get_integers(key + ".types").value())
        out.types.push_back(static_cast<std::uint8_t>(type));
    return out;
}

std::span<const float> golden_values(const std::string& name) {
    const format::GgufTensor* tensor = golden().find_tensor(name);
    EXPECT_NE(tensor, nullptr) << name;
    return {reinterpret_cast<const float*>(tensor->bytes.data()), tensor->bytes.size() / 4};
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
    return largest;
}

std::shared_ptr<const Encoder> load(const std::string& name) {
    auto encoder = Encoder::load(kData / name);
    EXPECT_TRUE(encoder) << encoder.error().to_string();
    return encoder ? *encoder : nullptr;
}

struct Kind {
    std::string path;
    std::string golden;
    std::vector<std::string> labels;
};

class Encoders : public testing::TestWithParam<Kind> {};

TEST_P(Encoders, MatchTransformersAloneAndInABatch) {
    const auto encoder = load(GetParam().path);
    ASSERT_NE(encoder, nullptr);
    EXPECT_EQ(encoder->config().labels, GetParam().labels);
    EncoderForward forward(encoder, nullptr);
    std::vector<EncoderSequence> all;
    std::vector<float> alone;
    std::vector<float> alone_logits;
    for (int i = 0; i < 4; ++i) {
        const std::string key = GetParam().golden + "." + std::to_string(i);
        all.push_back(golden_sequence(key));
        const auto hidden = forward.run(std::span(&all.back(), 1));
        ASSERT_TRUE(hidden) << hidden.error().to_string();
        EXPECT_LE(largest_difference(*hidden, golden_values(key + ".hidden")), kTolerance) << key;
        alone.insert(alone.end(), hidden->begin(), hidden->end());
        const auto logits = forward.classify(std::span(&all.back(), 1));
        ASSERT_TRUE(logits) << logits.error().to_string();
        EXPECT_LE(largest_difference(*logits, golden_values(key + ".logits")), kTolerance) << key;
        alone_logits.insert(alone_logits.end(), logits->begin(), logits->end());
    }
    ThreadPool pool(3);
    EncoderForward threaded(encoder, &pool);
    const auto together = threaded.run(all);
    ASSERT_TRUE(together);
    EXPECT_TRUE(std::ranges::equal(*together, alone)) << "a batch changes bits";
    const auto logits = threaded.classify(all);
    ASSERT_TRUE(logits);
    EXPECT_TRUE(std::ranges::equal(*logits, alone_logits)) << "a batch changes bits";
}

INSTANTIATE_TEST_SUITE_P(
    All, Encoders,
    testing::Values(Kind{"encoder_bert", "bert", {"relevant"}},
                    Kind{"encoder_bert.gguf", "bert", {"relevant"}},
                    Kind{"encoder_xlmr", "xlmr", {"entailment", "neutral", "contradiction"}},
                    Kind{"encoder_modern", "modern", {"LABEL_0", "LABEL_1"}}),
    [](const auto& info) {
        std::string name = info.param.path;
        std::ranges::replace(name, '.', '_');
        return name;
    });

/// Written by another program; tools/golden/convert_with_peer.py says how. It leaves out BERT's
/// pooler, and ModernBERT's head was taken away.
TEST(Encoder, PeerFilesMatchTransformers) {
    const char* files = std::getenv("CAIRN_PEER_FILES");
    if (files == nullptr) {
        GTEST_SKIP() << "SKIPPED: CAIRN_PEER_FILES does not name the folder of a peer's files";
    }
    for (const std::string name : {"bert", "xlmr", "modern"}) {
        const auto encoder = Encoder::load(fs::path(files) / ("encoder_" + name + ".gguf"));
        ASSERT_TRUE(encoder) << encoder.error().to_string();
        EXPECT_EQ((*encoder)->config().pooling, name == "bert" ? Pooling::kCls : Pooling::kMean);
        EncoderForward forward(*encoder, nullptr);
        for (int i = 0; i < 4; ++i) {
            const std::string key = name + "." + std::to_string(i);
            const EncoderSequence sequence = golden_sequence(key);
            const auto hidden = forward.run(std::span(&sequence, 1));
            ASSERT_TRUE(hidden) << hidden.error().to_string();
            EXPECT_LE(largest_difference(*hidden, golden_values(key + ".hidden")), kTolerance)
                << key;
            if (name != "xlmr") continue;
            const auto logits = forward.classify(std::span(&sequence, 1));
            ASSERT_TRUE(logits) << logits.error().to_string();
            EXPECT_LE(largest_difference(*logits, golden_values(key + ".logits")), kTolerance)
                << key;
        }
    }
}

TEST(Encoder, SettingsOfSentenceTransformersAreRead) {
    const auto encoder = load("encoder_bert");
    ASSERT_NE(encoder, nullptr);
    const EncoderConfig& config = encoder->config();
    EXPECT_EQ(config.pooling, Pooling::kCls);
    EXPECT_FALSE(config.normalise);
    EXPECT_EQ(config.token_limit(), 32);
    EXPECT_EQ(config.query_prefix, "how: ");
    EXPECT_EQ(config.passage_prefix, "this: ");
    EXPECT_EQ(load("encoder_xlmr")->config().pooling, Pooling::kMean);
}

TEST(Embedder, TheUsersPrefixesReplaceThoseOfTheFiles) {
    const auto encoder = load("encoder_bert");
    ASSERT_NE(encoder, nullptr);
    Embedder plain(encoder, 1);
    Embedder prefixed(encoder, 1);
    prefixed.set_prefixes("query: ", "");
    const std::vector<std::string> text = {"the ferry"};
    const std::vector<std::string> written = {"query: the ferry"};
    const auto asked = prefixed.embed(text, TextRole::kQuery).value();
    EXPECT_EQ(asked.values, plain.embed(written).value().values);
    EXPECT_NE(prefixed.identity(), plain.identity()) << "an index must not mix the two";
}

TEST(Turns, ALongCallLetsShortOnesInBetween) {
    Turns turns;
    std::vector<int> order;  // guarded by the turns themselves
    turns.lock();
    std::thread other;
    std::atomic<bool> waits = false;
    other = std::thread([&] {
        waits = true;
        const std::lock_guard turn(turns);
        order.push_back(2);
    });
    while (!waits)
        std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until it stands in the row
    order.push_back(1);
    turns.unlock();
    {
        const std::lock_guard turn(turns);  // the second batch of the long call
        order.push_back(3);
    }
    other.join();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Encoder, PairsAreWrappedAsTheModelLearnedIt) {
    const std::vector<TokenId> a = {10, 11};
    const std::vector<TokenId> b = {12};
    const EncoderSequence bert = load("encoder_bert")->wrap(a, b);
    EXPECT_EQ(bert.tokens, (std::vector<TokenId>{2, 10, 11, 3, 12, 3}));
    EXPECT_EQ(bert.types, (std::vector<std::uint8_t>{0, 0, 0, 0, 1, 1}));
    const EncoderSequence roberta = load("encoder_xlmr")->wrap(a, b);
    EXPECT_EQ(roberta.tokens, (std::vector<TokenId>{0, 10, 11, 2, 2, 12, 2}));
}

TEST(Encoder, InputOutOfBoundsIsRefusedByName) {
    const auto encoder = load("encoder_bert");
    EncoderForward forward(encoder, nullptr);
    EncoderSequence sequence;
    EXPECT_EQ(forward.run(std::span(&sequence, 1)).error().code, Code::kInvalid);
    sequence.tokens.assign(41, 5);
    const auto too_long = forward.run(std::span(&sequence, 1));
    EXPECT_EQ(too_long.error().code, Code::kTooLarge);
    EXPECT_EQ(too_long.error().message, "the model reads 40 tokens, the text has 41");
    sequence.tokens = {96};
    EXPECT_EQ(forward.run(std::span(&sequence, 1)).error().code, Code::kInvalid);
}

/// A copy of the fixture with one file changed.
class Changed : public testing::Test {
  protected:
    Error load_with(const std::string& file, const std::string& from, const std::string& to) {
        const fs::path folder = temporary_.path() / "model";
        fs::remove_all(folder);
        fs::copy(kData / "encoder_bert", folder, fs::copy_options::recursive);
        std::string text = read_file(folder / file, 1 << 20).value();
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, from.size(), to);
        EXPECT_TRUE(write_file_atomic(folder / file, text));
        const auto loaded = Encoder::load(folder);
        EXPECT_FALSE(loaded);
        return loaded ? Error{} : loaded.error();
    }
    ScopedFolder temporary_{"encoder-test"};
};

TEST_F(Changed, WhatWouldBeComputedWronglyIsRefusedByName) {
    EXPECT_NE(load_with("config.json", "\"gelu\"", "\"relu\"").message.find("hidden_act"),
              std::string::npos);
    EXPECT_NE(load_with("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 5")
                  .message.find("heads"),
              std::string::npos);
    EXPECT_NE(load_with("config.json", "\"intermediate_size\": 48", "\"intermediate_size\": 64")
                  .message.find("ffn_up"),
              std::string::npos);
    EXPECT_NE(load_with("modules.json", "models.Pooling", "models.Dense").message.find("Dense"),
              std::string::npos);
    EXPECT_NE(load_with("1_Pooling/config.json", "cls_token", "weightedmean_tokens")
                  .message.find("weightedmean"),
              std::string::npos);
    // Same length: the header of a safetensors file states its own size.
    EXPECT_NE(load_with("model.safetensors", "bert.encoder.layer.0.output.dense.bias",
                        "bert.encoder.layer.0.output.dense.biaz")
                  .message.find("biaz"),
              std::string::npos);
}

}  // namespace
}  // namespace cairn::engine
