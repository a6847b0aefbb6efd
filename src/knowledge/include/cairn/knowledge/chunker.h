// SPDX-License-Identifier: Apache-2.0
// Cuts a document into chunks under its headings. A chunk is one contiguous byte range of the text
// and knows its sentences, so that an answer can quote one sentence and cite where it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/document.h"

namespace cairn::knowledge {

struct ChunkOptions {
    int words_target = 80;  ///< a chunk is closed at the first sentence end beyond this
    int words_max = 160;    ///< and never grows beyond this, unless one sentence is longer
};

struct Chunk {
    std::string document_id;
    int number = 0;                         ///< 0, 1, ... in the document
    std::vector<std::string> heading_path;  ///< of its section
    int page = 0;                           ///< 1-based page of its first byte; 0: no pages
    text::Span span;                        ///< in Document::text
    std::vector<text::Span> sentences;      ///< what may be quoted, in Document::text, in order
};

/// Never across sections; heading lines belong to no sentence; table rows stay whole.
std::vector<Chunk> chunk_document(const text::Document& document, const ChunkOptions& options = {});

/// Quotable pieces of a text: sentences of prose, single lines of tables and lists.
std::vector<text::Span> quotable_spans(std::string_view text);

/// "Leave policy > 4. Carrying days over"; `title` is left out when the path begins with it.
std::string join_headings(std::string_view title, const std::vector<std::string>& heading_path);

}  // namespace cairn::knowledge
