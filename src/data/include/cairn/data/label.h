// SPDX-License-Identifier: Apache-2.0
// The label queue: things that a person confirms, corrects or rejects in seconds. Items come from
// proposals (questions for a scenario without a test set) or imports; decisions are kept with who
// and when, and what was accepted is exported or read by `cairn evaluate`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/database.h"
#include "cairn/text/document.h"

namespace cairn::data {

enum class LabelState { kOpen, kAccepted, kFixed, kRejected };
std::string_view label_state_name(LabelState state);

/// A test question with its evidence.
struct LabelItem {
    std::string id;  ///< "l_" + 16 hex of scenario, question and document
    std::string scenario;
    std::string question;
    std::string answer;
    std::string quote;
    std::string document;  ///< path relative to its source
    bool answerable = true;
    LabelState state = LabelState::kOpen;
    std::string annotator;
    std::int64_t decided_ms = 0;
};

struct LabelCounts {
    std::int64_t open = 0;
    std::int64_t accepted = 0;  ///< as proposed
    std::int64_t fixed = 0;     ///< after a correction
    std::int64_t rejected = 0;
};

/// Uses the tables of room `data`. The database must outlive the queue.
class LabelQueue {
  public:
    static Result<LabelQueue> open(store::Database& database);

    /// Adds items that are not known yet; decided ones stay decided. How many were new.
    Result<int> add(std::span<const LabelItem> items);
    /// The next open item of the scenario; empty when all are decided.
    Result<std::optional<LabelItem>> next(std::string_view scenario);
    Status accept(std::string_view id, std::string_view annotator);
    /// Stores the corrected question, answer and quote. Errors: kNotFound, kInvalid for empty
    /// texts.
    Status fix(const LabelItem& corrected, std::string_view annotator);
    Status reject(std::string_view id, std::string_view annotator);
    Result<LabelCounts> counts(std::string_view scenario);
    /// Accepted and fixed items in order of id.
    Result<std::vector<LabelItem>> accepted(std::string_view scenario);

  private:
    explicit LabelQueue(store::Database& database) : database_(&database) {}
    Status decide(std::string_view id, LabelState state, std::string_view annotator);
    store::Database* database_;
};

struct ProposalOptions {
    int per_document = 3;
    int total = 120;
};

/// Questions to confirm, from sentences that state a number, an amount or a date: the sentence with
/// that fact left open. Spread over the documents; the same documents give the same proposals.
std::vector<LabelItem> propose_questions(std::string_view scenario,
                                         std::span<const text::Document> documents,
                                         const ProposalOptions& options = {});

}  // namespace cairn::data
