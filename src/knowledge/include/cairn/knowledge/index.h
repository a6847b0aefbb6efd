// SPDX-License-Identifier: Apache-2.0
// The lexical index of a workspace: chunks and their terms in SQLite FTS5, ranked by BM25, with the
// best sentences of each hit. Building is incremental by document and one transaction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/knowledge/chunker.h"
#include "cairn/knowledge/dense.h"
#include "cairn/knowledge/lexical.h"
#include "cairn/text/document.h"

namespace cairn::store {
class Database;
}

namespace cairn::knowledge {

struct Hit {
    std::int64_t chunk_id = 0;
    std::string document_id;
    std::string source;
    std::string path;
    std::string title;
    std::vector<std::string> heading_path;
    int page = 0;
    text::Span span;      ///< of the chunk, in the document's text
    std::string text;     ///< of the chunk
    double bm25 = 0;      ///< larger is better
    double coverage = 0;  ///< share of the question's weight (idf) found in chunk or headings
    double words = 0;     ///< 0..1: what its words say, before anything else
    double meaning = 0;   ///< cosine to the question; 0 without an embedder
    /// What the meaning counts beside the words, measured for the language of the document when it
    /// was indexed; 0: the embedder does not know the language.
    double trust = 0;
    double relevance = 0;                  ///< 0..1, by the reranker; 0 without one
    double score = 0;                      ///< what the order is made by
    std::vector<SentenceScore> sentences;  ///< best first; spans in the document's text
};

struct RetrieveOptions {
    int k = 5;
    std::vector<std::string> sources;  ///< empty: all
};

struct Retrieval {
    std::vector<QueryTerm> terms;  ///< of the question, with weights
    std::vector<Hit> hits;         ///< best first
};

struct BuildReport {
    int documents = 0;
    int chunks = 0;
    int documents_changed = 0;  ///< written in this build
    int documents_removed = 0;
    std::string digest;  ///< of all documents, the way they were cut and the models of retrieval
    DenseReport dense;
};

/// Document id -> digest of the blob that holds its text, to show a quote where it stood.
using TextBlobs = std::map<std::string, std::string>;

/// Reads and writes the tables of room `knowledge`. One object per connection and thread.
class Index {
  public:
    /// Makes the tables if needed. The database must outlive the index.
    static Result<Index> open(store::Database& database);
    /// A finished file (index_files.h), for reading only; the index owns the connection.
    static Result<Index> open_finished(const std::filesystem::path& path);

    /// The models that `build` embeds with and `retrieve` searches with; none: words alone. On a
    /// finished index errors: kUnsupported when it was made with other models.
    Status use(SearchModels models);

    /// Makes the index hold exactly `documents` (cleaned). Documents with the same text and
    /// headings as before are left alone; a failure or a kill leaves the former index.
    Result<BuildReport> build(std::span<const text::Document> documents,
                              const TextBlobs& text_blobs = {});

    /// Any text is a valid question; one without terms has no hits.
    Result<Retrieval> retrieve(std::string_view question,
                               const RetrieveOptions& options = {}) const;

    /// Digest of what is indexed; empty when nothing is.
    Result<std::string> digest() const;
    Result<int> chunk_count() const;
    /// What `build` was told for this document; empty: nothing. Errors: kNotFound.
    Result<std::string> text_blob(std::string_view document_id) const;

    Index(Index&&) noexcept;
    Index& operator=(Index&&) noexcept;
    ~Index();

  private:
    struct State;
    explicit Index(std::unique_ptr<State> state);
    Result<Retrieval> gather(std::string_view question, const RetrieveOptions& options) const;
    std::unique_ptr<State> state_;
};

}  // namespace cairn::knowledge
