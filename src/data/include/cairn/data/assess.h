// SPDX-License-Identifier: Apache-2.0
// A first honest verdict for one scenario: figures with meaning, threshold and method, then tune,
// retrieve, both or do not, with the reasons and the cheapest change that would flip it. Thresholds
// are hypotheses until runs on real companies calibrate them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/html_report.h"
#include "cairn/data/clean.h"
#include "cairn/data/examples.h"
#include "cairn/text/document.h"

namespace cairn::data {

enum class Verdict { kTune, kRetrieve, kBoth, kDoNot };
std::string_view verdict_name(Verdict verdict);  ///< "tune", "retrieve", "both", "do_not"

struct AssessFigure {
    std::string key;  ///< stable name in the JSON: "coverage"
    double value = 0;
    ReportFigure shown;
};

struct Assessment {
    std::string scenario;
    std::string kind;  ///< "qa", "style"
    Verdict verdict = Verdict::kDoNot;
    std::string headline;
    std::vector<std::string> reasons;
    std::vector<std::string> flips;  ///< what would change the verdict, the cheapest first
    std::vector<AssessFigure> figures;
    std::string list_title;  ///< what `list` shows: uncovered questions, rows off style
    std::vector<std::string> list;

    /// nullptr when there is no such figure.
    const AssessFigure* figure(std::string_view key) const;
};

/// Texts that answer a question, best first; data sees no index, so it is handed one.
using Retriever = std::function<std::vector<std::string>(std::string_view question)>;

/// BM25 over the sections of these documents, for when there is no index yet. The documents must
/// outlive it.
Retriever make_lexical_retriever(std::span<const text::Document> documents, std::size_t count = 5);

struct TestQuestion {
    std::string question;
    std::string answer;
    std::string quote;
    bool answerable = true;
};

struct QaInput {
    std::vector<text::Document> documents;  ///< as read, before cleaning
    std::vector<std::int64_t> modified_ns;  ///< may be empty
    std::vector<TestQuestion> questions;    ///< empty: questions are proposed from the text
    Retriever retriever;                    ///< empty: the lexical one over the cleaned texts
    std::int64_t files_failed = 0;
    std::int64_t files_skipped = 0;
    std::vector<std::string> languages;  ///< ISO 639-1 codes that are expected; empty: any
    CleanOptions clean;
};
Assessment assess_qa(std::string_view scenario, const QaInput& input);

struct StyleInput {
    ExampleFile file;
    std::function<std::int64_t(std::string_view)> count_tokens;  ///< empty: words are counted
    std::int64_t reply_tokens_max = 1024;  ///< longer replies would be cut in training
};
Assessment assess_style(std::string_view scenario, const StyleInput& input);

std::string assessment_json(const Assessment& assessment);
/// The page for people.
std::string assessment_html(const Assessment& assessment, std::string_view company);

}  // namespace cairn::data
