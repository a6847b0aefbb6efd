// SPDX-License-Identifier: Apache-2.0
// Made-up reading tasks from plain documents: passages and questions whose answer is one exact
// sentence, or the fixed refusal when the sentence is elsewhere. Deterministic by seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cairn/text/chat_template.h"
#include "cairn/text/quote_prompt.h"
#include "cairn/train/corpus.h"

namespace cairn::train {

struct QuoteTurn {
    std::string question;
    std::string quote;  ///< empty: the passages do not answer
    int passage = -1;   ///< index of the quote's passage
};

struct QuoteTask {
    std::vector<text::QuotePassage> passages;
    std::vector<QuoteTurn> turns;  ///< later turns ask further questions on the same passages
    std::string document;          ///< id of the document behind the first turn
};

struct QuoteTaskOptions {
    std::uint64_t seed = 1;
    std::int64_t count = 1000;
    int turns_max = 1;                 ///< further questions on the same passages
    int passage_characters_max = 900;  ///< of one passage
    int prompt_characters_min = 400;   ///< of all passages together: each task has a bound
    int prompt_characters_max = 2200;  ///< between these two
    double refusal_share = 0.28;
};

/// Fewer than asked only when the documents hold too few usable passages.
std::vector<QuoteTask> make_quote_tasks(const std::vector<CorpusDocument>& documents,
                                        const QuoteTaskOptions& options);

/// The chat of a task: the prompt with the first question, then question and answer in turn.
std::vector<text::ChatMessage> quote_chat(const QuoteTask& task);

}  // namespace cairn::train
