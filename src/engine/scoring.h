// SPDX-License-Identifier: Apache-2.0
// Scoring inside the engine's own thread: what score_candidates and the scheduler share.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cairn/engine/score.h"

namespace cairn::engine {

/// Prompt tokens per forward pass: enough rows for full speed, little scratch.
inline constexpr std::size_t kPrefillTokens = 256;
/// Rows of logits held at once: bounds memory to kScoreRows * V floats.
inline constexpr std::size_t kScoreRows = 64;

/// score_candidates over token ids in bounded slices, so that generations need not wait for the
/// whole. Everything given must outlive it. `prompt_kv` may hold a beginning of the prompt already
/// (at most all but its last token); it has room for the prompt and holds all of it afterwards.
class SlicedScore {
  public:
    SlicedScore(Forward& forward, const Adapter* adapter, std::span<const TokenId> prompt,
                std::span<const std::vector<TokenId>> candidates, KvCache& prompt_kv);

    /// One forward pass of at most kPrefillTokens prompt tokens or kScoreRows candidate tokens.
    /// True when all is scored.
    Result<bool> advance();
    /// Tokens of prompt and candidates that were processed, those known beforehand included.
    std::int64_t tokens() const { return tokens_; }
    /// Complete when `advance` said so.
    std::vector<CandidateScore> take_scores();

  private:
    Status read_prompt();
    Status read_candidates();
    void start_group();

    Forward& forward_;
    const Adapter* adapter_;
    std::span<const TokenId> prompt_;
    std::span<const std::vector<TokenId>> candidates_;
    KvCache& prompt_kv_;
    std::vector<CandidateScore> scores_;
    std::vector<std::unique_ptr<KvCache>> caches_;
    std::size_t group_ = 0;  ///< first candidate of the group in work
    std::size_t at_ = 0;     ///< token of that group's candidates that comes next
    std::int64_t tokens_ = 0;
};

/// kInvalid for an empty prompt or candidate, or when the longest passes the context.
Status check_candidates(const ModelConfig& config, std::span<const TokenId> prompt,
                        std::span<const std::vector<TokenId>> candidates);

}  // namespace cairn::engine
