// SPDX-License-Identifier: Apache-2.0
// Index terms and the SQLite FTS5 tokenizer `cairn` that writes them: text::search_terms, light
// stemming for alphabets. Queries are built from the same terms, so both sides always agree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/span.h"

struct sqlite3;

namespace cairn::knowledge {

struct IndexTerm {
    std::string text;        ///< folded and stemmed: the key of the index
    text::Span span;         ///< bytes of the original text
    bool overlap = false;    ///< shares its place with the term before
    bool has_digit = false;  ///< numbers, dates, identifiers: never stemmed, must match exactly
};

std::vector<IndexTerm> index_terms(std::string_view text);

/// Terms of a question: as index_terms, but of Han/Kana/Hangul runs only the bigrams, each once.
std::vector<IndexTerm> query_terms(std::string_view question);

/// Words that ask or bind but say nothing about the matter ("how many", "darf ich", "什么").
bool is_stop_term(std::string_view term);

/// Makes the tokenizer known to one connection. Needed before any statement on an FTS table.
Status register_fts_tokenizer(sqlite3* database);

}  // namespace cairn::knowledge
