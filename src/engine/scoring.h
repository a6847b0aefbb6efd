// SPDX-License-Identifier: Apache-2.0
// Scoring inside the engine's own thread: what score_candidates and the scheduler share.
#pragma once

#include <span>
#include <vector>

#include "cairn/engine/score.h"

namespace cairn::engine {

/// Prompt tokens per forward pass: enough rows for full speed, little scratch.
inline constexpr std::size_t kPrefillTokens = 256;

/// score_candidates over token ids. `prompt_kv` may hold a beginning of the prompt already (at most
/// all but its last token); it has room for the prompt and holds all of it afterwards.
Result<std::vector<CandidateScore>> score_with(Forward& forward, const Adapter* adapter,
                                               std::span<const TokenId> prompt,
                                               std::span<const std::vector<TokenId>> candidates,
                                               KvCache& prompt_kv);

/// kInvalid for an empty prompt or candidate, or when the longest passes the context.
Status check_candidates(const ModelConfig& config, std::span<const TokenId> prompt,
                        std::span<const std::vector<TokenId>> candidates);

}  // namespace cairn::engine
