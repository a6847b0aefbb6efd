// SPDX-License-Identifier: Apache-2.0
// The weights are fitted by tools/fit_support.py on development questions over two sets of
// documents; docs/lab/0002 says on which, and what they gave on questions they had not seen.
#include "evidence.h"

#include <algorithm>
#include <cmath>

namespace cairn::apps {
namespace {

struct Weights {
    double coverage, context, pairs, kind, numbers, passage, words, meaning, passage_meaning;
};
struct SupportWeights {
    double constant;
    Weights evidence;
    double gap, lead;
};

// In nats for evidence that grows from 0 to 1.
constexpr Weights kOrderByWords = {5.56, 3.98, 0, 2.77, 1.75, 1.20, 5.78, 0, 0};
constexpr Weights kOrderByMeaning = {1.32, 4.53, 0, 2.22, 1.63, 0, 1.13, 4.45, 8.12};
constexpr SupportWeights kSupportByWords = {
    -9.53, {0, 0, 0, 3.09, 2.61, 0, 2.47, 0, 0}, 0.55, 0.07};
constexpr SupportWeights kSupportByMeaning = {
    -7.44, {0, 0, 0.09, 2.27, 2.36, 0, 0, 0.50, 0.77}, 0.41, 0.40};

constexpr double kHalfOfQuestion = 0.5;
constexpr double kHalfSupport = 0.5;

double sum(const Weights& w, const Evidence& e) {
    return w.coverage * e.coverage + w.context * e.context + w.pairs * e.pairs + w.kind * e.kind +
           w.numbers * (e.numbers ? 1 : 0) + w.passage * e.passage + w.words * e.words +
           w.meaning * e.meaning + w.passage_meaning * e.passage_meaning;
}

/// Cosines of texts that have nothing in common and of texts that say the same, as in the search.
double stretched(double cosine) {
    constexpr double kNothing = 0.1;
    constexpr double kSame = 0.7;
    return std::clamp((cosine - kNothing) / (kSame - kNothing), 0.0, 1.0);
}

}  // namespace

Evidence evidence_of(const Candidate& candidate, bool by_meaning) {
    Evidence out;
    out.coverage = candidate.sentence.coverage;
    out.context = candidate.sentence.context;
    out.pairs = candidate.sentence.pairs;
    out.kind = candidate.sentence.kind;
    out.numbers = candidate.sentence.numbers;
    out.passage = candidate.passage_coverage;
    out.words = candidate.passage_words;
    out.by_meaning = by_meaning;
    out.meaning = stretched(candidate.sentence.meaning);
    out.passage_meaning = stretched(candidate.passage_meaning);
    return out;
}

double order_score(const Evidence& evidence) {
    return sum(evidence.by_meaning ? kOrderByMeaning : kOrderByWords, evidence);
}

double support_of(const SupportFeatures& features, const AssistantSettings& settings) {
    const Evidence& best = features.best;
    const SupportWeights& weights = best.by_meaning ? kSupportByMeaning : kSupportByWords;
    const double logit = weights.constant + sum(weights.evidence, best) +
                         weights.gap * features.gap + weights.lead * features.lead;
    double support = 1 / (1 + std::exp(-logit));
    // Standing out is easy where one common word is found and nothing else is near ("which colour
    // does the moon have"): by words alone, an answer holds half of what was asked.
    if (!best.by_meaning && best.context < kHalfOfQuestion) support *= kHalfSupport;
    const double model = settings.margin_weight * std::tanh(features.model_margin);
    return std::clamp(support + model, 0.0, 1.0);
}

}  // namespace cairn::apps
