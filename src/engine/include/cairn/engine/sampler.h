// SPDX-License-Identifier: Apache-2.0
// Chooses a token from logits: mask and bias, then temperature, top-k, top-p, min-p, then a seeded
// draw. Temperature 0 is greedy. Ties go to the smaller id, so that results are reproducible.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/rng.h"
#include "cairn/engine/constraint.h"

namespace cairn::engine {

struct SamplingOptions {
    float temperature = 0;   ///< 0: greedy
    std::int32_t top_k = 0;  ///< 0: off
    float top_p = 1;         ///< 1: off
    float min_p = 0;         ///< 0: off; keeps tokens with p >= min_p * p(best)
    /// Taken from the logit of a token that was drawn before: once, and once for each time.
    float presence_penalty = 0;
    float frequency_penalty = 0;
    std::uint64_t seed = 1;
};

/// kInvalid names the option and its range.
Status check_sampling_options(const SamplingOptions& options);

struct Sample {
    TokenId token = text::kNoToken;
    float logprob = 0;          ///< under the model's own softmax, before mask and bias
    float allowed_logprob = 0;  ///< under the softmax over the allowed tokens, with bias
};

class Sampler {
  public:
    explicit Sampler(const SamplingOptions& options);
    /// `mask` may be null; when given it must allow at least one token.
    Sample next(std::span<const float> logits, const TokenMask* mask);

  private:
    TokenId draw();

    SamplingOptions options_;
    Rng rng_;
    std::vector<float> values_;        ///< logits with bias, by token
    std::vector<TokenId> candidates_;  ///< allowed tokens
    std::vector<float> kept_;          ///< their values
    std::vector<double> weights_;
    std::map<TokenId, int> drawn_;  ///< how often; kept only for the penalties
};

}  // namespace cairn::engine
