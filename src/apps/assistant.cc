// SPDX-License-Identifier: Apache-2.0
// retrieve -> candidate sentences -> the model ranks them -> support -> quote or refuse. Only whole
// sentences of retrieved passages are candidates, so no answer can hold an invented word.
#include "cairn/apps/assistant.h"

#include <algorithm>
#include <set>
#include <span>

#include "cairn/base/clock.h"
#include "cairn/engine/quote_constraint.h"
#include "cairn/knowledge/chunker.h"
#include "cairn/text/chat_template.h"
#include "cairn/text/quote_prompt.h"
#include "cairn/text/segment.h"
#include "cairn/text/utf8.h"
#include "candidates.h"
#include "evidence.h"
#include "phrases.h"

namespace cairn::apps {
namespace {

using knowledge::Hit;

constexpr std::size_t kQuestionBytesMax = 4096;  // a question, not a document
constexpr std::size_t kSearchTermsFew = 2;       // fewer content words need the question before

constexpr double kNatsPerTotal = 10;  // Candidate::total is in tenths
constexpr double kNearLeast = 0.05;   // support from which a refusal shows what is near

int content_terms(const std::vector<knowledge::QueryTerm>& terms) {
    return static_cast<int>(std::count_if(
        terms.begin(), terms.end(), [](const auto& term) { return term.weight > 0.5 * term.idf; }));
}

SupportFeatures features_of(const std::vector<Hit>& hits,
                            const std::vector<Candidate>& candidates) {
    SupportFeatures out;
    if (candidates.empty()) {
        return out;
    }
    const Candidate& best = candidates.front();
    out.best = evidence_of(best, known_by_meaning(hits));
    // Where there is no other: ahead of a sentence without any evidence.
    const auto ahead_of = [&](double total) {
        return std::max(0.0, kNatsPerTotal * (best.total - total));
    };
    // A second document that says the same speaks for the answer, not against it.
    double next = 0;
    double next_elsewhere = 0;
    for (const Candidate& c : std::span(candidates).subspan(1)) {
        if (say_the_same(c.citation.quote, best.citation.quote)) continue;
        next = std::max(next, c.total);
        if (c.chunk_id != best.chunk_id) next_elsewhere = std::max(next_elsewhere, c.total);
    }
    out.gap = ahead_of(next_elsewhere);
    out.lead = ahead_of(next);
    out.model_margin = best.model_margin;
    return out;
}

/// The best sentence of each of the nearest passages.
std::vector<knowledge::Citation> nearest_of(const std::vector<Candidate>& candidates, int limit) {
    std::vector<knowledge::Citation> out;
    std::set<std::int64_t> shown;
    for (const Candidate& candidate : candidates) {
        if (out.size() < static_cast<std::size_t>(limit) &&
            shown.insert(candidate.chunk_id).second) {
            out.push_back(candidate.citation);
        }
    }
    return out;
}

std::string numbered(const std::vector<knowledge::Citation>& citations) {
    std::string out;
    for (std::size_t i = 0; i < citations.size(); ++i) {
        out += "\n[" + std::to_string(i + 1) + "] \"" + citations[i].quote + "\" (" +
               citations[i].path + ")";
    }
    return out;
}

void add(const engine::Usage& more, engine::Usage& sum) {
    sum.input_tokens += more.input_tokens;
    sum.cached_tokens += more.cached_tokens;
    sum.output_tokens += more.output_tokens;
    sum.engine_ms += more.engine_ms;
}

}  // namespace

Assistant::Assistant(knowledge::Index index, std::shared_ptr<engine::Scheduler> scheduler,
                     std::shared_ptr<const engine::Adapter> adapter, AssistantSettings settings)
    : index_(std::move(index)), scheduler_(std::move(scheduler)), adapter_(std::move(adapter)) {
    set_settings(settings);
}

void Assistant::set_settings(const AssistantSettings& settings) {
    settings_ = settings;
    if (settings.write && scheduler_ != nullptr && trie_ == nullptr) {
        trie_ = std::make_shared<engine::TokenTrie>(scheduler_->model()->tokenizer());
    }
}

Result<knowledge::Retrieval> Assistant::search(const AssistantRequest& request, Trace& trace) {
    const std::lock_guard lock(index_mutex_);
    knowledge::RetrieveOptions options;
    options.k = settings_.passages;
    options.sources = request.sources;
    trace.search_text = request.question;
    knowledge::Retrieval found = CAIRN_TRY(index_.retrieve(trace.search_text, options));
    // "And in Flensholm?" is only a question together with the one before.
    if (static_cast<std::size_t>(content_terms(found.terms)) < kSearchTermsFew &&
        !request.earlier_questions.empty()) {
        trace.search_text = request.earlier_questions.back() + " " + request.question;
        found = CAIRN_TRY(index_.retrieve(trace.search_text, options));
    }
    return found;
}

Status Assistant::rank(const AssistantRequest& request, Answer& answer) {
    Trace& trace = answer.trace;
    if (scheduler_ == nullptr || settings_.model_weight <= 0 || trace.candidates.empty()) {
        return {};
    }
    const engine::Model& model = *scheduler_->model();
    std::int64_t longest = 0;
    for (const Candidate& candidate : trace.candidates) {
        const auto ids = model.tokenizer().encode(text::quote_answer(candidate.citation.quote));
        longest = std::max(longest, static_cast<std::int64_t>(ids.size()));
    }
    std::vector<const Hit*> hits =
        prompt_hits(trace.hits, trace.candidates, settings_.prompt_passages);
    engine::ScoreRequest score;
    score.prompt = CAIRN_TRY(make_prompt(model, hits, trace.search_text, longest + 1));
    if (static_cast<std::int64_t>(score.prompt.size()) + longest > model.config().context) {
        return {};  // one passage alone fills the context: lexical evidence decides
    }
    score.adapter = adapter_;
    score.cache_salt = request.tenant;
    score.keep_going = request.keep_going;
    score.candidates.emplace_back(text::kRefusal);
    std::vector<Candidate*> scored;
    for (Candidate& candidate : trace.candidates) {
        const bool read = std::any_of(hits.begin(), hits.end(), [&](const Hit* hit) {
            return hit->chunk_id == candidate.chunk_id;
        });
        if (read) {
            score.candidates.push_back(text::quote_answer(candidate.citation.quote));
            scored.push_back(&candidate);
        }
    }
    const engine::ScoreResult result = CAIRN_TRY(scheduler_->score(std::move(score)));
    add(result.usage, answer.computed);
    answer.cancelled = result.cancelled;
    if (result.cancelled) return {};
    const double refusal = result.scores.front().mean_logprob;
    double best = -1e9;
    for (std::size_t i = 0; i < scored.size(); ++i) {
        scored[i]->model_logprob = result.scores[i + 1].mean_logprob;
        scored[i]->model_margin = scored[i]->model_logprob - refusal;
        best = std::max(best, scored[i]->model_logprob);
    }
    constexpr double kUnread = 2.0;  // nats below the best, for sentences the model did not see
    for (Candidate& candidate : trace.candidates) {
        const bool read = std::find(scored.begin(), scored.end(), &candidate) != scored.end();
        const double below = read ? candidate.model_logprob - best : -kUnread;
        candidate.total =
            settings_.lexical_weight * candidate.lexical + settings_.model_weight * below;
    }
    std::stable_sort(trace.candidates.begin(), trace.candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.total > b.total; });
    return {};
}

/// Mean log-probability of the question behind the sentence, or behind none.
Result<double> Assistant::question_logprob(const AssistantRequest& request,
                                           const Candidate* candidate, Answer& answer) {
    const engine::Model& model = *scheduler_->model();
    std::string text;
    if (candidate != nullptr) {
        const knowledge::Citation& place = candidate->citation;
        text = knowledge::join_headings(place.title, place.heading_path) + "\n\"" + place.quote +
               "\"\n\n";
    }
    text += candidate == nullptr
                ? "Write a short question that an employee would ask."
                : "Write a short question that an employee would ask and that this text answers.";
    const text::ChatMessage messages[] = {{"user", text}};
    engine::ScoreRequest score;
    score.prompt = CAIRN_TRY(text::render_chat(model.tokenizer(), messages, true)).ids;
    score.candidates = {answer.trace.search_text};
    score.adapter = adapter_;
    score.cache_salt = request.tenant;
    score.keep_going = request.keep_going;
    const engine::ScoreResult result = CAIRN_TRY(scheduler_->score(std::move(score)));
    add(result.usage, answer.computed);
    answer.cancelled = result.cancelled;
    return result.cancelled ? 0 : result.scores.front().mean_logprob;
}

Status Assistant::read(const AssistantRequest& request, Answer& answer) {
    Trace& trace = answer.trace;
    const bool asked =
        scheduler_ != nullptr && settings_.reading_weight > 0 && scheduler_->model()->has_chat();
    if (!asked || trace.candidates.empty()) return {};
    const double unread = CAIRN_TRY(question_logprob(request, nullptr, answer));
    for (Candidate& candidate : trace.candidates) {
        if (answer.cancelled) return {};
        candidate.reading = CAIRN_TRY(question_logprob(request, &candidate, answer)) - unread;
        candidate.total += settings_.reading_weight * candidate.reading;
    }
    std::stable_sort(trace.candidates.begin(), trace.candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.total > b.total; });
    return {};
}

void Assistant::decide(const AssistantRequest& request, Answer& answer) const {
    Trace& trace = answer.trace;
    trace.features = features_of(trace.hits, trace.candidates);
    const bool nothing = trace.candidates.empty() || trace.refused_by_model;
    answer.support = nothing ? 0 : support_of(trace.features, settings_);
    answer.threshold = settings_.threshold;
    answer.language = question_language(request.question);
    answer.refused = nothing || answer.support < settings_.threshold;
    std::vector<std::string> pieces;
    if (answer.refused) {
        // Where nothing is near, three far passages would only be noise.
        if (answer.support >= kNearLeast) {
            answer.nearest = nearest_of(trace.candidates, settings_.nearest);
        }
        pieces.emplace_back(answer.nearest.empty() ? refusal_text(answer.language)
                                                   : unsure_text(answer.language));
        pieces.push_back(numbered(answer.nearest));
    } else {
        answer.quotes.push_back(trace.candidates.front().citation);
        pieces.push_back(std::string(lead_in(answer.language)) + " ");
        pieces.push_back("\"" + answer.quotes.front().quote + "\"");
        pieces.emplace_back(" [1]");
    }
    for (const std::string& piece : pieces) {
        answer.text += piece;
        if (request.on_text && !request.on_text(piece)) {
            break;
        }
    }
}

void Assistant::count_tokens(const AssistantRequest& request, Answer& answer) const {
    if (scheduler_ == nullptr) return;
    const text::Tokenizer& tokenizer = scheduler_->model()->tokenizer();
    const auto count = [&](std::string_view text) {
        return static_cast<std::int64_t>(tokenizer.encode(text).size());
    };
    // A question that the index alone answered still came in, and its answer went out.
    answer.usage.input_tokens = std::max(answer.usage.input_tokens, count(request.question));
    answer.usage.output_tokens = count(answer.text);
}

Result<Answer> Assistant::answer(const AssistantRequest& request) {
    const double started = now_seconds();
    if (request.question.find_first_not_of(" \t\r\n") == std::string::npos) {
        return make_error(Code::kInvalid, "the question is empty", "ask something");
    }
    if (request.question.size() > kQuestionBytesMax) {
        return make_error(Code::kTooLarge,
                          "the question has " + std::to_string(request.question.size()) +
                              " bytes, at most " + std::to_string(kQuestionBytesMax) +
                              " are allowed",
                          "ask a shorter question");
    }
    Answer answer;
    knowledge::Retrieval found = CAIRN_TRY(search(request, answer.trace));
    answer.trace.terms = std::move(found.terms);
    answer.trace.hits = std::move(found.hits);
    answer.trace.candidates =
        find_candidates(answer.trace.search_text, answer.trace.hits, settings_.candidates);
    answer.trace.retrieve_ms = 1000 * (now_seconds() - started);
    const double asked = now_seconds();
    answer.cancelled = request.keep_going && !request.keep_going();
    if (!answer.cancelled) {
        CAIRN_TRY(settings_.write && scheduler_ != nullptr ? write(request, answer)
                                                           : rank(request, answer));
        if (!answer.cancelled) CAIRN_TRY(read(request, answer));
    }
    answer.usage = answer.computed;
    answer.trace.model_ms = 1000 * (now_seconds() - asked);
    if (!answer.cancelled) decide(request, answer);
    count_tokens(request, answer);
    answer.total_ms = 1000 * (now_seconds() - started);
    return answer;
}

}  // namespace cairn::apps
