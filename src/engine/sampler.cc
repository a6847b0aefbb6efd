// SPDX-License-Identifier: Apache-2.0
// The sampling chain. Candidates are kept in order of falling logit, so every cut is a prefix.
#include "cairn/engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/kernels/kernels.h"

namespace cairn::engine {

Status check_sampling_options(const SamplingOptions& options) {
    const auto check = [](const char* name, double value, double low, double high) -> Status {
        if (value >= low && value <= high) return {};  // false for NaN
        return make_error(Code::kInvalid,
                          fmt::format("{}: expected {} to {}, found {}", name, low, high, value));
    };
    CAIRN_TRY(check("temperature", options.temperature, 0, 100));
    CAIRN_TRY(check("top_k", options.top_k, 0, 1'000'000));
    CAIRN_TRY(check("top_p", options.top_p, 0, 1));
    CAIRN_TRY(check("min_p", options.min_p, 0, 1));
    CAIRN_TRY(check("presence_penalty", options.presence_penalty, -2, 2));
    CAIRN_TRY(check("frequency_penalty", options.frequency_penalty, -2, 2));
    return {};
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), rng_(options.seed) {}

namespace {

/// Length of the shortest prefix of the falling `weights` (sum `total`) that holds share `p`.
std::size_t nucleus(std::span<const double> weights, double total, double p) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        sum += weights[i];
        if (sum >= p * total) return i + 1;
    }
    return weights.size();
}

}  // namespace

TokenId Sampler::draw() {
    const auto better = [&](TokenId a, TokenId b) {
        const float x = values_[static_cast<std::size_t>(a)];
        const float y = values_[static_cast<std::size_t>(b)];
        return x != y ? x > y : a < b;
    };
    if (options_.top_k > 0 && options_.top_k < std::ssize(candidates_)) {
        const auto cut = candidates_.begin() + options_.top_k;
        std::partial_sort(candidates_.begin(), cut, candidates_.end(), better);
        candidates_.erase(cut, candidates_.end());
    } else {
        std::sort(candidates_.begin(), candidates_.end(), better);
    }
    const double best = values_[static_cast<std::size_t>(candidates_.front())];
    double total = 0;
    weights_.clear();
    for (const TokenId id : candidates_) {
        const double logit = values_[static_cast<std::size_t>(id)];
        weights_.push_back(std::exp((logit - best) / options_.temperature));
        total += weights_.back();
    }
    // min-p: the best weight is 1, so the threshold is min_p itself.
    const auto unlikely = std::find_if(weights_.begin(), weights_.end(),
                                       [&](double weight) { return weight < options_.min_p; });
    const std::size_t likely = static_cast<std::size_t>(unlikely - weights_.begin());
    const std::size_t kept =
        std::max<std::size_t>(1, std::min(likely, nucleus(weights_, total, options_.top_p)));
    weights_.resize(kept);
    total = 0;
    for (const double weight : weights_)
        total += weight;
    double rest = rng_.uniform() * total;
    std::size_t chosen = 0;
    while (chosen + 1 < kept && rest >= weights_[chosen])
        rest -= weights_[chosen++];
    return candidates_[chosen];
}

Sample Sampler::next(std::span<const float> logits, const TokenMask* mask) {
    const auto vocabulary = static_cast<TokenId>(logits.size());
    values_.assign(logits.begin(), logits.end());
    for (const auto& [id, count] : drawn_) {
        values_[static_cast<std::size_t>(id)] -=
            options_.presence_penalty + options_.frequency_penalty * static_cast<float>(count);
    }
    candidates_.clear();
    kept_.clear();
    for (TokenId id = 0; id < vocabulary; ++id) {
        if (mask != nullptr) {
            if (!mask->test(id)) continue;
            values_[static_cast<std::size_t>(id)] += mask->bias(id);
        }
        // NaN has no order; the log-probability still tells the caller of it.
        float& value = values_[static_cast<std::size_t>(id)];
        if (std::isnan(value)) value = -std::numeric_limits<float>::infinity();
        candidates_.push_back(id);
        kept_.push_back(values_[static_cast<std::size_t>(id)]);
    }
    CAIRN_ASSERT(!candidates_.empty());
    Sample sample;
    if (options_.temperature > 0) {
        sample.token = draw();
    } else {
        const auto best = std::max_element(kept_.begin(), kept_.end());
        sample.token = candidates_[static_cast<std::size_t>(best - kept_.begin())];
    }
    if (options_.presence_penalty != 0 || options_.frequency_penalty != 0) ++drawn_[sample.token];
    const auto index = static_cast<std::size_t>(sample.token);
    sample.logprob = logits[index] - kernels::log_sum_exp(logits.data(), vocabulary);
    sample.allowed_logprob = values_[index] - kernels::log_sum_exp(kept_.data(), std::ssize(kept_));
    return sample;
}

}  // namespace cairn::engine
