// SPDX-License-Identifier: Apache-2.0
// The verdict for questions and answers: are the answers in the documents, are they found, do the
// documents agree. Facts belong into retrieval; tuning cannot make up what nobody wrote.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "assess_parts.h"
#include "cairn/data/clean.h"
#include "cairn/data/label.h"
#include "cairn/data/near_duplicates.h"
#include "cairn/text/search_terms.h"
#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"

namespace cairn::data {
namespace {

// Hypotheses (field notes on suitability), to be calibrated.
constexpr double kGroundableMin = 0.7;
constexpr double kCoverageMin = 0.4;
constexpr double kRedundancyMax = 0.2;
constexpr double kVolatilityHigh = 10;  // changing facts per 1,000 words
constexpr double kTermsFoundMin = 0.7;
constexpr std::int64_t kQuestionsMin = 10;
constexpr std::size_t kListMax = 50;
constexpr double kDuplicateJaccard = 0.8;
constexpr std::size_t kLanguageWordsMin = 20;  // of fewer the language is a guess
constexpr std::size_t kDocumentsNamed = 5;

/// Without white space and case: line breaks and layout are no difference.
std::string squeezed(std::string_view text) {
    std::string out;
    for (char c : text::casefold(text)) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0) {
            out += c;
        }
    }
    return out;
}

bool has_digit(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// All numbers of the answer and most of its other terms stand in the passages.
bool is_grounded(std::string_view answer, const std::set<std::string>& passage_terms) {
    int terms = 0;
    int found = 0;
    for (const text::SearchTerm& term : text::search_terms(answer)) {
        if (term.overlap) {
            continue;
        }
        bool here = passage_terms.count(term.text) > 0;
        if (has_digit(term.text) && !here) {
            return false;
        }
        ++terms;
        found += here ? 1 : 0;
    }
    return terms > 0 && found >= kTermsFoundMin * terms;
}

class QaAssessor {
  public:
    QaAssessor(std::string_view scenario, const QaInput& input) : input_(input) {
        assessment_.scenario = scenario;
        assessment_.kind = "qa";
    }

    Assessment run() {
        cleaned_ = clean(input_.documents, input_.modified_ns, input_.clean);
        for (const CleanDocument& one : cleaned_.documents) {
            kept_.push_back(one.document);
        }
        corpus_figures();
        language_figure();
        redundancy_figures();
        contradiction_figure();
        question_figures();
        volatility_figure();
        risk_figures();
        decide();
        return std::move(assessment_);
    }

  private:
    void add(std::string key, double value, ReportFigure shown) {
        assessment_.figures.push_back({std::move(key), value, std::move(shown)});
    }

    void corpus_figures() {
        std::map<std::string, int> languages;
        for (const text::Document& document : input_.documents) {
            words_ += static_cast<std::int64_t>(text::words(document.text).size());
            ++languages[document.language.empty() ? "unknown" : document.language];
        }
        std::string list;
        for (const auto& [language, count] : languages) {
            list += (list.empty() ? "" : ", ") + fmt::format("{} {}", language, count);
        }
        auto count = static_cast<double>(input_.documents.size());
        add("documents", count,
            {"Documents", fmt::format("{} ({} words; {})", input_.documents.size(), words_, list),
             ">= 1", "What the answers can be taken from.", "Files that were read as text.",
             tone_if(!input_.documents.empty(), Tone::kBad)});
        auto lost = static_cast<double>(input_.files_failed);
        add("files_failed", lost,
            {"Files that could not be read",
             fmt::format("{} failed, {} skipped", input_.files_failed, input_.files_skipped), "0",
             "What is in them cannot be answered. `cairn documents` lists each with its reason.",
             "State of each file after ingest.", tone_if(input_.files_failed == 0, Tone::kWarn)});
    }

    /// Documents in a language that nobody announced: questions will not find them, and whoever
    /// reads the answers may not read them.
    void language_figure() {
        if (input_.languages.empty()) {
            return;
        }
        std::set<std::string> expected(input_.languages.begin(), input_.languages.end());
        std::set<std::string> unused = expected;
        std::vector<std::string> others;
        for (const text::Document& document : input_.documents) {
            unused.erase(document.language);
            const bool certain = !document.language.empty() &&
                                 text::words(document.text).size() >= kLanguageWordsMin;
            if (certain && !expected.contains(document.language)) {
                others.push_back(fmt::format("{} ({})", document.path, document.language));
            }
        }
        const auto count = static_cast<double>(others.size());
        std::string found = std::to_string(others.size());
        if (others.size() > kDocumentsNamed) {
            others.resize(kDocumentsNamed);
            others.emplace_back("...");
        }
        found += others.empty() ? "" : fmt::format(": {}", fmt::join(others, ", "));
        if (!unused.empty()) {
            found += fmt::format("; no document in {}", fmt::join(unused, ", "));
        }
        add("other_languages", count,
            {"Documents in unexpected languages", found, "0",
             "Add the language to `languages` in cairn.toml, or move the documents out of the "
             "source.",
             fmt::format("Language of each document with at least {} words, against the list {}.",
                         kLanguageWordsMin, fmt::join(input_.languages, ", ")),
             tone_if(others.empty(), Tone::kWarn)});
    }

    void redundancy_figures() {
        std::vector<Shingles> sets;
        for (const text::Document& document : input_.documents) {
            sets.push_back(shingles_of(document.text));
        }
        std::vector<std::size_t> roots =
            cluster_roots(sets.size(), similar_pairs(sets, kDuplicateJaccard));
        double effective = effective_number(roots);
        add("effective_documents", effective,
            {"Effectively different documents", fmt::format("{:.1f}", effective), "",
             "Copies count once: many copies of one page do not make a large corpus.",
             "exp(entropy) of the clusters with a Jaccard index of at least .8 over 5-term "
             "shingles.",
             Tone::kNeutral});
        std::map<ChangeKind, std::int64_t> counts;
        for (const Change& change : cleaned_.changes) {
            ++counts[change.kind];
        }
        std::int64_t copies =
            counts[ChangeKind::kExactDuplicate] + counts[ChangeKind::kNearDuplicate];
        old_versions_ = counts[ChangeKind::kOldVersion];
        Share share{copies + old_versions_, static_cast<std::int64_t>(input_.documents.size())};
        add("redundancy", share.value(),
            {"Redundant documents", share.text(), "<= " + percent(kRedundancyMax),
             "Copies and old versions push other answers out of the results.",
             fmt::format("{} copies, {} old versions; cleaning leaves them out. {} repeated lines.",
                         copies, old_versions_, counts[ChangeKind::kBoilerplate]),
             tone_if(share.value() <= kRedundancyMax, Tone::kWarn)});
    }

    void contradiction_figure() {
        std::set<std::string> kept;
        for (const text::Document& document : kept_) {
            kept.insert(document.id);
        }
        open_contradictions_ = std::count_if(
            cleaned_.contradictions.begin(), cleaned_.contradictions.end(),
            [&kept](const Contradiction& one) {
                return kept.count(one.document_a) > 0 && kept.count(one.document_b) > 0;
            });
        add("contradictions", static_cast<double>(open_contradictions_),
            {"Contradictions",
             fmt::format(
                 "{} open, {} settled by leaving out the older version", open_contradictions_,
                 static_cast<std::int64_t>(cleaned_.contradictions.size()) - open_contradictions_),
             "0 open", "The same sentence with other numbers in two documents: which one is right?",
             "Sentences of at least six words that are equal but for their numbers.",
             tone_if(open_contradictions_ == 0, Tone::kWarn)});
    }

    std::vector<TestQuestion> questions() {
        if (!input_.questions.empty()) {
            return input_.questions;
        }
        proposed_ = true;
        std::vector<TestQuestion> made;
        for (const LabelItem& item : propose_questions(assessment_.scenario, kept_)) {
            made.push_back({item.question, item.answer, item.quote, true});
        }
        return made;
    }

    void question_figures() {
        Retriever retriever = input_.retriever ? input_.retriever : make_lexical_retriever(kept_);
        for (const TestQuestion& question : questions()) {
            if (question.answerable) {
                try_question(question, retriever(question.question));
            }
        }
        std::string source = proposed_ ? "Questions proposed from the text itself (there is no "
                                         "test set): an optimistic stand-in. "
                                       : "Answerable questions of the test set. ";
        add("coverage", coverage_.value(),
            {"Coverage of the questions", coverage_.text(), ">= " + percent(kCoverageMin),
             "How often the passage that answers is among the first five found.",
             source + "The gold quote stands in the top five passages.",
             tone_if(coverage_.value() >= kCoverageMin && coverage_.of > 0, Tone::kBad)});
        add("groundability", grounded_.value(),
            {"Groundability", grounded_.text(), ">= " + percent(kGroundableMin),
             "Share of reference answers that the documents themselves say.",
             source + "All numbers and 70 % of the terms of the answer stand in the top five.",
             tone_if(grounded_.value() >= kGroundableMin && grounded_.of > 0, Tone::kWarn)});
    }

    void try_question(const TestQuestion& question, const std::vector<std::string>& passages) {
        std::string wanted = squeezed(question.quote.empty() ? question.answer : question.quote);
        bool found = false;
        std::set<std::string> terms;
        for (const std::string& passage : passages) {
            found = found || squeezed(passage).find(wanted) != std::string::npos;
            for (text::SearchTerm& term : text::search_terms(passage)) {
                terms.insert(std::move(term.text));
            }
        }
        ++coverage_.of;
        coverage_.hits += found ? 1 : 0;
        ++grounded_.of;
        grounded_.hits += is_grounded(question.answer, terms) ? 1 : 0;
        if (!found && assessment_.list.size() < kListMax) {
            assessment_.list_title = "Questions whose answer was not found";
            assessment_.list.push_back(question.question);
        }
    }

    void volatility_figure() {
        static const re2::RE2 facts(
            "(\\b(?:19|20)\\d{2}\\b|\\b\\d+[.,]\\d{2}\\b|[€$£¥] ?\\d|\\b\\d+ ?(?:euro|eur|usd|"
            "dollars?|元|%|percent)|\\bv\\d+\\.\\d+)");
        std::int64_t count = 0;
        for (const text::Document& document : kept_) {
            re2::StringPiece rest(document.text.data(), document.text.size());
            while (re2::RE2::FindAndConsume(&rest, facts)) {
                ++count;
            }
        }
        double per_thousand =
            words_ > 0 ? 1000.0 * static_cast<double>(count) / static_cast<double>(words_) : 0;
        volatile_ = per_thousand >= kVolatilityHigh;
        add("volatility", per_thousand,
            {"Facts that change", fmt::format("{:.1f} per 1,000 words", per_thousand),
             fmt::format("{:.0f} or more speak for retrieval", kVolatilityHigh),
             "What changes often must be looked up: a tuned model would go on saying the old one.",
             "Years, prices, percentages and version numbers in the kept documents.",
             Tone::kNeutral});
    }

    void risk_figures() {
        std::int64_t personal = 0;
        for (const Change& change : cleaned_.changes) {
            personal += change.kind == ChangeKind::kPersonalData ? 1 : 0;
            secrets_ += change.kind == ChangeKind::kSecret ? 1 : 0;
        }
        add_risk_figures(static_cast<std::int64_t>(input_.documents.size()), personal, secrets_,
                         assessment_);
    }

    void decide() {
        if (coverage_.of == 0 || coverage_.value() < kCoverageMin) {
            assessment_.verdict = Verdict::kDoNot;
            assessment_.headline = coverage_.of == 0
                                       ? "There is nothing to judge: no documents or no questions."
                                       : "Too few of the questions are answered by the documents.";
        } else if (grounded_.value() >= kGroundableMin) {
            assessment_.verdict = Verdict::kRetrieve;
            assessment_.headline = "The answers stand in the documents and are found: quote them.";
        } else {
            assessment_.verdict = Verdict::kBoth;
            assessment_.headline =
                "The passages are found, but the reference answers say it in words of their own: "
                "retrieve the facts, tune for the form.";
        }
        reasons();
        flips();
    }

    void reasons() {
        auto& reasons = assessment_.reasons;
        reasons.push_back(
            "The passage that answers is among the first five found: " + coverage_.text() + ".");
        reasons.push_back(
            "Reference answers that the documents themselves say: " + grounded_.text() + ".");
        if (volatile_) {
            reasons.push_back(
                "The texts are full of facts that change: look them up, never train "
                "them in.");
        }
        if (proposed_) {
            reasons.push_back(
                "There is no test set: these figures come from proposed questions "
                "and are provisional. Confirm some with `cairn label`.");
        } else if (coverage_.of < kQuestionsMin) {
            reasons.push_back("Fewer than ten answerable questions: the verdict is provisional.");
        }
        if (secrets_ > 0) {
            reasons.push_back(fmt::format(
                "{} secrets stand in the documents: revoke them before anybody searches.",
                secrets_));
        }
    }

    void flips() {
        auto& flips = assessment_.flips;
        auto least = [](double share, std::int64_t of) {
            return static_cast<std::int64_t>(std::ceil(share * static_cast<double>(of)));
        };
        std::int64_t cover = least(kCoverageMin, coverage_.of) - coverage_.hits;
        std::int64_t ground = least(kGroundableMin, grounded_.of) - grounded_.hits;
        if (coverage_.of == 0) {
            flips.push_back("Add documents and ten questions with their answers.");
        } else if (cover > 0) {
            flips.push_back(
                fmt::format("Write or add passages that answer {} more of the "
                            "questions listed below.",
                            cover));
        } else if (ground > 0) {
            flips.push_back(
                fmt::format("Put the answers of {} more questions into the documents "
                            "in so many words: then retrieval alone does.",
                            ground));
        } else {
            flips.push_back(fmt::format(
                "If {} of the {} answers were no longer said by the documents, the verdict would "
                "be \"both\".",
                1 - ground, grounded_.hits));
        }
        if (open_contradictions_ > 0) {
            flips.push_back(
                fmt::format("Settle {} open contradictions: they make right answers "
                            "look wrong.",
                            open_contradictions_));
        }
        if (old_versions_ > 0) {
            flips.push_back(
                fmt::format("Move {} old versions out of the folder; until then "
                            "cleaning leaves them out.",
                            old_versions_));
        }
    }

    const QaInput& input_;
    Assessment assessment_;
    CleanResult cleaned_;
    std::vector<text::Document> kept_;
    Share coverage_;
    Share grounded_;
    std::int64_t words_ = 0;
    std::int64_t old_versions_ = 0;
    std::int64_t open_contradictions_ = 0;
    std::int64_t secrets_ = 0;
    bool volatile_ = false;
    bool proposed_ = false;
};

}  // namespace

Assessment assess_qa(std::string_view scenario, const QaInput& input) {
    return QaAssessor(scenario, input).run();
}

}  // namespace cairn::data
