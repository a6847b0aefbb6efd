// SPDX-License-Identifier: Apache-2.0
// Models rewritten in other types: which tensor gets which, the same bytes on any number of
// threads, and how far the result is from the original.
#include "cairn/engine/quantise_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/files.h"
#include "cairn/base/rng.h"
#include "cairn/engine/quality.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

std::vector<TokenId> random_tokens(const Model& model, std::size_t count) {
    Rng rng(7);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) {
        token =
            static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(model.config().vocabulary)));
    }
    return tokens;
}

class QuantiseModel : public ::testing::Test {
  protected:
    std::shared_ptr<const Model> quantised(const QuantiseOptions& options, int threads = 1) {
        ThreadPool pool(threads);
        const auto path = folder_.path() / "out.gguf";
        const auto made = quantise_model(*model_, path, options, pool, silent_progress());
        EXPECT_TRUE(made) << made.error().to_string();
        return Model::load(path).value();
    }
    double kl(const std::shared_ptr<const Model>& changed) {
        ThreadPool pool(1);
        const auto tokens = random_tokens(*model_, 256);
        const auto quality = compare_models(model_, changed, tokens, 64, pool, silent_progress());
        EXPECT_TRUE(quality) << quality.error().to_string();
        return quality->mean_kl;
    }
    std::shared_ptr<const Model> model_ = testing::test_model({.tied_head = false});
    ScopedFolder folder_{"cairn-quantise-"};
};

TEST_F(QuantiseModel, KeepsAModelWhoseTypesStay) {
    const auto same = quantised({});
    ThreadPool pool(1);
    const auto quality =
        compare_models(model_, same, random_tokens(*model_, 256), 64, pool, silent_progress());
    ASSERT_TRUE(quality);
    EXPECT_EQ(quality->positions, 4 * 31);
    EXPECT_EQ(quality->mean_kl, 0);
    EXPECT_EQ(quality->kl_max, 0);
    EXPECT_EQ(quality->log_ratio, 0);
    EXPECT_EQ(quality->same_top_1, 1);
    EXPECT_EQ(quality->perplexity, quality->perplexity_original);
    EXPECT_EQ(same->tokenizer().vocabulary_size(), model_->tokenizer().vocabulary_size());
}

TEST_F(QuantiseModel, LosesMoreWithFewerBits) {
    const double q8 = kl(quantised({.type = TensorType::kQ8_0}));
    const double q5 = kl(quantised({.type = TensorType::kQ5_1, .pure = true}));
    const double q4 = kl(quantised({.type = TensorType::kQ4_0, .pure = true}));
    EXPECT_GT(q8, 0);
    EXPECT_LT(q8, 0.01);
    EXPECT_LT(3 * q8, q5);
    EXPECT_LT(1.5 * q5, q4);
}

TEST_F(QuantiseModel, GivesTheSameBytesOnAnyNumberOfThreads) {
    const auto one = quantised({.type = TensorType::kQ4_K}, 1);
    EXPECT_EQ(one->digest(), quantised({.type = TensorType::kQ4_K}, 3)->digest());
}

/// Tensors by name and a row width; only the plan is looked at.
std::map<std::string, TensorType> plan(std::uint64_t columns, const QuantiseOptions& options,
                                       bool tied) {
    std::vector<format::GgufTensor> tensors;
    auto memory = std::make_shared<std::vector<float>>(columns * 4);
    const auto bytes = std::as_bytes(std::span(*memory));
    std::vector<std::string> names = {"token_embd.weight", "blk.0.attn_norm.weight",
                                      "blk.0.ffn_gate_inp.weight"};
    if (!tied) names.push_back("output.weight");
    for (int layer = 0; layer < 16; ++layer) {
        names.push_back("blk." + std::to_string(layer) + ".attn_q.weight");
        names.push_back("blk." + std::to_string(layer) + ".ffn_down.weight");
    }
    for (const std::string& name : names)
        tensors.push_back({name, TensorType::kF32, {columns, 4}, bytes});
    const auto file = format::GgufFile::from_parts({}, tensors, memory);
    const auto types = plan_types(*file, options);
    std::map<std::string, TensorType> planned;
    for (std::size_t i = 0; i < types.size(); ++i)
        planned[file->tensors()[i].name] = types[i];
    return planned;
}

TEST(PlanTypes, MixesByRole) {
    const auto mixed = plan(256, {.type = TensorType::kQ4_K}, false);
    EXPECT_EQ(mixed.at("blk.0.attn_norm.weight"), TensorType::kF32);
    EXPECT_EQ(mixed.at("blk.0.ffn_gate_inp.weight"), TensorType::kF32);
    EXPECT_EQ(mixed.at("token_embd.weight"), TensorType::kQ4_K);
    EXPECT_EQ(mixed.at("output.weight"), TensorType::kQ6_K);
    EXPECT_EQ(mixed.at("blk.0.attn_q.weight"), TensorType::kQ4_K);
    EXPECT_EQ(mixed.at("blk.0.ffn_down.weight"), TensorType::kQ6_K);
    EXPECT_EQ(mixed.at("blk.2.ffn_down.weight"), TensorType::kQ4_K);
    EXPECT_EQ(mixed.at("blk.4.ffn_down.weight"), TensorType::kQ6_K);
    EXPECT_EQ(mixed.at("blk.15.ffn_down.weight"), TensorType::kQ6_K);
    EXPECT_EQ(plan(256, {.type = TensorType::kQ4_K}, true).at("token_embd.weight"),
              TensorType::kQ6_K);
    const auto pure = plan(256, {.type = TensorType::kQ4_K, .pure = true}, false);
    EXPECT_EQ(pure.at("output.weight"), TensorType::kQ4_K);
    EXPECT_EQ(pure.at("blk.0.ffn_down.weight"), TensorType::kQ4_K);
    EXPECT_EQ(plan(256, {.type = TensorType::kQ8_0}, false).at("output.weight"), TensorType::kQ8_0);
}

TEST(PlanTypes, FallsBackWhereRowsDoNotFit) {
    const auto thirds = plan(96, {.type = TensorType::kQ4_K}, false);
    EXPECT_EQ(thirds.at("blk.0.attn_q.weight"), TensorType::kQ5_0);
    EXPECT_EQ(thirds.at("blk.0.ffn_down.weight"), TensorType::kQ8_0);
    EXPECT_EQ(plan(40, {.type = TensorType::kQ4_K}, false).at("blk.0.attn_q.weight"),
              TensorType::kF16);
    EXPECT_EQ(plan(96, {.type = TensorType::kQ4_0}, false).at("blk.0.attn_q.weight"),
              TensorType::kQ4_0);
}

TEST_F(QuantiseModel, MeasuresWhatMatricesAreMultipliedWith) {
    ThreadPool pool(2);
    const auto tokens = random_tokens(*model_, 100);
    const auto importance = measure_importance(model_, tokens, 64, pool, silent_progress());
    ASSERT_TRUE(importance);
    // Query, key and value read the same rows; every layer's matrices were seen.
    EXPECT_EQ(importance->at("blk.0.attn_q.weight"), importance->at("blk.0.attn_k.weight"));
    EXPECT_EQ(importance->at("blk.1.ffn_down.weight").size(),
              static_cast<std::size_t>(model_->config().ff_width));
    EXPECT_TRUE(importance->contains("output.weight"));
    for (const auto& [name, means] : *importance) {
        for (const float mean : means) {
            EXPECT_GT(mean, 0) << name;
            EXPECT_TRUE(std::isfinite(mean)) << name;
        }
    }
    // RMS norm leaves rows of mean square 1 times the weights' squares: means of about one.
    double sum = 0;
    for (const float mean : importance->at("blk.0.attn_q.weight"))
        sum += mean;
    EXPECT_NEAR(sum / static_cast<double>(model_->config().model_width), 1, 0.15);
}

TEST_F(QuantiseModel, RefusesToCompareWhatDoesNotFit) {
    ThreadPool pool(1);
    const auto tokens = random_tokens(*model_, 20);
    const auto compared = compare_models(model_, model_, tokens, 64, pool, silent_progress());
    ASSERT_FALSE(compared);
    EXPECT_NE(compared.error().message.find("at least 64 tokens, found 20"), std::string::npos);
}

}  // namespace
}  // namespace cairn::engine
