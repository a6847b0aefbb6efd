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
    double model_weight = 0.1;   ///< per nat of mean log-probability; 0: the model is not asked
    double margin_weight = 0.1;  ///< of the model's preference for a quote over the refusal
    /// The model writes the quote under a mask, instead of ranking a list of sentences: runs of
    /// whole sentences become possible. For models that read well (docs/decisions/0005).
    bool write = false;
    double threshold = 0.6;  ///< answers with less support are refused; measured: docs/lab/0002
};
nlohmann::json to_json(const AssistantSettings& settings);
/// Errors: kInvalid names the key that is missing or out of range.
Result<AssistantSettings> settings_from_json(const nlohmann::json& value);

/// What speaks for the answer; all in [0, 1] unless said.
struct SupportFeatures {
    double coverage = 0;      ///< of the question's weight in the quoted sentence and its headings
    double sentence = 0;      ///< lexical score of the quoted sentence
    double passage = 0;       ///< coverage of its passage
    double gap = 0;           ///< to the best sentence of another passage
    bool numbers = true;      ///< every number and identifier of the question is there
    double kind = 1;          ///< the quote holds the kind of thing that is asked for
    double model_margin = 0;  ///< nats per token, quote over refusal; 0 without a model
    /// An embedder has compared question, sentence and passage: a second, independent signal.
    bool by_meaning = false;
    double meaning = 0;          ///< of the sentence
    double passage_meaning = 0;  ///< of its passage
};

struct Candidate {
    knowledge::Citation citation;
    std::int64_t chunk_id = 0;
    knowledge::SentenceScore sentence;
    double passage_coverage = 0;
    double passage_meaning = 0;  ///< cosine to the question; 0: not among the nearest
    double lexical = 0;          ///< of sentence and passage
    double model_logprob = 0;    ///< mean per token; 0: the model did not see it
    double model_margin = 0;     ///< over the refusal
    double total = 0;            ///< what the order is made by
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
    Status write(const AssistantRequest& request, Answer& answer);
    void count_tokens(const AssistantRequest& request, Answer& answer) const;
    void decide(const AssistantRequest& request, Answer& answer) const;
};

/// Support in [0, 1] by the settings' weights.
double support_of(const SupportFeatures& features, const AssistantSettings& settings);

/// The refusal in the language of the question, English when it is not known.
std::string_view refusal_text(std::string_view language);

nlohmann::json to_json(const knowledge::Citation& citation);
nlohmann::json to_json(const Answer& answer, bool with_trace);

}  // namespace cairn::apps
