// SPDX-License-Identifier: Apache-2.0
// Measures a question-answering scenario: asks every test question, judges each answer against its
// gold, and reports every question at a support threshold chosen on the other documents.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cairn/base/config.h"
#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/eval/gate.h"
#include "cairn/eval/stats.h"
#include "cairn/knowledge/citation.h"

namespace cairn::eval {

struct QaQuestion {
    std::string id;
    std::string question;
    bool answerable = true;
    std::string answer;    ///< short gold answer
    std::string quote;     ///< gold evidence
    std::string document;  ///< path relative to its source
};

/// One question per line: id, question, answerable, and answer, quote, document when answerable.
/// Errors: kInvalid with file and line.
Result<std::vector<QaQuestion>> read_questions(const std::filesystem::path& path);

/// A retrieved passage, best first.
struct Retrieved {
    std::string path;
    std::string text;
};

/// What the assistant would say when nothing held it back: `quotes` are filled even if it refuses,
/// so that any threshold can be judged afterwards.
struct QaReply {
    bool refused = false;
    std::string text;
    std::vector<knowledge::Citation> quotes;
    std::vector<knowledge::Citation> nearest;  ///< what a refusal shows
    double support = 0;
    std::vector<Retrieved> retrieved;
    double latency_ms = 0;
};
using Ask = std::function<Result<QaReply>(const QaQuestion& question)>;

/// Why an answer is not right, from the trace.
enum class QaFault {
    kNone,
    kRetrievalMiss,      ///< the evidence is not among the retrieved passages
    kRankedLow,          ///< it is, but not in the first place
    kIgnored,            ///< it stands in the first passage, and another sentence was quoted
    kWrongRefusal,       ///< refused, though the right quote was found
    kUnanswerableTaken,  ///< answered what the documents do not say
};
std::string_view fault_name(QaFault fault);

struct QaJudged {
    QaQuestion question;
    QaReply reply;
    /// Of the half of the documents on which a caller may choose weights of its own.
    bool calibration = false;
    double threshold = 0;      ///< chosen on the questions of all other documents
    int variant = 0;           ///< chosen likewise
    int evidence_rank = 0;     ///< 1-based rank of the first passage with the gold quote; 0: none
    bool right_quote = false;  ///< the quotes hold the evidence
    bool exact_quote = false;  ///< every quote stands in a retrieved passage, byte for byte folded
    bool refused = false;      ///< at this threshold
    /// One of the passages that a refusal shows holds the evidence. It stays a refusal.
    bool near_right = false;
    bool right = false;  ///< answered with the right quote, or refused an unanswerable one
    bool wrong = false;  ///< answered with a wrong quote or what is not there
    double f1 = 0;       ///< of the quote against the gold quote
    bool exact = false;  ///< the quote is the gold quote after normalisation
    QaFault fault = QaFault::kNone;
};

struct QaReport {
    std::vector<QaJudged> items;
    double threshold = 0;     ///< chosen on all questions: what a release should use
    int variant = 0;          ///< likewise: index of the asker
    Estimate recall_at_5;     ///< over answerable questions of the report part
    Estimate right;           ///< of all questions
    Estimate wrong;           ///< of all questions
    Estimate answered_right;  ///< of the answerable ones
    Estimate refused_answerable;
    Estimate refused_unanswerable;
    Estimate refused_near;  ///< of the refused answerable ones: the evidence was shown beside
    Estimate quote_exact;   ///< of the answers given
    Estimate f1;            ///< of the answers given to answerable questions
    Estimate exact_match;
    double support_auroc = 0;  ///< support of right answers against wrong ones
    double latency_ms_p50 = 0;
    double latency_ms_p95 = 0;
    /// Share answered and share wrong (of all) for every threshold: the risk-coverage curve.
    std::vector<std::pair<double, double>> risk_coverage;
    Gate gate;
};

struct QaOptions {
    GateConfig gate;
    double calibration_share = 0.5;
    std::uint64_t seed = 1;
};

Result<QaReport> run_qa_suite(const std::vector<QaQuestion>& questions, const Ask& ask,
                              const QaOptions& options, Progress* progress = nullptr);

/// Asks in several ways (weights of the model, ...) and lets all other documents choose the way and
/// the threshold for each question: the choice never sees what it is reported on. A way has to give
/// more (2 % of the questions) than those before it, where a right reaction counts 1 and a refusal
/// that shows the evidence a half: put what costs least first.
Result<QaReport> run_qa_suite(const std::vector<QaQuestion>& questions,
                              const std::vector<Ask>& variants, const QaOptions& options,
                              Progress* progress = nullptr);

/// The lowest threshold whose wrong share on `items` stays at most `wrong_max`, between two
/// observed supports; refuses all when none does.
double choose_threshold(std::vector<const QaJudged*> items, double wrong_max);

nlohmann::json to_json(const QaReport& report);
/// A page that a manager can read first and an engineer to the end.
std::string to_html(const QaReport& report, std::string_view scenario, std::string_view subtitle);

}  // namespace cairn::eval
