// SPDX-License-Identifier: Apache-2.0
// Writes the one user message and the quoted answer; the words are fixed because models are trained
// on them.
#include "cairn/text/quote_prompt.h"

namespace cairn::text {

std::vector<ChatMessage> quote_prompt(std::span<const QuotePassage> passages,
                                      std::string_view question) {
    std::string content = "Question: " + std::string(question) + "\n\n";
    for (std::size_t i = 0; i < passages.size(); ++i) {
        content += "[" + std::to_string(i + 1) + "]";
        if (!passages[i].heading.empty()) content += " " + passages[i].heading;
        content += "\n" + passages[i].text + "\n\n";
    }
    content += "Question: ";
    content += question;
    return {{"user", content}};
}

std::string quote_answer(std::string_view quote) {
    return std::string(kQuoteMark) + std::string(quote) + std::string(kQuoteMark);
}

}  // namespace cairn::text
