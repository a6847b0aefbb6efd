// SPDX-License-Identifier: Apache-2.0
// Candidates are copies with their citations: the hits may go.
#include "candidates.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>

#include "cairn/knowledge/fts_tokenizer.h"
#include "cairn/text/quote_prompt.h"
#include "cairn/text/search_terms.h"
#include "evidence.h"

namespace cairn::apps {
namespace {

using knowledge::Hit;
using knowledge::SentenceScore;

/// The latest year that path or title names; 0: none.
int year_of(const knowledge::Citation& citation) {
    int latest = 0;
    for (const knowledge::IndexTerm& term :
         knowledge::index_terms(citation.path + " " + citation.title)) {
        const bool year = term.text.size() == 4 &&
                          (term.text.starts_with("19") || term.text.starts_with("20")) &&
                          term.text.find_first_not_of("0123456789") == std::string::npos;
        if (year) {
            int value = 0;
            std::from_chars(term.text.data(), term.text.data() + 4, value);
            latest = std::max(latest, value);
        }
    }
    return latest;
}

/// Share of common terms of two sentences (Jaccard).
double likeness(const Candidate& a, const Candidate& b) {
    auto terms = [](const Candidate& candidate) {
        std::set<std::string> out;
        for (knowledge::IndexTerm& term : knowledge::index_terms(candidate.citation.quote)) {
            out.insert(std::move(term.text));
        }
        return out;
    };
    const std::set<std::string> x = terms(a);
    const std::set<std::string> y = terms(b);
    const auto both = static_cast<double>(
        std::count_if(x.begin(), x.end(), [&](const std::string& t) { return y.contains(t); }));
    const double either = static_cast<double>(x.size() + y.size()) - both;
    return either > 0 ? both / either : 0;
}

/// Two versions of one rule ("policy-2023.md", "policy-2025.md"): the older sentence gives way,
/// unless the question names its year.
void drop_older_versions(std::string_view question, std::vector<Candidate>& candidates) {
    constexpr double kSameRule = 0.6;
    auto outdated = [&](const Candidate& old) {
        const int year = year_of(old.citation);
        if (year == 0 || question.find(std::to_string(year)) != std::string_view::npos) {
            return false;
        }
        return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& other) {
            return other.citation.document_id != old.citation.document_id &&
                   year_of(other.citation) > year && likeness(old, other) >= kSameRule;
        });
    };
    std::vector<Candidate> current;
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(current),
                 [&](const Candidate& candidate) { return !outdated(candidate); });
    candidates = std::move(current);
}

constexpr double kSameShare = 0.7;  // of the words of both

std::set<std::string> words_of(std::string_view sentence) {
    std::set<std::string> out;
    for (text::SearchTerm& term : text::search_terms(sentence))
        out.insert(std::move(term.text));
    return out;
}

/// A number, or a word that turns a sentence into its opposite.
bool decides(const std::string& word) {
    static const std::set<std::string_view> kNegations = {
        "not",  "no",    "never", "nor", "cannot", "without", "except", "unless", "only", "nicht",
        "kein", "keine", "nie",   "nur", "ohne",   "außer",   "pas",    "jamais", "sans", "nunca",
        "sin",  "non",   "mai",   "не",  "нет",    "без",     "不",     "没",     "无",   "未",
        "非",   "勿",    "ない",  "ず",  "안",     "못",      "없"};
    return kNegations.contains(word) || word.find_first_of("0123456789") != std::string::npos;
}

}  // namespace

Candidate make_candidate(const Hit& hit, const SentenceScore& sentence, bool by_meaning) {
    Candidate out;
    out.citation.document_id = hit.document_id;
    out.citation.path = hit.path;
    out.citation.title = hit.title;
    out.citation.heading_path = hit.heading_path;
    out.citation.page = hit.page;
    out.citation.span = sentence.span;
    out.citation.quote = sentence.text;
    out.sentence = sentence;
    out.passage_coverage = hit.coverage;
    out.passage_words = hit.words;
    out.passage_meaning = hit.meaning;
    out.chunk_id = hit.chunk_id;
    // Tenths, so that the model's weights are about as large as its log-probabilities.
    out.lexical = order_score(evidence_of(out, by_meaning)) / 10;
    out.total = out.lexical;
    return out;
}

bool known_by_meaning(const std::vector<Hit>& hits) {
    return !hits.empty() && hits.front().trust > 0;
}

std::vector<Candidate> find_candidates(std::string_view question, const std::vector<Hit>& hits,
                                       int limit) {
    std::vector<Candidate> out;
    for (const Hit& hit : hits) {
        for (const SentenceScore& sentence : hit.sentences) {
            if (sentence.text.size() <= kQuoteBytesMax) {
                out.push_back(make_candidate(hit, sentence, known_by_meaning(hits)));
            }
        }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Candidate& a, const Candidate& b) { return a.lexical > b.lexical; });
    std::set<std::string> seen;
    std::erase_if(out, [&](const Candidate& c) { return !seen.insert(c.citation.quote).second; });
    const auto most = static_cast<std::size_t>(limit);
    if (out.size() > 2 * most) {
        out.resize(2 * most);  // comparing versions is quadratic
    }
    drop_older_versions(question, out);
    if (out.size() > most) {
        out.resize(most);
    }
    return out;
}

bool say_the_same(std::string_view a, std::string_view b) {
    const std::set<std::string> left = words_of(a);
    const std::set<std::string> right = words_of(b);
    std::vector<std::string> differing;
    std::set_symmetric_difference(left.begin(), left.end(), right.begin(), right.end(),
                                  std::back_inserter(differing));
    const auto all = static_cast<double>(left.size() + right.size() + differing.size()) / 2;
    return static_cast<double>(differing.size()) <= (1 - kSameShare) * all &&
           std::none_of(differing.begin(), differing.end(), decides);
}

std::vector<const Hit*> prompt_hits(const std::vector<Hit>& hits,
                                    const std::vector<Candidate>& candidates, int limit) {
    std::vector<const Hit*> out;
    for (const Candidate& candidate : candidates) {
        const auto hit = std::find_if(hits.begin(), hits.end(), [&](const Hit& h) {
            return h.chunk_id == candidate.chunk_id;
        });
        if (hit != hits.end() && std::find(out.begin(), out.end(), &*hit) == out.end() &&
            out.size() < static_cast<std::size_t>(limit)) {
            out.push_back(&*hit);
        }
    }
    return out;
}

Result<std::vector<text::TokenId>> make_prompt(const engine::Model& model,
                                               std::vector<const Hit*>& hits,
                                               const std::string& question,
                                               std::int64_t room_for_answer) {
    for (;;) {
        std::vector<text::QuotePassage> passages;
        for (const Hit* hit : hits) {
            passages.push_back({knowledge::join_headings(hit->title, hit->heading_path),
                                knowledge::one_line(hit->text)});
        }
        const auto messages = text::quote_prompt(passages, question);
        std::vector<text::TokenId> ids;
        if (model.has_chat()) {
            ids = CAIRN_TRY(text::render_chat(model.tokenizer(), messages, true)).ids;
        } else {
            // A base model ranks plain text that goes on with the answer.
            text::EncodeOptions options;
            options.add_bos = true;
            ids = model.tokenizer().encode(messages.front().content + "\n", options);
        }
        const auto size = static_cast<std::int64_t>(ids.size());
        if (size + room_for_answer <= model.config().context || hits.size() <= 1) {
            return ids;
        }
        hits.pop_back();
    }
}

}  // namespace cairn::apps
