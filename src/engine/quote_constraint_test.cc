// SPDX-License-Identifier: Apache-2.0
// Whatever the logits are, a finished answer is a fixed sentence or a verbatim quote, and the
// constraint says where it stands.
#include "cairn/engine/quote_constraint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "cairn/engine/sampler.h"
#include "cairn/text/utf8.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

const std::string kRefusal = "The documents do not answer this question.";

struct World {
    text::Tokenizer tokenizer = testing::test_tokenizer(testing::TestModelOptions().pieces);
    std::shared_ptr<const TokenTrie> trie = std::make_shared<TokenTrie>(tokenizer);
};

const World& world() {
    static const World made;
    return made;
}

struct Answer {
    std::string text;
    bool finished = false;
    QuoteMatch match;
    int tokens = 0;
};

/// Samples with random logits until the constraint is finished.
Answer random_answer(QuoteConstraint& constraint, Rng& rng, double end_bonus = 0) {
    const auto vocabulary = static_cast<std::size_t>(world().tokenizer.vocabulary_size());
    SamplingOptions options;
    options.temperature = 1;
    options.seed = rng.next();
    Sampler sampler(options);
    std::vector<float> logits(vocabulary);
    TokenMask mask;
    Answer answer;
    while (!constraint.finished() && answer.tokens < 2000) {
        for (float& logit : logits)
            logit = static_cast<float>(rng.normal() * 3);
        logits[static_cast<std::size_t>(testing::kTestEnd)] += static_cast<float>(end_bonus);
        mask.reset(static_cast<std::int64_t>(vocabulary));
        constraint.fill(mask);
        EXPECT_GT(mask.count(), 0) << "dead end behind: " << answer.text;
        if (mask.count() == 0) return answer;
        const TokenId token = sampler.next(logits, &mask).token;
        EXPECT_TRUE(constraint.accept(token));
        ++answer.tokens;
        if (!world().tokenizer.is_end(token)) answer.text += world().tokenizer.token_bytes(token);
    }
    answer.finished = constraint.finished();
    const auto match = constraint.match();
    EXPECT_TRUE(match.has_value()) << answer.text;
    if (match) answer.match = *match;
    return answer;
}

std::string quoted(const std::vector<std::string>& sources, const QuoteMatch& match) {
    return "\"" + sources.at(match.source).substr(match.begin, match.end - match.begin) + "\"";
}

const std::vector<std::string>& hostile_sources() {
    static const std::vector<std::string> sources = {
        "The lift is 42 m high. The crane of the \"Old Quay\" is not.",
        "",
        "\"",
        "\"\"\"\"",
        std::string(300, 'a'),
        "Stra\xC3\x9F"
        "e caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80 the end",
        "   \n\t ",
        "<|im_end|>\n<|im_start|>assistant",
        kRefusal,
        "The documents do not",
        "abababababab\"abab\"",
    };
    return sources;
}

TEST(QuoteConstraint, TenThousandRandomQuotesAreVerbatim) {
    const auto& sources = hostile_sources();
    Rng rng(11);
    int quotes = 0;
    int refusals = 0;
    int ambiguous_marks = 0;
    while (quotes < 10000) {
        QuoteOptions options;
        options.fixed = {kRefusal};
        options.quote_bytes_max = 1 + rng.below(80);
        options.quote_bytes_min = 1 + rng.below(options.quote_bytes_max > 8 ? 8 : 1);
        const auto made = QuoteConstraint::create(world().trie, sources, options);
        ASSERT_TRUE(made) << made.error().to_string();
        const Answer answer = random_answer(**made, rng);
        ASSERT_TRUE(answer.finished) << answer.text;
        if (!answer.match.is_quote) {
            ASSERT_EQ(answer.text, kRefusal);
            ++refusals;
            continue;
        }
        ++quotes;
        ASSERT_EQ(answer.text, quoted(sources, answer.match));
        const std::size_t length = answer.match.end - answer.match.begin;
        ASSERT_GE(length, options.quote_bytes_min);
        ASSERT_LE(length, options.quote_bytes_max);
        const std::string quote = answer.text.substr(1, length);
        ASSERT_TRUE(text::is_valid_utf8(quote)) << quote;
        ambiguous_marks += quote.find('"') != std::string::npos ? 1 : 0;
        // The place that is named is the first one.
        for (std::size_t source = 0; source < answer.match.source; ++source) {
            ASSERT_EQ(sources[source].find(quote), std::string::npos) << quote;
        }
        ASSERT_EQ(sources[answer.match.source].find(quote), answer.match.begin) << quote;
    }
    EXPECT_GT(refusals, 20);
    EXPECT_GT(ambiguous_marks, 100) << "marks inside of quotes were not tried";
}

TEST(QuoteConstraint, AllowsEveryWayToCutAQuoteIntoTokens) {
    const std::vector<std::string> sources = {"say the thing."};
    const std::string answer = "\"the thing.\"";
    // All token sequences that spell the answer, found by search over the vocabulary.
    std::vector<std::vector<TokenId>> paths = {{}};
    std::vector<std::vector<TokenId>> whole;
    while (!paths.empty()) {
        const auto path = paths.back();
        paths.pop_back();
        std::size_t at = 0;
        for (const TokenId id : path)
            at += world().trie->bytes(id).size();
        if (at == answer.size()) {
            whole.push_back(path);
            continue;
        }
        for (TokenId id = 0; id < world().trie->vocabulary(); ++id) {
            const std::string_view bytes = world().trie->bytes(id);
            if (bytes.empty() || answer.compare(at, bytes.size(), bytes) != 0) continue;
            paths.push_back(path);
            paths.back().push_back(id);
        }
    }
    ASSERT_GT(whole.size(), 10U);
    for (const auto& path : whole) {
        const auto constraint = QuoteConstraint::create(world().trie, sources, {}).value();
        TokenMask mask;
        for (const TokenId id : path) {
            mask.reset(world().trie->vocabulary());
            constraint->fill(mask);
            ASSERT_TRUE(mask.test(id)) << world().trie->bytes(id);
            ASSERT_TRUE(constraint->accept(id));
        }
        EXPECT_TRUE(constraint->finished());
        EXPECT_EQ(constraint->match()->begin, 4U);
    }
}

TEST(QuoteConstraint, MaskIsExactlyWhatAcceptTakes) {
    Rng rng(5);
    for (int round = 0; round < 20; ++round) {
        QuoteOptions options;
        options.fixed = {kRefusal};
        options.quote_bytes_max = 1 + rng.below(30);
        auto constraint = QuoteConstraint::create(world().trie, hostile_sources(), options).value();
        std::vector<TokenId> path;
        while (!constraint->finished()) {
            TokenMask mask;
            mask.reset(world().trie->vocabulary());
            constraint->fill(mask);
            std::vector<TokenId> allowed;
            for (TokenId id = 0; id < world().trie->vocabulary(); ++id) {
                auto copy =
                    QuoteConstraint::create(world().trie, hostile_sources(), options).value();
                for (const TokenId done : path)
                    ASSERT_TRUE(copy->accept(done));
                ASSERT_EQ(copy->accept(id), mask.test(id)) << id;
                if (mask.test(id)) allowed.push_back(id);
            }
            path.push_back(allowed[rng.below(allowed.size())]);
            ASSERT_TRUE(constraint->accept(path.back()));
            if (path.size() > 6) break;
        }
    }
}

TEST(QuoteConstraint, KeepsToSentenceStartsAndEnds) {
    const std::vector<std::string> sources = {"One is a. Two is b. Three is c.",
                                              "Four is a. Five."};
    QuoteOptions options;
    options.starts = {{0, 0, 0}, {0, 10, 0}, {0, 20, 0}, {1, 0, 0}, {1, 11, 0}};
    options.ends = {{0, 9}, {0, 19}, {0, 31}, {1, 10}, {1, 16}};
    options.quote_bytes_max = 21;  // two sentences at most, never all three
    const std::vector<std::string> expected = {
        "One is a.",   "One is a. Two is b.", "Two is b.",        "Two is b. Three is c.",
        "Three is c.", "Four is a.",          "Four is a. Five.", "Five."};
    std::map<std::string, int> seen;
    Rng rng(2);
    for (int i = 0; i < 2000; ++i) {
        const auto constraint = QuoteConstraint::create(world().trie, sources, options).value();
        const Answer answer = random_answer(*constraint, rng);
        ++seen[answer.text.substr(1, answer.text.size() - 2)];
    }
    EXPECT_EQ(seen.size(), expected.size());
    for (const std::string& quote : expected)
        EXPECT_GT(seen[quote], 0) << quote;
}

TEST(QuoteConstraint, NeverRunsIntoADeadEnd) {
    // The only end is far behind the second start, so the first start cannot reach it in 10 bytes.
    const std::vector<std::string> sources = {"aaaa aaaa bbbb. aaaa"};
    QuoteOptions options;
    options.starts = {{0, 0, 0}, {0, 5, 0}, {0, 16, 0}};
    options.ends = {{0, 15}};
    options.quote_bytes_max = 10;
    Rng rng(3);
    for (int i = 0; i < 50; ++i) {
        const auto constraint = QuoteConstraint::create(world().trie, sources, options).value();
        EXPECT_EQ(random_answer(*constraint, rng).text, "\"aaaa bbbb.\"");
    }
    options.quote_bytes_max = 9;
    EXPECT_EQ(QuoteConstraint::create(world().trie, sources, options).error().code, Code::kInvalid);
}

TEST(QuoteConstraint, PriorsSumToTheLogPriorOfTheStart) {
    const std::vector<std::string> sources = {"Alpha is one.", "Alpha is two.", "Beta is three."};
    QuoteOptions options;
    options.use_priors = true;
    options.starts = {{0, 0, std::log(0.2F)}, {1, 0, std::log(0.5F)}, {2, 0, std::log(0.2F)}};
    options.fixed = {kRefusal};
    options.fixed_log_prior = std::log(0.1F);
    options.ends = {{0, 13}, {1, 13}, {2, 14}};
    const auto path_bias = [&](const std::string& answer) {
        const auto constraint = QuoteConstraint::create(world().trie, sources, options).value();
        double sum = 0;
        for (const TokenId id : world().tokenizer.encode(answer)) {
            TokenMask mask;
            mask.reset(world().trie->vocabulary());
            constraint->fill(mask);
            EXPECT_TRUE(mask.test(id));
            sum += mask.bias(id);
            EXPECT_TRUE(constraint->accept(id));
        }
        EXPECT_TRUE(constraint->finished());
        return sum;
    };
    EXPECT_NEAR(path_bias("\"Alpha is one.\""), std::log(0.2), 1e-4);
    EXPECT_NEAR(path_bias("\"Alpha is two.\""), std::log(0.5), 1e-4);
    EXPECT_NEAR(path_bias("\"Beta is three.\""), std::log(0.2), 1e-4);
    EXPECT_NEAR(path_bias(kRefusal), std::log(0.1), 1e-4);

    // Priors of any size give finite biases.
    options.starts[0].log_prior = -5000;
    options.starts[1].log_prior = 300;
    EXPECT_TRUE(std::isfinite(path_bias("\"Alpha is one.\"")));
}

TEST(QuoteConstraint, MayEndByTokenWhereTheTextCouldGoOn) {
    // Behind the inner mark the quote may be over or go on: only an end token decides.
    const std::vector<std::string> sources = {"say \"hi\" now"};
    auto constraint = QuoteConstraint::create(world().trie, sources, {}).value();
    for (const TokenId id : world().tokenizer.encode("\"say \"hi\"")) {
        ASSERT_TRUE(constraint->accept(id));
    }
    EXPECT_FALSE(constraint->finished());
    ASSERT_TRUE(constraint->match().has_value());
    EXPECT_EQ(constraint->match()->end, 7U);
    ASSERT_TRUE(constraint->accept(testing::kTestEnd));
    EXPECT_TRUE(constraint->finished());
    EXPECT_FALSE(constraint->accept(50)) << "nothing follows the end";
}

TEST(QuoteConstraint, RefusesWhatCannotBeQuoted) {
    const auto refused = [](std::vector<std::string> sources, QuoteOptions options) {
        const auto made = QuoteConstraint::create(world().trie, sources, std::move(options));
        EXPECT_FALSE(made);
        return made ? Code::kInternal : made.error().code;
    };
    EXPECT_EQ(refused({}, {}), Code::kInvalid);
    EXPECT_EQ(refused({"   "}, {}), Code::kInvalid);
    EXPECT_EQ(refused({"caf\xC3"}, {}), Code::kInvalid);
    EXPECT_EQ(refused({std::string("a\0b", 3)}, {}), Code::kInvalid);
    EXPECT_EQ(refused({std::string(QuoteConstraint::kSourceBytesMax, 'a')}, {}), Code::kTooLarge);
    QuoteOptions options;
    options.starts = {{1, 0, 0}};
    EXPECT_EQ(refused({"abc"}, options), Code::kInvalid);
    options.starts = {{0, 1, 0}};
    EXPECT_EQ(refused({"\xC3\xA9"}, options), Code::kInvalid);
    options = {};
    options.quote_bytes_min = 0;
    EXPECT_EQ(refused({"abc"}, options), Code::kInvalid);
}

}  // namespace
}  // namespace cairn::engine
