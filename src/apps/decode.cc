// SPDX-License-Identifier: Apache-2.0
// The other way to a quote: the model writes it token by token under a mask that allows nothing but
// a run of whole sentences of one passage, or the refusal. It can join sentences, which choosing
// one from a list cannot; it asks for a model that reads well.
#include <algorithm>
#include <cmath>

#include "cairn/engine/quote_constraint.h"
#include "cairn/knowledge/citation.h"
#include "cairn/text/quote_prompt.h"
#include "candidates.h"

namespace cairn::apps {
namespace {

using knowledge::Hit;

constexpr double kPriorLeast = 0.05;  // a sentence without a word of the question stays possible

engine::QuoteOptions quote_options(const std::vector<const Hit*>& hits, double prior_weight) {
    engine::QuoteOptions options;
    options.open = options.close = text::kQuoteMark;
    options.fixed = {std::string(text::kRefusal)};
    options.quote_bytes_max = kQuoteBytesMax;
    options.use_priors = prior_weight > 0;
    for (std::size_t source = 0; source < hits.size(); ++source) {
        for (const knowledge::SentenceScore& sentence : hits[source]->sentences) {
            const auto begin =
                static_cast<std::size_t>(sentence.span.begin - hits[source]->span.begin);
            const auto end = static_cast<std::size_t>(sentence.span.end - hits[source]->span.begin);
            const double prior = prior_weight * std::log(std::max(kPriorLeast, sentence.score));
            options.starts.push_back({source, begin, static_cast<float>(prior)});
            options.ends.push_back({source, end});
        }
    }
    return options;
}

/// The written quote as a candidate, judged by its words as one sentence would be.
Candidate judge(const Hit& hit, const engine::QuoteMatch& match, const Trace& trace) {
    const text::Span span{static_cast<std::int64_t>(match.begin),
                          static_cast<std::int64_t>(match.end)};
    auto scored = knowledge::score_sentences(trace.terms, trace.search_text,
                                             knowledge::join_headings(hit.title, hit.heading_path),
                                             hit.text, {&span, 1});
    scored.front().span = {hit.span.begin + span.begin, hit.span.begin + span.end};
    // A run of sentences means what the best of them does.
    for (const knowledge::SentenceScore& sentence : hit.sentences) {
        const bool inside = sentence.span.begin >= scored.front().span.begin &&
                            sentence.span.end <= scored.front().span.end;
        if (inside) scored.front().meaning = std::max(scored.front().meaning, sentence.meaning);
    }
    return make_candidate(hit, scored.front(), known_by_meaning(trace.hits));
}

}  // namespace

Status Assistant::write(const AssistantRequest& request, Answer& answer) {
    Trace& trace = answer.trace;
    if (trace.candidates.empty()) return {};
    const engine::Model& model = *scheduler_->model();
    // A token is at least a byte of the quote.
    const auto room = std::min<std::int64_t>(kQuoteBytesMax, model.config().context / 4);
    std::vector<const Hit*> hits =
        prompt_hits(trace.hits, trace.candidates, settings_.prompt_passages);
    engine::GenerateRequest generate;
    generate.prompt = CAIRN_TRY(make_prompt(model, hits, trace.search_text, room));
    if (std::ssize(generate.prompt) + room > model.config().context) return {};
    std::vector<std::string> sources;
    for (const Hit* hit : hits) {
        sources.push_back(hit->text);
    }
    const auto constraint = CAIRN_TRY(engine::QuoteConstraint::create(
        trie_, sources, quote_options(hits, settings_.lexical_weight)));
    generate.constraint = constraint;
    generate.max_tokens = room;
    generate.adapter = adapter_;
    generate.cache_salt = request.tenant;
    if (request.keep_going) {
        generate.on_token = [&request](const engine::TokenEvent&) { return request.keep_going(); };
    }
    const engine::GenerateResult written = CAIRN_TRY(scheduler_->generate(std::move(generate)));
    answer.computed = written.usage;
    answer.cancelled = written.finish_reason == engine::FinishReason::kCancelled;
    const auto match = constraint->match();
    if (answer.cancelled || !match) return {};
    if (!match->is_quote) {
        trace.refused_by_model = true;
        return {};
    }
    Candidate quote = judge(*hits[match->source], *match, trace);
    double logprob = 0;
    for (const float token : written.logprobs) {
        logprob += token;
    }
    quote.model_logprob = logprob / std::max<double>(1, static_cast<double>(written.tokens.size()));
    quote.total = trace.candidates.front().total + 1;  // what was written comes first
    std::erase_if(trace.candidates, [&](const Candidate& other) {
        return other.citation.quote == quote.citation.quote;
    });
    trace.candidates.insert(trace.candidates.begin(), std::move(quote));
    return {};
}

}  // namespace cairn::apps
