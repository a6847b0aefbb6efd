// SPDX-License-Identifier: Apache-2.0
// Sampling and streaming: cuts, seeds, masks, log-probabilities; stop strings and UTF-8 across
// token boundaries.
#include "cairn/engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "cairn/engine/text_stream.h"
#include "cairn/text/utf8.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

const std::vector<float> kLogits = {1.0F, 3.0F, 2.0F, 3.0F, -1.0F};

std::map<TokenId, int> draw(const SamplingOptions& options, int count,
                            const TokenMask* mask = nullptr) {
    Sampler sampler(options);
    std::map<TokenId, int> seen;
    for (int i = 0; i < count; ++i)
        ++seen[sampler.next(kLogits, mask).token];
    return seen;
}

TEST(Sampler, GreedyTakesTheSmallestOfEqualIds) {
    EXPECT_EQ(draw({}, 10), (std::map<TokenId, int>{{1, 10}}));
}

TEST(Sampler, PenaltiesMakeRepetitionDearer) {
    SamplingOptions options;
    options.presence_penalty = 1.5F;  // 3, 3, 2, 1, -1: each is passed by the next when drawn
    EXPECT_EQ(draw(options, 3), (std::map<TokenId, int>{{1, 1}, {2, 1}, {3, 1}}));
    options.presence_penalty = 0;
    options.frequency_penalty = 0.6F;
    EXPECT_EQ(draw(options, 4), (std::map<TokenId, int>{{1, 2}, {3, 2}}));
    options.frequency_penalty = 3;
    EXPECT_EQ(check_sampling_options(options).error().code, Code::kInvalid);
}

TEST(Sampler, LogprobsAreThoseOfTheSoftmaxBeforeAndAfterTheMask) {
    TokenMask mask;
    mask.reset(5);
    mask.allow(0);
    mask.allow(2);
    mask.set_bias(0, 0.5F);
    Sampler sampler({});
    const Sample sample = sampler.next(kLogits, &mask);
    EXPECT_EQ(sample.token, 2);
    const double all = std::log(std::exp(1.0) + 2 * std::exp(3.0) + std::exp(2.0) + std::exp(-1.0));
    EXPECT_NEAR(sample.logprob, 2.0 - all, 1e-5);
    EXPECT_NEAR(sample.allowed_logprob, 2.0 - std::log(std::exp(1.5) + std::exp(2.0)), 1e-5);

    mask.set_bias(0, 1.5F);  // 2.5 against 2
    EXPECT_EQ(sampler.next(kLogits, &mask).token, 0);
}

TEST(Sampler, DrawsInProportion) {
    SamplingOptions options;
    options.temperature = 2;
    const auto seen = draw(options, 20000);
    double total = 0;
    for (const float logit : kLogits)
        total += std::exp(logit / 2.0);
    for (TokenId id = 0; id < 5; ++id) {
        const double expected = std::exp(kLogits[static_cast<std::size_t>(id)] / 2.0) / total;
        EXPECT_NEAR(seen.at(id) / 20000.0, expected, 0.015) << id;
    }
}

TEST(Sampler, CutsTheTail) {
    SamplingOptions options;
    options.temperature = 1;
    options.top_k = 2;
    EXPECT_EQ(draw(options, 500).size(), 2U);
    options.top_k = 0;
    options.top_p = 0.5F;  // the two best hold 0.40 each
    EXPECT_EQ(draw(options, 500).size(), 2U);
    options.top_p = 0;  // always at least one
    EXPECT_EQ(draw(options, 50), (std::map<TokenId, int>{{1, 50}}));
    options.top_p = 1;
    options.min_p = 0.3F;  // exp(-1) = 0.37 stays, exp(-2) goes
    EXPECT_EQ(draw(options, 1000).size(), 3U);
}

TEST(Sampler, SeedsDecide) {
    SamplingOptions options;
    options.temperature = 1;
    const auto sequence = [&](std::uint64_t seed) {
        options.seed = seed;
        Sampler sampler(options);
        std::vector<TokenId> tokens;
        for (int i = 0; i < 40; ++i)
            tokens.push_back(sampler.next(kLogits, nullptr).token);
        return tokens;
    };
    EXPECT_EQ(sequence(7), sequence(7));
    EXPECT_NE(sequence(7), sequence(8));
}

TEST(Sampler, RefusesOptionsOutOfRange) {
    SamplingOptions options;
    EXPECT_TRUE(check_sampling_options(options));
    options.top_p = 1.5F;
    const Status refused = check_sampling_options(options);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("top_p"), std::string::npos);
    options = {};
    options.temperature = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(check_sampling_options(options));
    options = {};
    options.top_k = -1;
    EXPECT_FALSE(check_sampling_options(options));
}

/// Streams `text` byte by byte; `given` gets each piece.
std::string stream(const std::string& text, std::vector<std::string> stops,
                   std::vector<std::string>* given = nullptr, bool* stopped = nullptr) {
    const text::Tokenizer tokenizer = testing::test_tokenizer({});
    TextStream out(tokenizer, std::move(stops));
    std::string all;
    for (const char c : text) {
        const auto ids = tokenizer.encode(std::string(1, c));
        const std::string piece = out.push(ids.at(0));
        EXPECT_TRUE(text::is_valid_utf8(piece)) << piece;
        if (given != nullptr) given->push_back(piece);
        all += piece;
        if (out.stopped()) break;
    }
    if (stopped != nullptr) *stopped = out.stopped();
    return all + out.finish();
}

TEST(TextStream, GivesWholeCodePoints) {
    std::vector<std::string> given;
    EXPECT_EQ(stream("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z", {}, &given),
              "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z");
    EXPECT_EQ(given, (std::vector<std::string>{"a", "", "\xC3\xA9", "", "", "\xE4\xB8\xAD", "", "",
                                               "", "\xF0\x9F\x98\x80", "z"}));
    // Cut or wrong bytes become U+FFFD.
    EXPECT_EQ(stream("a\xE4\xB8", {}), "a\xEF\xBF\xBD");
    EXPECT_EQ(stream("\x80z", {}), "\xEF\xBF\xBDz");
}

TEST(TextStream, HoldsBackStopStrings) {
    std::vector<std::string> given;
    bool stopped = false;
    EXPECT_EQ(stream("one EN END two", {"END"}, &given, &stopped), "one EN ");
    EXPECT_TRUE(stopped);
    for (const std::string& piece : given)
        EXPECT_EQ(piece.find('D'), std::string::npos);
    EXPECT_EQ(stream("xaab", {"aab"}, nullptr, &stopped), "x");
    EXPECT_EQ(stream("xaaab", {"aab"}, nullptr, &stopped), "xa");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(stream("almost EN", {"END"}, nullptr, &stopped), "almost EN");
    EXPECT_FALSE(stopped);
    EXPECT_EQ(stream("a\xC3\xA9 b", {"\xA9 c", "b"}, nullptr, &stopped), "a\xC3\xA9 ");
    EXPECT_EQ(stream("first of two stops", {"two", "first of x", "of"}, nullptr, &stopped),
              "first ");
}

}  // namespace
}  // namespace cairn::engine
