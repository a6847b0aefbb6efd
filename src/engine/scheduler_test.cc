// SPDX-License-Identifier: Apache-2.0
// The scheduler: same bytes under load as alone, prefix reuse, limits, cancelling, usage.
#include "cairn/engine/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <cstring>
#include <future>
#include <limits>
#include <thread>

#include "cairn/engine/quote_constraint.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

std::vector<TokenId> random_prompt(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < count; ++i)
        ids.push_back(static_cast<TokenId>(3 + rng.below(256)));
    return ids;
}

const std::shared_ptr<const Model>& model() {
    static const std::shared_ptr<const Model> made = testing::test_model();
    return made;
}

std::shared_ptr<const Adapter> adapter(std::uint64_t seed) {
    return Adapter::from_parts(testing::test_adapter(model()->config(), seed), *model(),
                               "adapter " + std::to_string(seed))
        .value();
}

const std::vector<std::string> kSources = {"The lift is 42 m high.", "Nobody may sleep here."};

/// Requests of all kinds; each call makes fresh constraints.
std::vector<GenerateRequest> mixed_requests() {
    static const auto adapters = std::vector{adapter(1), adapter(2)};
    static const auto trie = std::make_shared<TokenTrie>(model()->tokenizer());
    std::vector<GenerateRequest> requests;
    const std::vector<TokenId> system = random_prompt(60, 99);
    for (std::uint64_t i = 0; i < 12; ++i) {
        GenerateRequest request;
        request.prompt = system;
        const auto own = random_prompt(5 + 7 * i, i);
        request.prompt.insert(request.prompt.end(), own.begin(), own.end());
        request.max_tokens = static_cast<std::int64_t>(8 + 3 * i);
        request.sampling.temperature = i % 3 == 0 ? 0.0F : 0.9F;
        request.sampling.top_p = i % 2 == 0 ? 0.9F : 1.0F;
        request.sampling.seed = i;
        if (i % 4 == 1) request.adapter = adapters[0];
        if (i % 4 == 2) request.adapter = adapters[1];
        if (i % 5 == 0) {
            QuoteOptions options;
            options.fixed = {"No."};
            request.constraint = QuoteConstraint::create(trie, kSources, options).value();
        }
        requests.push_back(std::move(request));
    }
    return requests;
}

bool same_result(const GenerateResult& a, const GenerateResult& b) {
    const auto bytes_equal = [](const std::vector<float>& x, const std::vector<float>& y) {
        return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * 4) == 0;
    };
    return a.tokens == b.tokens && a.text == b.text && bytes_equal(a.logprobs, b.logprobs) &&
           bytes_equal(a.allowed_logprobs, b.allowed_logprobs) &&
           a.finish_reason == b.finish_reason;
}

TEST(Scheduler, SameBytesUnderLoadAsAlone) {
    std::vector<GenerateResult> alone;
    for (GenerateRequest& request : mixed_requests()) {
        SchedulerOptions options;
        options.threads = 1;
        options.max_batch = 1;
        options.prefill_chunk = 4096;
        options.reuse_prefixes = false;
        Scheduler scheduler(model(), options);
        alone.push_back(scheduler.generate(std::move(request)).value());
        EXPECT_EQ(alone.back().usage.cached_tokens, 0);
    }
    for (const int threads : {1, 3}) {
        for (const std::int64_t chunk : {5, 64}) {
            SchedulerOptions options;
            options.threads = threads;
            options.prefill_chunk = chunk;
            options.max_batch = 7;
            Scheduler scheduler(model(), options);
            for (int round = 0; round < 2; ++round) {  // the second round finds its prefixes
                std::vector<std::shared_ptr<Generation>> running;
                for (GenerateRequest& request : mixed_requests()) {
                    running.push_back(scheduler.submit(std::move(request)).value());
                }
                std::int64_t cached = 0;
                for (std::size_t i = 0; i < running.size(); ++i) {
                    const auto result = running[i]->wait();
                    ASSERT_TRUE(result) << result.error().to_string();
                    EXPECT_TRUE(same_result(*result, alone[i]))
                        << "request " << i << ", threads " << threads << ", chunk " << chunk;
                    cached += result->usage.cached_tokens;
                }
                // Even at first, requests under one key share (nearly) all of their 60 common
                // tokens: three keys, so 9 of the 12 find them.
                EXPECT_GE(cached, 9 * 50) << "round " << round;
            }
        }
    }
}

GenerateRequest simple(std::size_t prompt_tokens, std::int64_t max_tokens, std::uint64_t seed = 1) {
    GenerateRequest request;
    request.prompt = random_prompt(prompt_tokens, seed);
    request.max_tokens = max_tokens;
    return request;
}

TEST(Scheduler, ReusesPrefixesOnlyUnderTheSameKey) {
    Scheduler scheduler(model());
    ASSERT_TRUE(scheduler.generate(simple(40, 4)));
    const auto cached = [&](GenerateRequest request) {
        return scheduler.generate(std::move(request)).value().usage.cached_tokens;
    };
    EXPECT_EQ(cached(simple(40, 4)), 39);  // the last token is always computed
    GenerateRequest longer = simple(40, 4);
    longer.prompt.resize(60, 5);
    EXPECT_GE(cached(longer), 40);
    GenerateRequest tenant = simple(40, 4);
    tenant.cache_salt = "other tenant";
    EXPECT_EQ(cached(tenant), 0);
    GenerateRequest adapted = simple(40, 4);
    adapted.adapter = adapter(1);
    EXPECT_EQ(cached(adapted), 0);
}

TEST(Scheduler, KeepsWithinItsMemory) {
    SchedulerOptions options;
    const std::int64_t position = KvCache::bytes_per_position(model()->config());
    options.kv_bytes = 100 * position;
    Scheduler scheduler(model(), options);
    std::vector<std::shared_ptr<Generation>> running;
    for (std::uint64_t i = 0; i < 10; ++i) {
        running.push_back(scheduler.submit(simple(30, 15, i)).value());
    }
    for (const auto& generation : running) {
        ASSERT_TRUE(generation->wait());
        EXPECT_LE(scheduler.metrics().kv_bytes_used, options.kv_bytes);
    }
    const auto refused = scheduler.submit(simple(90, 20));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_NE(refused.error().message.find("key-value cache"), std::string::npos);
}

TEST(Scheduler, RefusesWhatDoesNotFitAndNamesTheLimit) {
    Scheduler scheduler(model());
    const auto message = [&](GenerateRequest request) {
        const auto refused = scheduler.submit(std::move(request));
        EXPECT_FALSE(refused);
        return refused ? std::string() : refused.error().message;
    };
    EXPECT_EQ(message(simple(300, 1)), "prompt has 300 tokens, context is 256");
    EXPECT_EQ(message(simple(250, 10)),
              "prompt has 250 tokens and max_tokens is 10, context is 256");
    EXPECT_EQ(message(simple(0, 10)), "the prompt has no tokens");
    GenerateRequest bad = simple(3, 3);
    bad.prompt[1] = 1'000'000;
    EXPECT_NE(message(bad).find("1000000"), std::string::npos);
    bad = simple(3, 3);
    bad.sampling.min_p = 2;
    EXPECT_NE(message(bad).find("min_p"), std::string::npos);
    bad = simple(3, 3);
    bad.stops.assign(17, "x");
    EXPECT_NE(message(bad).find("17 stop strings"), std::string::npos);
}

TEST(Scheduler, FillsTheContextWithoutMaxTokens) {
    Scheduler scheduler(model());
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto result = scheduler.generate(simple(250, 0, seed)).value();
        if (result.finish_reason != FinishReason::kLength) continue;
        EXPECT_EQ(result.tokens.size(), 6U);
        return;
    }
    FAIL() << "no request reached the end of the context";
}

TEST(Scheduler, StreamsTheTextAndCancelsFromTheCallback) {
    Scheduler scheduler(model());
    GenerateRequest request = simple(20, 30);
    std::string streamed;
    int done = 0;
    request.on_token = [&](const TokenEvent& event) {
        streamed += event.text;
        return true;
    };
    request.on_done = [&](const Result<GenerateResult>&) { ++done; };
    const auto whole = scheduler.generate(request).value();
    EXPECT_EQ(streamed, whole.text);
    EXPECT_EQ(done, 1);
    ASSERT_GT(whole.tokens.size(), 6U);
    EXPECT_EQ(whole.logprobs.size(), whole.tokens.size());

    int seen = 0;
    request.on_token = [&](const TokenEvent&) { return ++seen < 5; };
    const auto cut = scheduler.generate(request).value();
    EXPECT_EQ(cut.finish_reason, FinishReason::kCancelled);
    EXPECT_EQ(cut.usage.output_tokens, 5) << "what was generated is counted";
    EXPECT_EQ(cut.usage.input_tokens, 20);
    EXPECT_TRUE(std::equal(cut.tokens.begin(), cut.tokens.end(), whole.tokens.begin()));

    // A callback that throws is a cancel, and the scheduler goes on.
    request.on_token = [](const TokenEvent&) -> bool { throw std::runtime_error("oops"); };
    EXPECT_EQ(scheduler.generate(request).value().finish_reason, FinishReason::kCancelled);
    request.on_token = nullptr;
    EXPECT_EQ(scheduler.generate(request).value().tokens, whole.tokens);

    // Stop strings end it; the text does not hold them.
    const auto letter = [&](std::size_t i) {
        return std::isalpha(static_cast<unsigned char>(whole.text[i])) != 0;
    };
    std::size_t at = 1;
    while (at + 1 < whole.text.size() && !(letter(at) && letter(at + 1)))
        ++at;
    ASSERT_LT(at + 1, whole.text.size()) << "the random text has no two letters";
    request.stops = {whole.text.substr(at, 2)};
    const auto stopped = scheduler.generate(request).value();
    EXPECT_EQ(stopped.finish_reason, FinishReason::kStop);
    EXPECT_EQ(stopped.text, whole.text.substr(0, whole.text.find(request.stops[0])));
}

TEST(Scheduler, CancelsRunningAndQueuedRequests) {
    SchedulerOptions options;
    options.max_batch = 1;
    options.max_queue = 2;
    Scheduler scheduler(model(), options);
    std::promise<void> started;
    std::promise<void> release;
    GenerateRequest first = simple(20, 200);
    bool once = true;
    first.on_token = [&](const TokenEvent&) {
        if (once) {
            once = false;
            started.set_value();
            release.get_future().wait();
        }
        return true;
    };
    const auto running = scheduler.submit(first).value();
    started.get_future().wait();
    const auto queued = scheduler.submit(simple(10, 5)).value();
    GenerateRequest late = simple(10, 5);
    late.deadline_ms = 0.001;
    const auto expired = scheduler.submit(late).value();
    const auto full = scheduler.submit(simple(10, 5));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Code::kUnavailable);
    queued->cancel();
    running->cancel();
    release.set_value();
    const auto cancelled = running->wait().value();
    EXPECT_EQ(cancelled.finish_reason, FinishReason::kCancelled);
    EXPECT_GE(cancelled.usage.output_tokens, 1);
    const auto never = queued->wait().value();
    EXPECT_EQ(never.finish_reason, FinishReason::kCancelled);
    EXPECT_EQ(never.usage.input_tokens, 0) << "a request that never started used nothing";
    EXPECT_EQ(expired->wait().value().finish_reason, FinishReason::kDeadline);
}

TEST(Scheduler, EndsCleanlyWithWorkInFlight) {
    std::vector<std::shared_ptr<Generation>> running;
    std::atomic<int> done = 0;
    {
        SchedulerOptions options;
        options.max_batch = 2;
        Scheduler scheduler(model(), options);
        for (std::uint64_t i = 0; i < 8; ++i) {
            GenerateRequest request = simple(100, 150, i);
            request.on_done = [&](const Result<GenerateResult>&) { ++done; };
            running.push_back(scheduler.submit(std::move(request)).value());
        }
    }
    EXPECT_EQ(done, 8);
    for (const auto& generation : running) {
        const auto result = generation->wait();
        if (!result) {
            EXPECT_EQ(result.error().code, Code::kUnavailable);
        }
    }
}

TEST(Scheduler, SharesEngineTimeOutCompletely) {
    SchedulerOptions options;
    options.reuse_prefixes = false;
    Scheduler scheduler(model(), options);
    std::vector<std::shared_ptr<Generation>> running;
    for (std::uint64_t i = 0; i < 6; ++i) {
        running.push_back(scheduler.submit(simple(20 + 30 * i, 10, i)).value());
    }
    double total_ms = 0;
    std::int64_t input = 0;
    std::int64_t output = 0;
    for (const auto& generation : running) {
        const auto result = generation->wait().value();
        total_ms += result.usage.engine_ms;
        input += result.usage.input_tokens;
        output += result.usage.output_tokens;
        EXPECT_GT(result.usage.engine_ms, 0);
        EXPECT_GE(result.total_ms, result.first_token_ms);
    }
    const SchedulerMetrics metrics = scheduler.metrics();
    EXPECT_NEAR(total_ms, metrics.busy_ms, 1e-6 * metrics.busy_ms);
    EXPECT_EQ(metrics.input_tokens, input);
    EXPECT_EQ(metrics.output_tokens, output);
    EXPECT_EQ(metrics.requests_done, 6);
}

TEST(Scheduler, DamagedWeightsAreAnErrorNotAnAnswer) {
    std::string bytes = testing::test_model_bytes({});
    {
        const auto file = format::GgufFile::parse(std::as_bytes(std::span(bytes))).value();
        const auto norm = file.find_tensor("output_norm.weight")->bytes;
        const float damage = std::numeric_limits<float>::quiet_NaN();
        std::memcpy(const_cast<std::byte*>(norm.data()), &damage, sizeof damage);
    }
    Scheduler scheduler(Model::from_bytes(std::move(bytes)).value());
    for (const float temperature : {0.0F, 1.0F}) {
        GenerateRequest request = simple(10, 5);
        request.sampling.temperature = temperature;
        request.sampling.top_p = 0.5F;
        const auto result = scheduler.generate(std::move(request));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::kInvalid);
    }
    EXPECT_EQ(scheduler.metrics().requests_failed, 2);
}

TEST(Scheduler, ConstrainedAnswersAreQuotes) {
    Scheduler scheduler(model());
    const auto trie = std::make_shared<TokenTrie>(model()->tokenizer());
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        GenerateRequest request = simple(30, 200, seed);
        request.sampling.temperature = 1;
        request.sampling.seed = seed;
        QuoteOptions options;
        options.fixed = {"No."};
        options.quote_bytes_max = 20;
        const auto constraint = QuoteConstraint::create(trie, kSources, options).value();
        request.constraint = constraint;
        const auto result = scheduler.generate(request).value();
        ASSERT_EQ(result.finish_reason, FinishReason::kStop);
        const auto match = constraint->match();
        ASSERT_TRUE(match.has_value());
        const std::string expected =
            match->is_quote
                ? "\"" + kSources[match->source].substr(match->begin, match->end - match->begin) +
                      "\""
                : "No.";
        EXPECT_EQ(result.text, expected);
        for (std::size_t i = 0; i < result.tokens.size(); ++i) {
            EXPECT_LE(result.logprobs[i], result.allowed_logprobs[i] + 1e-4F);
        }
    }
}

TEST(Scheduler, ScoresLikeTheFreeFunctionAndKeepsThePrompt) {
    Scheduler scheduler(model());
    ScoreRequest request;
    request.prompt = random_prompt(70, 4);
    request.candidates = kSources;
    request.candidates.push_back("\xE4\xB8\xAD\xE6\x96\x87");
    const auto expected =
        score_candidates(model(), nullptr, request.prompt, request.candidates).value();
    for (int round = 0; round < 2; ++round) {
        const auto result = scheduler.score(request).value();
        ASSERT_EQ(result.scores.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            EXPECT_EQ(result.scores[i].total_logprob, expected[i].total_logprob);
        }
        EXPECT_EQ(result.usage.cached_tokens, round == 0 ? 0 : 69);
    }
    GenerateRequest generate;
    generate.prompt = request.prompt;
    generate.max_tokens = 3;
    EXPECT_EQ(scheduler.generate(generate).value().usage.cached_tokens, 69);
    request.candidates = {""};
    EXPECT_EQ(scheduler.score(request).error().code, Code::kInvalid);
}

/// A score of many slices: a long prompt and several groups of candidates.
ScoreRequest long_score() {
    ScoreRequest request;
    request.prompt = random_prompt(200, 9);
    for (int i = 0; i < 40; ++i) {
        request.candidates.push_back("Candidate " + std::to_string(i) + " is long enough.");
    }
    return request;
}

TEST(Scheduler, GenerationsGoOnWhileAScoreIsComputed) {
    Scheduler scheduler(model());
    std::atomic<int> tokens = 0;
    GenerateRequest generate;
    generate.prompt = random_prompt(10, 1);
    generate.max_tokens = 200;
    generate.on_token = [&](const TokenEvent&) {
        ++tokens;
        return true;
    };
    // Between the first two slices a generation arrives: it may not wait for the others.
    ScoreRequest request = long_score();
    std::shared_ptr<Generation> generation;
    std::vector<int> before_slice;
    request.keep_going = [&] {
        before_slice.push_back(tokens);
        if (generation == nullptr) generation = scheduler.submit(generate).value();
        return true;
    };
    const ScoreResult result = scheduler.score(request).value();
    EXPECT_FALSE(result.cancelled);
    const auto alone = score_candidates(model(), nullptr, request.prompt, request.candidates);
    for (std::size_t i = 0; i < request.candidates.size(); ++i) {
        EXPECT_EQ(result.scores[i].total_logprob, alone.value()[i].total_logprob);
    }
    ASSERT_GT(before_slice.size(), 10U);
    for (std::size_t i = 0; i < before_slice.size(); ++i) {
        EXPECT_EQ(before_slice[i], static_cast<int>(i)) << "a token between two slices";
    }
    generation->cancel();
    (void)generation->wait();
}

TEST(Scheduler, AScoreThatNobodyWantsEndsAndIsCounted) {
    Scheduler scheduler(model());
    ScoreRequest request = long_score();
    int slices = 0;
    request.keep_going = [&] { return ++slices <= 2; };
    const ScoreResult result = scheduler.score(request).value();
    EXPECT_TRUE(result.cancelled);
    EXPECT_TRUE(result.scores.empty());
    EXPECT_GE(result.usage.input_tokens, std::ssize(request.prompt));
    EXPECT_GT(result.usage.engine_ms, 0);
    request.keep_going = nullptr;
    const ScoreResult whole = scheduler.score(request).value();
    EXPECT_GT(whole.usage.input_tokens, result.usage.input_tokens);
    EXPECT_EQ(whole.usage.cached_tokens, std::ssize(request.prompt) - 1)
        << "what was computed before is known";
    const SchedulerMetrics metrics = scheduler.metrics();
    EXPECT_EQ(metrics.input_tokens, result.usage.input_tokens + whole.usage.input_tokens);
    request.keep_going = [] { return false; };
    EXPECT_EQ(scheduler.score(request).value().usage.input_tokens, 0);
}

}  // namespace
}  // namespace cairn::engine
