// SPDX-License-Identifier: Apache-2.0
// Log-probabilities of text: equal to a softmax by hand, the same in groups as one by one; prefix
// store and speed measurement.
#include "cairn/engine/score.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/engine/bench.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

const std::shared_ptr<const Model>& model() {
    static const std::shared_ptr<const Model> made = testing::test_model();
    return made;
}

TEST(TokenLogprobs, EqualASoftmaxByHand) {
    const std::vector<TokenId> ids = model()->tokenizer().encode(
        "The quick brown fox jumps over the lazy dog, and then does it again, because it can.");
    ASSERT_GT(ids.size(), 65U) << "more than one chunk";
    const auto logprobs = token_logprobs(model(), nullptr, ids).value();
    ASSERT_EQ(logprobs.size(), ids.size() - 1);
    Forward forward(model(), nullptr);
    KvCache kv(model()->config(), std::ssize(ids));
    const BatchItem item = {&kv, ids, nullptr, Logits::kAll};
    const auto logits = forward.run({&item, 1}).value();
    const auto vocabulary = static_cast<std::size_t>(model()->config().vocabulary);
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
        double sum = 0;
        for (std::size_t v = 0; v < vocabulary; ++v)
            sum += std::exp(logits[t * vocabulary + v]);
        const double expected =
            logits[t * vocabulary + static_cast<std::size_t>(ids[t + 1])] - std::log(sum);
        EXPECT_NEAR(logprobs[t], expected, 1e-4) << t;
    }
    EXPECT_TRUE(token_logprobs(model(), nullptr, std::span(ids).first(1)).value().empty());
    const std::vector<TokenId> long_ids(300, 5);
    EXPECT_EQ(token_logprobs(model(), nullptr, long_ids).error().message,
              "text has 300 tokens, context is 256");
}

TEST(ScoreCandidates, EqualsLogprobsOfTheWholeText) {
    const auto adapter =
        Adapter::from_parts(testing::test_adapter(model()->config(), 3), *model(), "x").value();
    const std::vector<TokenId> prompt = model()->tokenizer().encode("Question: how high is it?");
    std::vector<std::string> candidates;
    for (int i = 0; i < 37; ++i) {  // several groups, lengths from one token to many
        candidates.push_back(std::string(static_cast<std::size_t>(1 + i * i % 29), 'x') + ".");
    }
    candidates.push_back("y");
    ThreadPool pool(3);
    const auto scores = score_candidates(model(), adapter.get(), prompt, candidates, &pool).value();
    const auto alone =
        score_candidates(model(), adapter.get(), prompt, std::span(candidates).last(1));
    EXPECT_EQ(scores.back().total_logprob, alone.value()[0].total_logprob);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        std::vector<TokenId> ids = prompt;
        const auto own = model()->tokenizer().encode(candidates[i]);
        ids.insert(ids.end(), own.begin(), own.end());
        const auto logprobs = token_logprobs(model(), adapter.get(), ids).value();
        double expected = 0;
        for (std::size_t t = prompt.size() - 1; t < logprobs.size(); ++t)
            expected += logprobs[t];
        EXPECT_DOUBLE_EQ(scores[i].total_logprob, expected) << candidates[i];
        EXPECT_EQ(scores[i].tokens, std::ssize(own));
        EXPECT_DOUBLE_EQ(scores[i].mean_logprob, expected / static_cast<double>(own.size()));
    }
    EXPECT_FALSE(score_candidates(model(), nullptr, {}, candidates));
    EXPECT_FALSE(score_candidates(model(), nullptr, prompt, std::vector{std::string(400, '\n')}));
}

TEST(PrefixCache, FindsTheLongestAndForgetsTheOldest) {
    const ModelConfig& config = model()->config();
    const auto kv_of = [&](std::int64_t length) {
        auto kv = std::make_unique<KvCache>(config, length);
        kv->advance(length);
        return kv;
    };
    PrefixCache cache;
    cache.insert("a", {1, 2, 3}, kv_of(3));
    cache.insert("a", {1, 2, 9, 9}, kv_of(4));
    cache.insert("b", {1, 2, 3, 4, 5}, kv_of(5));
    EXPECT_EQ(cache.find("a", std::vector<TokenId>{1, 2, 3, 4, 5}).length, 3);
    EXPECT_EQ(cache.find("c", std::vector<TokenId>{1, 2, 3}).length, 0);
    EXPECT_EQ(cache.find("a", std::vector<TokenId>{7}).kv, nullptr);
    cache.insert("a", {1, 2, 3, 4}, kv_of(4));  // holds the first one
    EXPECT_EQ(cache.size(), 3U);
    cache.insert("a", {1, 2}, kv_of(2));  // is held already
    EXPECT_EQ(cache.size(), 3U);
    const std::int64_t position = KvCache::bytes_per_position(config);
    EXPECT_EQ(cache.bytes(), 13 * position);
    EXPECT_EQ(cache.find("a", std::vector<TokenId>{1, 2, 9}).length, 3);  // used: now the newest
    cache.shrink(8 * position);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find("b", std::vector<TokenId>{1}).length, 0);
    cache.shrink(0);
    EXPECT_EQ(cache.bytes(), 0);
}

TEST(MeasureEngine, CountsAndRefuses) {
    BenchOptions options;
    options.prompt_tokens = 32;
    options.decode_tokens = 4;
    options.batches = {1, 2};
    const auto speed = measure_engine(model(), options).value();
    EXPECT_GT(speed.prefill_tokens_per_second, 0);
    ASSERT_EQ(speed.decode.size(), 2U);
    EXPECT_EQ(speed.decode[1].weight_bytes_per_token,
              static_cast<double>(model()->weight_bytes()) / 2);
    // Two layers: keys and values of 34 positions, 32 floats each.
    EXPECT_EQ(speed.decode[0].kv_bytes_per_token, 34.0 * 2 * 2 * 32 * 4);
    options.prompt_tokens = 255;
    EXPECT_EQ(measure_engine(model(), options).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace cairn::engine
