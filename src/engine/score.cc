// SPDX-License-Identifier: Apache-2.0
// Log-probabilities of given text. The prompt of several candidates is computed once; candidates
// are cut into groups that run as one batch over copies of its cache.
#include "cairn/engine/score.h"

#include <fmt/format.h>

#include <algorithm>

#include "scoring.h"

namespace cairn::engine {
namespace {

constexpr std::size_t kGroup = 16;  // candidates that run side by side

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
    for (std::size_t begin = 0; begin < inputs; begin += kScoreRows) {
        const std::size_t count = std::min(kScoreRows, inputs - begin);
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

SlicedScore::SlicedScore(Forward& forward, const Adapter* adapter, std::span<const TokenId> prompt,
                         std::span<const std::vector<TokenId>> candidates, KvCache& prompt_kv)
    : forward_(forward),
      adapter_(adapter),
      prompt_(prompt),
      candidates_(candidates),
      prompt_kv_(prompt_kv),
      scores_(candidates.size()),
      tokens_(prompt_kv.length()) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        scores_[i].tokens = std::ssize(candidates[i]);
    }
}

Result<bool> SlicedScore::advance() {
    if (prompt_kv_.length() < std::ssize(prompt_)) {
        CAIRN_TRY(read_prompt());
    } else if (group_ < candidates_.size()) {
        CAIRN_TRY(read_candidates());
    }
    return prompt_kv_.length() == std::ssize(prompt_) && group_ >= candidates_.size();
}

Status SlicedScore::read_prompt() {
    const auto begin = static_cast<std::size_t>(prompt_kv_.length());
    const std::size_t count = std::min(kPrefillTokens, prompt_.size() - begin);
    const bool last = begin + count == prompt_.size();
    const BatchItem item = {&prompt_kv_, prompt_.subspan(begin, count), adapter_,
                            last ? Logits::kLast : Logits::kNone};
    const std::span<const float> logits = CAIRN_TRY(forward_.run({&item, 1}));
    tokens_ += static_cast<std::int64_t>(count);
    if (!last) return {};
    const std::int64_t vocabulary = forward_.model().config().vocabulary;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        scores_[i].total_logprob = logprob(logits, 0, vocabulary, candidates_[i].front());
    }
    const auto capacity = static_cast<std::int64_t>(prompt_.size() + longest_of(candidates_));
    for (std::size_t i = 0; i < std::min(kGroup, candidates_.size()); ++i) {
        caches_.push_back(std::make_unique<KvCache>(forward_.model().config(), capacity));
    }
    start_group();
    return {};
}

/// Copies the prompt's cache for the next group with something to compute: the first token of a
/// candidate was predicted by the prompt, and the last predicts nothing that is asked for.
void SlicedScore::start_group() {
    at_ = 0;
    for (; group_ < candidates_.size(); group_ += kGroup) {
        const auto group =
            candidates_.subspan(group_, std::min(kGroup, candidates_.size() - group_));
        for (const auto& ids : group)
            tokens_ += std::ssize(ids);
        if (longest_of(group) < 2) continue;
        for (std::size_t i = 0; i < group.size(); ++i)
            caches_[i]->copy_prefix(prompt_kv_, prompt_kv_.length());
        return;
    }
}

Status SlicedScore::read_candidates() {
    const std::int64_t vocabulary = forward_.model().config().vocabulary;
    const auto group = candidates_.subspan(group_, std::min(kGroup, candidates_.size() - group_));
    const auto step = std::max<std::size_t>(1, kScoreRows / group.size());
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < group.size(); ++i) {
        const std::size_t inputs = group[i].size() - 1;
        const std::size_t first = std::min(at_, inputs);
        const std::size_t count = std::min(step, inputs - first);
        items.push_back(
            {caches_[i].get(), std::span(group[i]).subspan(first, count), adapter_, Logits::kAll});
    }
    const std::span<const float> logits = CAIRN_TRY(forward_.run(items));
    std::int64_t row = 0;
    for (std::size_t i = 0; i < group.size(); ++i) {
        for (std::size_t t = 0; t < items[i].tokens.size(); ++t) {
            scores_[group_ + i].total_logprob +=
                logprob(logits, row++, vocabulary, group[i][at_ + t + 1]);
        }
    }
    at_ += step;
    if (at_ + 1 < longest_of(group)) return {};
    group_ += kGroup;
    start_group();
    return {};
}

std::vector<CandidateScore> SlicedScore::take_scores() {
    for (CandidateScore& score : scores_) {
        score.mean_logprob = score.total_logprob / static_cast<double>(score.tokens);
    }
    return std::move(scores_);
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
    SlicedScore score(forward, adapter, prompt, ids, prompt_kv);
    while (!CAIRN_TRY(score.advance())) {
    }
    return score.take_scores();
}

}  // namespace cairn::engine
