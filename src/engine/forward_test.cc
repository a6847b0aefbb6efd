// SPDX-License-Identifier: Apache-2.0
// The forward pass: equal to transformers on stored goldens, the same bytes however requests are
// batched and cut, adapters equal to merged weights.
#include "cairn/engine/forward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "test_model.h"

namespace cairn::engine {
namespace {

using testing::test_model;
using testing::TestModelOptions;

std::string data_path(const std::string& name) {
    return std::string(CAIRN_SOURCE_DIR) + "/src/engine/testdata/" + name;
}

std::vector<TokenId> golden_ids(const format::GgufFile& golden, const char* key) {
    const std::vector<std::int64_t> ids = golden.get_integers(key).value();
    return {ids.begin(), ids.end()};
}

float max_difference(std::span<const float> got, const float* expected) {
    float worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const float difference = std::fabs(got[i] - expected[i]);
        if (std::isnan(difference)) return std::numeric_limits<float>::infinity();
        worst = std::max(worst, difference);
    }
    return worst;
}

class Parity : public ::testing::TestWithParam<const char*> {};

TEST_P(Parity, LogitsAndGreedyTextEqualTransformers) {
    const std::string name = GetParam();
    const auto loaded = Model::load(data_path(name + ".gguf"));
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    const std::shared_ptr<const Model> model = *loaded;
    const auto golden = format::GgufFile::open(data_path(name + "_golden.gguf"));
    ASSERT_TRUE(golden) << golden.error().to_string();
    const std::vector<TokenId> prompt = golden_ids(*golden, "golden.prompt");
    const std::vector<TokenId> greedy = golden_ids(*golden, "golden.greedy");
    const auto* expected =
        reinterpret_cast<const float*>(golden->find_tensor("logits")->bytes.data());
    const auto vocabulary = static_cast<std::size_t>(model->config().vocabulary);

    Forward forward(model, nullptr);
    KvCache kv(model->config(), 64);
    BatchItem item = {&kv, prompt, nullptr, Logits::kAll};
    auto logits = forward.run({&item, 1});
    ASSERT_TRUE(logits) << logits.error().to_string();
    EXPECT_LE(max_difference(*logits, expected), 1e-4F) << "prefill";

    // Decoding: each step continues from the best token that is not the end.
    std::span<const float> last = logits->last(vocabulary);
    for (std::size_t step = 0; step < greedy.size(); ++step) {
        TokenId best = 0;
        for (TokenId id = 0; id < std::ssize(last); ++id) {
            const bool is_end = model->tokenizer().is_end(id);
            if (!is_end &&
                last[static_cast<std::size_t>(id)] > last[static_cast<std::size_t>(best)]) {
                best = id;
            }
        }
        ASSERT_EQ(best, greedy[step]) << "step " << step;
        if (step + 1 == greedy.size()) break;
        item = {&kv, {&greedy[step], 1}, nullptr, Logits::kLast};
        logits = forward.run({&item, 1});
        ASSERT_TRUE(logits);
        last = *logits;
        EXPECT_LE(max_difference(last, expected + (prompt.size() + step) * vocabulary), 1e-4F)
            << "decode step " << step;
    }
}

INSTANTIATE_TEST_SUITE_P(Goldens, Parity, ::testing::Values("llama_untied", "llama_tied"));

/// Logits behind each token of `ids` when they run alone, in chunks of `chunk`.
std::vector<float> logits_alone(const std::shared_ptr<const Model>& model, ThreadPool* pool,
                                std::span<const TokenId> ids, std::size_t chunk,
                                const Adapter* adapter = nullptr) {
    Forward forward(model, pool);
    KvCache kv(model->config(), std::ssize(ids));
    std::vector<float> all;
    for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
        const auto part = ids.subspan(begin, std::min(chunk, ids.size() - begin));
        const BatchItem item = {&kv, part, adapter, Logits::kAll};
        const auto logits = forward.run({&item, 1}).value();
        all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
}

std::vector<TokenId> random_ids(std::size_t count, std::int64_t vocabulary, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < count; ++i) {
        ids.push_back(static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(vocabulary))));
    }
    return ids;
}

bool same_bytes(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class Invariance : public ::testing::TestWithParam<format::TensorType> {};

TEST_P(Invariance, SameBytesAloneBatchedChunkedAndThreaded) {
    TestModelOptions options;
    options.type = GetParam();
    options.tied_head = false;
    const auto model = test_model(options);
    const auto adapter =
        Adapter::from_parts(testing::test_adapter(model->config(), 5), *model, "a").value();
    const std::vector<TokenId> first = random_ids(37, model->config().vocabulary, 1);
    const std::vector<TokenId> second = random_ids(70, model->config().vocabulary, 2);
    const std::vector<TokenId> third = random_ids(11, model->config().vocabulary, 3);
    const auto alone = logits_alone(model, nullptr, first, first.size());
    const auto adapted = logits_alone(model, nullptr, second, second.size(), adapter.get());
    EXPECT_FALSE(same_bytes(adapted, logits_alone(model, nullptr, second, second.size())));

    for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        for (const std::size_t chunk : {1UL, 7UL, 16UL, 37UL}) {
            EXPECT_TRUE(same_bytes(alone, logits_alone(model, &pool, first, chunk)))
                << threads << " threads, chunks of " << chunk;
            EXPECT_TRUE(
                same_bytes(adapted, logits_alone(model, &pool, second, chunk, adapter.get())))
                << threads << " threads, chunks of " << chunk << ", adapted";
        }
        Forward forward(model, &pool);
        KvCache kv1(model->config(), 37);
        KvCache kv2(model->config(), 70);
        KvCache kv3(model->config(), 80);
        const std::vector<BatchItem> items = {{&kv2, second, adapter.get(), Logits::kAll},
                                              {&kv3, third, nullptr, Logits::kNone},
                                              {&kv1, first, nullptr, Logits::kAll}};
        const auto batched = forward.run(items).value();
        EXPECT_TRUE(same_bytes(adapted, batched.first(adapted.size())));
        EXPECT_TRUE(same_bytes(alone, batched.last(alone.size())));

        // A copied prefix goes on like the original.
        KvCache copy(model->config(), 50);
        copy.copy_prefix(kv1, 20);
        const BatchItem rest = {&copy, std::span(first).subspan(20), nullptr, Logits::kAll};
        EXPECT_TRUE(same_bytes(
            forward.run({&rest, 1}).value(),
            std::span(alone).last(17 * static_cast<std::size_t>(model->config().vocabulary))));
    }
}

INSTANTIATE_TEST_SUITE_P(Types, Invariance,
                         ::testing::Values(format::TensorType::kF32, format::TensorType::kBF16,
                                           format::TensorType::kF16, format::TensorType::kQ8_0));

TEST(Lora, EqualsMergedWeights) {
    const auto model = test_model();
    format::Adapter parts = testing::test_adapter(model->config(), 9);
    const auto adapter = Adapter::from_parts(parts, *model, "x").value();

    // The same model with W + alpha / rank * B A written into its file.
    std::string bytes = testing::test_model_bytes({});
    const auto file = format::GgufFile::parse(std::as_bytes(std::span(bytes))).value();
    for (const format::LoraPair& pair : parts.pairs) {
        const auto span = file.find_tensor(pair.target)->bytes;
        auto* weights = reinterpret_cast<float*>(const_cast<std::byte*>(span.data()));
        for (int row = 0; row < pair.outputs; ++row) {
            for (int column = 0; column < pair.inputs; ++column) {
                double sum = 0;
                for (int r = 0; r < pair.rank; ++r) {
                    sum +=
                        static_cast<double>(pair.b[static_cast<std::size_t>(row * pair.rank + r)]) *
                        pair.a[static_cast<std::size_t>(r * pair.inputs + column)];
                }
                weights[row * pair.inputs + column] +=
                    static_cast<float>(sum * parts.alpha / pair.rank);
            }
        }
    }
    const auto merged = Model::from_bytes(bytes).value();
    const auto ids = random_ids(20, model->config().vocabulary, 4);
    const auto with_adapter = logits_alone(model, nullptr, ids, 20, adapter.get());
    const auto with_merged = logits_alone(merged, nullptr, ids, 20);
    EXPECT_LE(max_difference(with_adapter, with_merged.data()), 2e-4F);
    EXPECT_GT(max_difference(with_adapter, logits_alone(model, nullptr, ids, 20).data()), 0.1F);
}

TEST(Lora, RefusesForeignAdapters) {
    const auto model = test_model();
    format::Adapter parts = testing::test_adapter(model->config(), 9);
    parts.pairs[0].target = "blk.7.attn_q.weight";
    EXPECT_EQ(Adapter::from_parts(parts, *model, "x").error().code, Code::kInvalid);
    parts = testing::test_adapter(model->config(), 9);
    parts.notes["cairn.base.sha256"] = std::string(64, '0');
    const auto refused = Adapter::from_parts(parts, *model, "x");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(model->digest()), std::string::npos);
    parts.notes["cairn.base.sha256"] = model->digest();
    EXPECT_TRUE(Adapter::from_parts(parts, *model, "x"));
}

TEST(Forward, RefusesTokensOutsideOfTheVocabulary) {
    const auto model = test_model();
    Forward forward(model, nullptr);
    KvCache kv(model->config(), 4);
    for (const TokenId id : {-1, static_cast<TokenId>(model->config().vocabulary)}) {
        const BatchItem item = {&kv, {&id, 1}, nullptr, Logits::kLast};
        const auto refused = forward.run({&item, 1});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::kInvalid);
    }
}

}  // namespace
}  // namespace cairn::engine
