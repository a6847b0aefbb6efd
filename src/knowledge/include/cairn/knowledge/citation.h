// SPDX-License-Identifier: Apache-2.0
// Where a quoted sentence stands, and the check that a quote really stands there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/document.h"

namespace cairn::knowledge {

struct Citation {
    std::string document_id;
    std::string path;   ///< of the file, relative to its source
    std::string title;  ///< of the document
    std::vector<std::string> heading_path;
    int page = 0;       ///< 1-based; 0: the format has no pages
    text::Span span;    ///< byte offsets in the document's text
    std::string quote;  ///< the text at `span`, white space folded
};

struct QuoteMatch {
    text::Span span;
    bool exact = false;     ///< after NFKC and folding of white space, quotation marks and dashes
    int edit_distance = 0;  ///< in code points of the folded texts
};

/// Finds a quote in a text: exactly after folding, else with an edit distance of at most 3 % of
/// its length and all digits the same. The first best place wins.
std::optional<QuoteMatch> locate_quote(std::string_view text, std::string_view quote);

/// The folding of locate_quote: NFKC, one space for white space, plain quotation marks and dashes.
std::string fold_for_quotes(std::string_view text);

/// White space to single spaces, ends trimmed: how a quote is shown.
std::string one_line(std::string_view text);

}  // namespace cairn::knowledge
