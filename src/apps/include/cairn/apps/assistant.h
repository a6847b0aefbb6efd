// SPDX-License-Identifier: Apache-2.0
// Answers questions only by exact quotes from the indexed documents, cites where each stands, and
// says so when the documents hold no answer. Lexical evidence finds candidates; the model ranks.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/scheduler.h"
#include "cairn/knowledge/citation.h"
#include "cairn/knowledge/index.h"

namespace cairn::engine {
class TokenTrie;
}

namespace cairn::apps {

/// How evidence is weighed; chosen by `cairn evaluate`, stored with the release.
struct AssistantSettings {
    int passages = 8;         ///< retrieved
    int candidates = 8;       ///< sentences that the model ranks
    int prompt_passages = 4;  ///< passages that the model reads
    double lexical_weight = 1.0;
    double model_weight = 0.1;  ///< per nat of mean log-probability; 0: the model is not asked
    /// How much counts by which of the sentences the question becomes likely, per nat and token;
    /// 0: not asked. Says which sentence a question fits even when they share no word.
    double reading_weight = 0;
    double margin_weight = 0.1;  ///< of the model's preference for a quote over the refusal
    /// The model writes the quote under a mask, instead of ranking a list of sentences: runs of
    /// whole sentences become possible. For models that read well (docs/decisions/0005).
    bool write = false;
    double threshold = 0.5;  ///< answers with less support are refused; chosen by the evaluation
    int nearest = 3;         ///< passages that are shown when the answer is refused
};
nlohmann::json to_json(const AssistantSettings& settings);
/// Errors: kInvalid names the key that is missing or out of range.
Result<AssistantSettings> settings_from_json(const nlohmann::json& value);

/// What speaks for a sentence; all in [0, 1].
struct Evidence {
    double coverage = 0;      ///< of the question's weight in the sentence
    double context = 0;       ///< the same with its headings and the sentence before
    double pairs = 0;         ///< neighbouring words of the question that stand together
    double kind = 1;          ///< the sentence holds the kind of thing that is asked for
    bool numbers = true;      ///< every number and identifier of the question is there
    double passage = 0;       ///< coverage of its passage
    double words = 0;         ///< what the search says of the passage by its words
    bool by_meaning = false;  ///< an embedder has compared as well
    double meaning = 0;       ///< of question and sentence
    double passage_meaning = 0;
};

/// What speaks for the first sentence as the answer.
struct SupportFeatures {
    Evidence best;
    double gap = 0;           ///< nats, to the best of another passage that says something else
    double lead = 0;          ///< nats, to the next sentence that says something else
    double model_margin = 0;  ///< nats per token, quote over refusal; 0 without a model
};

struct Candidate {
    knowledge::Citation citation;
    std::int64_t chunk_id = 0;
    knowledge::SentenceScore sentence;
    double passage_coverage = 0;
    double passage_words = 0;
    double passage_meaning = 0;  ///< cosine to the question; 0: no embedder knows its language
    double lexical = 0;          ///< the order without a model, in tenths of nats
    double reading = 0;  ///< nats per token by which it makes the question likelier; 0: not read
    double model_logprob = 0;  ///< mean per token; 0: the model did not see it
    double model_margin = 0;   ///< over the refusal
    double total = 0;          ///< what the order is made by, in tenths of nats
};

/// How the answer came about, for the console and the evaluation.
struct Trace {
    std::string search_text;  ///< the question as it was searched (with history, if it needed it)
    std::vector<knowledge::QueryTerm> terms;
    std::vector<knowledge::Hit> hits;
    std::vector<Candidate> candidates;  ///< best first
    SupportFeatures features;
    bool refused_by_model = false;  ///< it wrote the refusal
    double retrieve_ms = 0;
    double model_ms = 0;
};

struct Answer {
    std::string text;  ///< lead-in and quotes with their numbers, or the refusal
    std::vector<knowledge::Citation> quotes;  ///< [1], [2], ...; empty when refused
    /// When refused: the best sentence of each of the nearest passages, numbered in the text. They
    /// may not answer the question; empty when nothing is near.
    std::vector<knowledge::Citation> nearest;
    bool refused = false;
    bool cancelled = false;  ///< by keep_going: there is no text, only what it took
    double support = 0;      ///< 0..1
    double threshold = 0;
    std::string language;    ///< of the question: "en", "de", ...
    engine::Usage usage;     ///< output: the tokens of `text`, chosen rather than generated
    engine::Usage computed;  ///< what the engine itself did for it
    double total_ms = 0;
    Trace trace;
};

struct AssistantRequest {
    std::string question;
    std::vector<std::string> earlier_questions;  ///< of this conversation, oldest first
    std::vector<std::string> sources;            ///< empty: all
    std::string tenant;                          ///< cached prefixes are kept apart
    /// Pieces of Answer::text as they are decided; false stops.
    std::function<bool(std::string_view)> on_text;
    /// Asked between rounds of work, on the engine's thread too; must be quick. False: nobody waits
    /// for the answer any more.
    std::function<bool()> keep_going;
};

/// Thread-safe: requests take turns at the index and share the scheduler.
class Assistant {
  public:
    /// `scheduler` may be null: the best sentence by lexical evidence is quoted. `adapter` may be
    /// null: the base model ranks.
    Assistant(knowledge::Index index, std::shared_ptr<engine::Scheduler> scheduler,
              std::shared_ptr<const engine::Adapter> adapter, AssistantSettings settings);

    /// Errors: kInvalid for an empty or over-long question (limit named), those of the scheduler.
    Result<Answer> answer(const AssistantRequest& request);

    const AssistantSettings& settings() const { return settings_; }
    void set_settings(const AssistantSettings& settings);

  private:
    std::mutex index_mutex_;
    knowledge::Index index_;
    std::shared_ptr<engine::Scheduler> scheduler_;
    std::shared_ptr<const engine::Adapter> adapter_;
    AssistantSettings settings_;
    std::shared_ptr<const engine::TokenTrie> trie_;  ///< of the model, when it writes

    Result<knowledge::Retrieval> search(const AssistantRequest& request, Trace& trace);
    Status rank(const AssistantRequest& request, Answer& answer);
    Status read(const AssistantRequest& request, Answer& answer);
    Result<double> question_logprob(const AssistantRequest& request, const Candidate* candidate,
                                    Answer& answer);
    Status write(const AssistantRequest& request, Answer& answer);
    void count_tokens(const AssistantRequest& request, Answer& answer) const;
    void decide(const AssistantRequest& request, Answer& answer) const;
};

/// Raised whenever the same evidence gets another support: thresholds of before mean nothing then.
inline constexpr int kEvidenceVersion = 4;

/// How probable it is that the first sentence answers the question.
double support_of(const SupportFeatures& features, const AssistantSettings& settings);

/// The refusal in the language of the question, English when it is not known.
std::string_view refusal_text(std::string_view language);
/// The refusal when there are passages to show.
std::string_view unsure_text(std::string_view language);

nlohmann::json to_json(const knowledge::Citation& citation);
nlohmann::json to_json(const Answer& answer, bool with_trace);

}  // namespace cairn::apps
