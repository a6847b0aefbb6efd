// SPDX-License-Identifier: Apache-2.0
// How likely the model finds given text: log-probabilities of a sequence, and of candidate
// continuations of one prompt (computed once and shared). Deterministic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/forward.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

/// log P(ids[i] | ids[0..i)) in nats for i = 1 .. n-1: n - 1 values, none for fewer than two ids.
/// Errors: kInvalid when there are more ids than the context (both numbers named).
Result<std::vector<float>> token_logprobs(const std::shared_ptr<const Model>& model,
                                          const Adapter* adapter, std::span<const TokenId> ids,
                                          ThreadPool* pool = nullptr);

struct CandidateScore {
    double total_logprob = 0;  ///< nats
    double mean_logprob = 0;   ///< per token
    std::int64_t tokens = 0;
};

/// log P(candidate | prompt) of each candidate, which is encoded on its own (no special tokens).
/// Errors: kInvalid for an empty prompt or candidate and for one that passes the context.
Result<std::vector<CandidateScore>> score_candidates(const std::shared_ptr<const Model>& model,
                                                     const Adapter* adapter,
                                                     std::span<const TokenId> prompt,
                                                     std::span<const std::string> candidates,
                                                     ThreadPool* pool = nullptr);

}  // namespace cairn::engine
