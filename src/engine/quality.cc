// SPDX-License-Identifier: Apache-2.0
// Runs two models side by side over the same text and compares their distributions position by
// position, in double.
#include "cairn/engine/quality.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cairn/engine/forward.h"

namespace cairn::engine {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;  // of logits: 64 x 128,000 floats are 33 MB

struct Comparison {
    double loss_original = 0;
    double loss = 0;
    double kl = 0;
    double delta_p = 0;
    bool same_top = false;
};

double log_sum_exp(std::span<const float> logits) {
    const float top = *std::ranges::max_element(logits);
    double sum = 0;
    for (const float v : logits)
        sum += std::exp(static_cast<double>(v - top));
    return static_cast<double>(top) + std::log(sum);
}

Comparison compare_rows(std::span<const float> original, std::span<const float> changed,
                        TokenId next) {
    const double z_original = log_sum_exp(original);
    const double z_changed = log_sum_exp(changed);
    Comparison result;
    for (std::size_t i = 0; i < original.size(); ++i) {
        const double log_p = static_cast<double>(original[i]) - z_original;
        const double log_q = static_cast<double>(changed[i]) - z_changed;
        result.kl += std::exp(log_p) * (log_p - log_q);
    }
    result.kl = std::max(result.kl, 0.0);  // rounding may leave -1e-17
    const auto index = static_cast<std::size_t>(next);
    result.loss_original = z_original - static_cast<double>(original[index]);
    result.loss = z_changed - static_cast<double>(changed[index]);
    result.delta_p = std::exp(-result.loss) - std::exp(-result.loss_original);
    result.same_top = std::ranges::max_element(original) - original.begin() ==
                      std::ranges::max_element(changed) - changed.begin();
    return result;
}

/// Both models over one chunk; appends a comparison for each position of the second half.
class Walker {
  public:
    Walker(const std::shared_ptr<const Model>& original,
           const std::shared_ptr<const Model>& changed, std::int64_t chunk, ThreadPool& pool)
        : original_(original, &pool),
          changed_(changed, &pool),
          chunk_(chunk),
          vocabulary_(static_cast<std::size_t>(original->config().vocabulary)),
          pool_(pool) {}

    Status walk(std::span<const TokenId> tokens, std::vector<Comparison>& all) {
        KvCache kv_original(original_.model().config(), chunk_);
        KvCache kv_changed(changed_.model().config(), chunk_);
        for (std::int64_t at = 0; at + 1 < chunk_; at += kRowsAtOnce) {
            const std::int64_t count = std::min(kRowsAtOnce, chunk_ - at);
            const auto piece =
                tokens.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
            const bool scored = at + count > chunk_ / 2;
            const Logits wanted = scored ? Logits::kAll : Logits::kNone;
            const BatchItem first = {&kv_original, piece, nullptr, wanted};
            const BatchItem second = {&kv_changed, piece, nullptr, wanted};
            const auto before = CAIRN_TRY(original_.run(std::span(&first, 1)));
            const auto after = CAIRN_TRY(changed_.run(std::span(&second, 1)));
            if (!scored) continue;
            const std::int64_t begin = std::max(at, chunk_ / 2);
            const std::int64_t end = std::min(at + count, chunk_ - 1);
            add(before, after, tokens, at, begin, end, all);
        }
        return {};
    }

  private:
    void add(std::span<const float> before, std::span<const float> after,
             std::span<const TokenId> tokens, std::int64_t at, std::int64_t begin, std::int64_t end,
             std::vector<Comparison>& all) {
        const std::size_t known = all.size();
        all.resize(known + static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)));
        pool_.parallel_for(all.size() - known, 1, [&](std::size_t from, std::size_t to) {
            for (std::size_t i = from; i < to; ++i) {
                const std::int64_t position = begin + static_cast<std::int64_t>(i);
                const std::size_t row = static_cast<std::size_t>(position - at) * vocabulary_;
                all[known + i] =
                    compare_rows(before.subspan(row, vocabulary_), after.subspan(row, vocabulary_),
                                 tokens[static_cast<std::size_t>(position) + 1]);
            }
        });
    }

    Forward original_;
    Forward changed_;
    std::int64_t chunk_;
    std::size_t vocabulary_;
    ThreadPool& pool_;
};

struct Mean {
    double value = 0;
    double error = 0;
};

template <typename Get>
Mean mean_of(const std::vector<Comparison>& all, const Get& get) {
    const auto n = static_cast<double>(all.size());
    Mean mean;
    for (const Comparison& one : all)
        mean.value += get(one);
    mean.value /= n;
    double squares = 0;
    for (const Comparison& one : all)
        squares += (get(one) - mean.value) * (get(one) - mean.value);
    mean.error = all.size() > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
    return mean;
}

ModelQuality summarise(std::vector<Comparison> all) {
    ModelQuality quality;
    quality.positions = std::ssize(all);
    const Mean original = mean_of(all, [](const auto& one) { return one.loss_original; });
    const Mean changed = mean_of(all, [](const auto& one) { return one.loss; });
    const Mean ratio = mean_of(all, [](const auto& one) { return one.loss - one.loss_original; });
    const Mean kl = mean_of(all, [](const auto& one) { return one.kl; });
    quality.perplexity_original = std::exp(original.value);
    quality.perplexity = std::exp(changed.value);
    quality.log_ratio = ratio.value;
    quality.log_ratio_error = ratio.error;
    quality.mean_kl = kl.value;
    quality.mean_kl_error = kl.error;
    quality.rms_delta_p =
        std::sqrt(mean_of(all, [](const auto& one) { return one.delta_p * one.delta_p; }).value);
    quality.same_top_1 =
        mean_of(all, [](const auto& one) { return one.same_top ? 1.0 : 0.0; }).value;
    std::ranges::sort(all, {}, &Comparison::kl);
    const auto place = static_cast<std::size_t>(0.999 * static_cast<double>(all.size() - 1) + 0.5);
    quality.kl_p99_9 = all[place].kl;
    quality.kl_max = all.back().kl;
    return quality;
}

}  // namespace

Result<ModelQuality> compare_models(const std::shared_ptr<const Model>& original,
                                    const std::shared_ptr<const Model>& changed,
                                    std::span<const TokenId> tokens, std::int64_t chunk,
                                    ThreadPool& pool, const ProgressSink& sink) {
    const std::int64_t vocabulary = original->config().vocabulary;
    if (changed->config().vocabulary != vocabulary) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected two models of one vocabulary, found {} and {} tokens", vocabulary,
                        changed->config().vocabulary));
    }
    chunk = std::min({chunk, original->config().context, changed->config().context});
    const std::int64_t chunks = chunk < 4 ? 0 : std::ssize(tokens) / chunk;
    if (chunks == 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected a text of at least {} tokens, found {}", chunk, tokens.size()),
            "give a longer text");
    }
    Progress progress(sink, "compare", chunks, "chunks");
    Walker walker(original, changed, chunk, pool);
    std::vector<Comparison> all;
    for (std::int64_t i = 0; i < chunks; ++i) {
        if (interrupted()) return make_error(Code::kCancelled, "comparing models: interrupted");
        CAIRN_TRY(walker.walk(
            tokens.subspan(static_cast<std::size_t>(i * chunk), static_cast<std::size_t>(chunk)),
            all));
        progress.advance(1);
    }
    progress.finish();
    return summarise(std::move(all));
}

}  // namespace cairn::engine
