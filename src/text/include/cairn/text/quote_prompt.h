// SPDX-License-Identifier: Apache-2.0
// The one prompt format for answering by quoting: the base model learns it in pre-training, tuning
// refines it, the assistant asks with it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/chat_template.h"

namespace cairn::text {

/// The whole answer when the passages do not hold one.
inline constexpr std::string_view kRefusal = "The documents do not answer this question.";

/// An answer is kQuoteMark, an exact piece of a passage, kQuoteMark; nothing else.
inline constexpr std::string_view kQuoteMark = "\"";

struct QuotePassage {
    std::string heading;  ///< where it stands: "Leave policy > Parental leave"; may be empty
    std::string text;
};

/// One user message: "Question: ...", each passage under a line "[1] heading", the question again.
/// It stands in front because a causal model reads the passages only once: so it can see, while it
/// reads, which words are asked for. Behind them it stands next to the answer.
std::vector<ChatMessage> quote_prompt(std::span<const QuotePassage> passages,
                                      std::string_view question);

/// `quote` between quote marks.
std::string quote_answer(std::string_view quote);

}  // namespace cairn::text
