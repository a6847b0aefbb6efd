// SPDX-License-Identifier: Apache-2.0
// How far a changed model (quantised, merged) is from the original on a text: perplexity,
// divergence of the next-token distributions, agreement of the most likely token.
#pragma once

#include <memory>
#include <span>

#include "cairn/base/progress.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

struct ModelQuality {
    std::int64_t positions = 0;  ///< tokens that were predicted by both
    double perplexity_original = 0;
    double perplexity = 0;
    double log_ratio = 0;        ///< ln(perplexity / original): the mean difference of log losses
    double log_ratio_error = 0;  ///< its standard error
    double mean_kl = 0;          ///< of KL(original || changed), in nats
    double mean_kl_error = 0;
    double kl_p99_9 = 0;
    double kl_max = 0;
    double rms_delta_p = 0;  ///< of the right token's probability
    double same_top_1 = 0;   ///< share
};

/// The text in chunks of `chunk` tokens; the second half of each is scored, so that every
/// prediction has a context. Errors: kInvalid for models with other vocabularies and for less than
/// one chunk.
Result<ModelQuality> compare_models(const std::shared_ptr<const Model>& original,
                                    const std::shared_ptr<const Model>& changed,
                                    std::span<const TokenId> tokens, std::int64_t chunk,
                                    ThreadPool& pool, const ProgressSink& progress);

}  // namespace cairn::engine
