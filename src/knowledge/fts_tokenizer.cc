// SPDX-License-Identifier: Apache-2.0
// Two directions with one rule: documents are tokenised here, query terms come ready made, so a
// query's tokens are passed through as they are.
#include "cairn/knowledge/fts_tokenizer.h"

#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <unordered_set>

#include "cairn/text/search_terms.h"
#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"
#include "stem.h"

namespace cairn::knowledge {
namespace {

bool has_digit(std::string_view term) {
    return std::any_of(term.begin(), term.end(),
                       [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

bool is_dense_script(char32_t code_point) {
    const text::Script script = text::script_of(code_point);
    return script == text::Script::kHan || script == text::Script::kKana ||
           script == text::Script::kHangul;
}

IndexTerm make_term(text::SearchTerm& term) {
    IndexTerm out;
    out.has_digit = has_digit(term.text);
    out.span = {static_cast<std::int64_t>(term.begin), static_cast<std::int64_t>(term.end)};
    out.overlap = term.overlap;
    const bool letters = !is_dense_script(text::code_point_at(term.text, 0).value);
    out.text = out.has_digit || !letters ? std::move(term.text) : stem(term.text);
    return out;
}

using EmitToken = int (*)(void*, int, const char*, int, int, int);

int create_tokenizer(void*, const char**, int, Fts5Tokenizer** out) {
    static int the_only_one = 0;  // the tokenizer has no state
    *out = reinterpret_cast<Fts5Tokenizer*>(&the_only_one);
    return SQLITE_OK;
}

void delete_tokenizer(Fts5Tokenizer*) {}

int tokenize(Fts5Tokenizer*, void* context, int flags, const char* bytes, int size,
             EmitToken emit) {
    if ((flags & FTS5_TOKENIZE_QUERY) != 0) {
        return emit(context, 0, bytes, size, 0, size);
    }
    bool first = true;
    for (const IndexTerm& term : index_terms({bytes, static_cast<std::size_t>(size)})) {
        const int colocated = term.overlap && !first ? FTS5_TOKEN_COLOCATED : 0;
        const int code =
            emit(context, colocated, term.text.data(), static_cast<int>(term.text.size()),
                 static_cast<int>(term.span.begin), static_cast<int>(term.span.end));
        if (code != SQLITE_OK) {
            return code;
        }
        first = false;
    }
    return SQLITE_OK;
}

}  // namespace

std::vector<IndexTerm> index_terms(std::string_view text) {
    std::vector<text::SearchTerm> terms = text::search_terms(text);
    std::vector<IndexTerm> out;
    out.reserve(terms.size());
    for (text::SearchTerm& term : terms) {
        out.push_back(make_term(term));
    }
    return out;
}

std::vector<IndexTerm> query_terms(std::string_view question) {
    std::vector<text::SearchTerm> terms = text::search_terms(question);
    std::vector<IndexTerm> out;
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const text::CodePoint first = text::code_point_at(terms[i].text, 0);
        const bool single = first.bytes == terms[i].text.size();
        const auto overlaps = [&](std::size_t j) {
            return j < terms.size() && terms[j].end > terms[i].begin &&
                   terms[j].begin < terms[i].end && terms[j].text.size() > terms[i].text.size();
        };
        // A lone character of a dense script says little once its bigrams are there.
        const bool has_bigram = overlaps(i + 1) || (i > 0 && overlaps(i - 1));
        if (single && is_dense_script(first.value) && has_bigram) {
            continue;
        }
        IndexTerm term = make_term(terms[i]);
        if (seen.insert(term.text).second) {
            out.push_back(std::move(term));
        }
    }
    return out;
}

Status register_fts_tokenizer(sqlite3* database) {
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (api == nullptr) {
        return make_error(Code::kUnsupported, "this SQLite library was built without FTS5",
                          "install the distribution's libsqlite3");
    }
    fts5_tokenizer tokenizer{create_tokenizer, delete_tokenizer, tokenize};
    if (api->xCreateTokenizer(api, "cairn", nullptr, &tokenizer, nullptr) != SQLITE_OK) {
        return make_error(Code::kInternal, "SQLite refused the FTS5 tokenizer `cairn`");
    }
    return {};
}

}  // namespace cairn::knowledge
