// SPDX-License-Identifier: Apache-2.0
// Vectors of chunks beside the full-text index, and what they and a reranker change about its hits.
// Every vector is named by the digest of its text, so that only new texts are embedded.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cairn/knowledge/dense.h"
#include "cairn/knowledge/index.h"

namespace cairn::knowledge {

/// SQL of the tables for vectors, a migration of the index.
extern const char* const kDenseTables;
extern const char* const kTrustTables;

/// Makes the index hold the vectors of exactly its chunks. Runs inside the caller's transaction.
Result<DenseReport> store_vectors(store::Database& database, const SearchModels& models);
/// A cosine between those of texts that have nothing in common and of texts that say the same,
/// stretched to 0..1.
double shared_meaning(double cosine);
/// Appends the vectors of texts, of length 1 each.
Status embed_passages(engine::Embedder& embedder, std::span<const std::string> texts,
                      std::vector<float>& values, DenseReport& report);
/// What a chunk's vector is made of.
std::string passage_text(std::string_view headings, std::string_view body);
/// Removes all vectors: an index of words alone.
Status drop_vectors(store::Database& database);

class DenseSearch {
  public:
    /// Reads all vectors into memory: exact search needs no other structure
    /// (docs/lab/0010-dense-retrieval.md says up to what size).
    static Result<std::unique_ptr<DenseSearch>> open(store::Database& database,
                                                     SearchModels models);

    using ReadHit = std::function<Result<Hit>(std::int64_t chunk_id)>;
    /// Adds the nearest chunks to the lexical hits and says of all how near they are.
    Status gather(std::string_view question, const RetrieveOptions& options, const ReadHit& read,
                  std::vector<Hit>& hits);
    /// Orders what was gathered by words and meaning, lets the reranker order the best, keeps
    /// options.k, and weighs their sentences by meaning.
    Status order(std::string_view question, const RetrieveOptions& options, std::vector<Hit>& hits);

  private:
    explicit DenseSearch(SearchModels models) : models_(std::move(models)) {}
    std::vector<std::size_t> nearest(std::span<const float> cosines,
                                     const RetrieveOptions& options) const;
    Status rerank(std::string_view question, std::vector<Hit>& hits) const;
    Status weigh_sentences(std::vector<Hit>& hits);

    SearchModels models_;
    std::int64_t width_ = 0;
    std::vector<std::int64_t> chunk_ids_;
    std::vector<std::uint32_t> sources_;  ///< place in source_names_, by chunk
    std::vector<std::string> source_names_;
    std::vector<double> trust_;                             ///< by chunk: what its meaning counts
    std::vector<float> vectors_;                            ///< [chunks, width], of length 1
    std::vector<float> query_;                              ///< of the question gathered for last
    std::unordered_map<std::int64_t, std::size_t> places_;  ///< of chunks
    std::unordered_map<std::string, std::vector<float>> sentences_;  ///< seen lately, by text
};

}  // namespace cairn::knowledge
