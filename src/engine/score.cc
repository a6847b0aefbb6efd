// SPDX-License-Identifier: Apache-2.0
// Log-probabilities of given text. The prompt of several candidates is computed once; candidates
// are cut into groups that run as one batch over copies of its cache.
#include "cairn/engine/score.h"

#include <fmt/format.h>

#include <algorithm>

#include "scoring.h"

namespace cairn::engine {
namespace {

// Rows of logits held at once: bounds memory to kLogitRows * V floats.
constexpr std::int64_t kLogitRows = 64;
constexpr std::size_t kGroup = 16;

float logprob(std::span<const float> logits, std::int64_t row, std::int64_t vocabulary,
              TokenId id) {
    const float* values = logits.data() + row * vocabulary;
    return values[id] - kernels::log_sum_exp(values, vocabulary);
}

Status check_length(std::int64_t tokens, const ModelConfig& config, const char* what) {
    if (tokens <= config.context) return {};
    return make_error(Code::kInvalid,
                      fmt::format("{} has {} tokens, context is {}", what, tokens, config.context));
}

std::size_t longest_of(std::span<const std::vector<TokenId>> candidates) {
    std::size_t longest = 0;
    for (const auto& ids : candidates)
        longest = std::max(longest, ids.size());
    return longest;
}

/// Log-probability sums of one group of candidates behind the prompt in `prompt_kv`.
Status score_group(Forward& forward, const Adapter* adapter, const KvCache& prompt_kv,
                   std::span<const std::vector<TokenId>> group,
                   std::span<std::unique_ptr<KvCache>> caches, std::span<CandidateScore> scores) {
    const std::int64_t vocabulary = forward.model().config().vocabulary;
    std::size_t longest = 0;
    for (const auto& ids : group)
        longest = std::max(longest, ids.size());
    for (std::size_t i = 0; i < group.size(); ++i)
        caches[i]->copy_prefix(prompt_kv, prompt_kv.length());
    // The last token of a candidate predicts nothing that is asked for.
    const auto step = std::max<std::size_t>(1, kLogitRows / group.size());
    for (std::size_t begin = 0; begin + 1 < longest; begin += step) {
        std::vector<BatchItem> items;
        for (std::size_t i = 0; i < group.size(); ++i) {
            const std::size_t inputs = group[i].size() - 1;
            const std::size_t first = std::min(begin, inputs);
            const std::size_t count = std::min(step, inputs - first);
            items.push_back({caches[i].get(), std::span(group[i]).subspan(first, count), adapter,
                             Logits::kAll});
        }
        const std::span<const float> logits = CAIRN_TRY(forward.run(items));
        std::int64_t row = 0;
        for (std::size_t i = 0; i < group.size(); ++i) {
            for (std::size_t t = 0; t < items[i].tokens.size(); ++t) {
                scores[i].total_logprob +=
                    logprob(logits, row++, vocabulary, group[i][begin + t + 1]);
            }
        }
    }
    return {};
}

}  // namespace

Result<std::vector<float>> token_logprobs(const std::shared_ptr<const Model>& model,
                                          const Adapter* adapter, std::span<const TokenId> ids,
                                          ThreadPool* pool) {
    std::vector<float> logprobs;
    if (ids.size() < 2) return logprobs;
    CAIRN_TRY(check_length(std::ssize(ids), model->config(), "text"));
    Forward forward(model, pool);
    KvCache kv(model->config(), std::ssize(ids));
    const std::size_t inputs = ids.size() - 1;
    for (std::size_t begin = 0; begin < inputs; begin += kLogitRows) {
        const std::size_t count = std::min<std::size_t>(kLogitRows, inputs - begin);
        const BatchItem item = {&kv, ids.subspan(begin, count), adapter, Logits::kAll};
        const std::span<const float> logits = CAIRN_TRY(forward.run({&item, 1}));
        for (std::size_t t = 0; t < count; ++t) {
            logprobs.push_back(logprob(logits, static_cast<std::int64_t>(t),
                                       model->config().vocabulary, ids[begin + t + 1]));
        }
    }
    return logprobs;
}

Status check_candidates(const ModelConfig& config, std::span<const TokenId> prompt,
                        std::span<const std::vector<TokenId>> candidates) {
    if (prompt.empty()) {
        return make_error(Code::kInvalid, "the prompt to score behind has no tokens");
    }
    const std::size_t longest = longest_of(candidates);
    for (const auto& ids : candidates) {
        if (ids.empty()) return make_error(Code::kInvalid, "a candidate to score has no tokens");
    }
    return check_length(std::ssize(prompt) + static_cast<std::int64_t>(longest), config,
                        "prompt with its longest candidate");
}

Result<std::vector<CandidateScore>> score_with(Forward& forward, const Adapter* adapter,
                                               std::span<const TokenId> prompt,
                                               std::span<const std::vector<TokenId>> candidates,
                                               KvCache& prompt_kv) {
    const ModelConfig& config = forward.model().config();
    CAIRN_TRY(check_candidates(config, prompt, candidates));
    std::span<const float> logits;
    for (auto begin = static_cast<std::size_t>(prompt_kv.length()); begin < prompt.size();) {
        const std::size_t count = std::min<std::size_t>(kPrefillTokens, prompt.size() - begin);
        const bool last = begin + count == prompt.size();
        const BatchItem item = {&prompt_kv, prompt.subspan(begin, count), adapter,
                                last ? Logits::kLast : Logits::kNone};
        logits = CAIRN_TRY(forward.run({&item, 1}));
        begin += count;
    }
    std::vector<CandidateScore> scores(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        scores[i].tokens = std::ssize(candidates[i]);
        scores[i].total_logprob = logprob(logits, 0, config.vocabulary, candidates[i].front());
    }
    const auto capacity = static_cast<std::int64_t>(prompt.size() + longest_of(candidates));
    std::vector<std::unique_ptr<KvCache>> caches;
    for (std::size_t i = 0; i < std::min(kGroup, candidates.size()); ++i) {
        caches.push_back(std::make_unique<KvCache>(config, capacity));
    }
    for (std::size_t begin = 0; begin < candidates.size(); begin += kGroup) {
        const std::size_t count = std::min(kGroup, candidates.size() - begin);
        CAIRN_TRY(score_group(forward, adapter, prompt_kv, candidates.subspan(begin, count), caches,
                              std::span(scores).subspan(begin, count)));
    }
    for (CandidateScore& score : scores) {
        score.mean_logprob = score.total_logprob / static_cast<double>(score.tokens);
    }
    return scores;
}

Result<std::vector<CandidateScore>> score_candidates(const std::shared_ptr<const Model>& model,
                                                     const Adapter* adapter,
                                                     std::span<const TokenId> prompt,
                                                     std::span<const std::string> candidates,
                                                     ThreadPool* pool) {
    std::vector<std::vector<TokenId>> ids;
    for (const std::string& candidate : candidates)
        ids.push_back(model->tokenizer().encode(candidate));
    CAIRN_TRY(check_candidates(model->config(), prompt, ids));
    Forward forward(model, pool);
    const std::int64_t length = std::ssize(prompt);
    KvCache prompt_kv(model->config(), length, length + static_cast<std::int64_t>(longest_of(ids)));
    return score_with(forward, adapter, prompt, ids, prompt_kv);
}

}  // namespace cairn::engine
