// SPDX-License-Identifier: Apache-2.0
// Tokens to text as it can be shown: whole code points only, and nothing that may turn out to be
// the beginning of a stop string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/tokenizer.h"

namespace cairn::engine {

class TextStream {
  public:
    /// `shown`: special tokens that come out as their names, for whoever reads marks in the text.
    TextStream(const text::Tokenizer& tokenizer, std::vector<std::string> stops,
               std::vector<text::TokenId> shown = {});
    /// The text that is safe to show after this token. Bytes that are no UTF-8 come out as U+FFFD.
    std::string push(text::TokenId token);
    /// True once a stop string was seen; neither it nor anything behind it is ever given out.
    bool stopped() const { return stopped_; }
    /// The rest, at the end of the generation.
    std::string finish();

  private:
    std::string take(std::size_t bytes);
    text::Tokenizer tokenizer_;
    std::vector<std::string> stops_;
    std::vector<text::TokenId> shown_;
    std::string held_;
    bool stopped_ = false;
};

}  // namespace cairn::engine
