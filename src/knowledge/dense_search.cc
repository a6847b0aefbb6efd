// SPDX-License-Identifier: Apache-2.0
// Exact search over unit vectors, reciprocal rank fusion, reranking: see dense_search.h.
#include "dense_search.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/store/database.h"

namespace cairn::knowledge {

using store::Database;
using store::Statement;

const char* const kDenseTables = R"(
CREATE TABLE chunk_vectors(chunk_id INTEGER PRIMARY KEY, digest TEXT NOT NULL);
CREATE TABLE vectors(digest TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
)";

namespace {

// Texts that are embedded and written at a time: bounds memory, and a large build shows progress.
constexpr std::size_t kTextsAtOnce = 256;
// The usual constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009).
constexpr double kFusionRank = 60;
// More chunks than asked for, as for the lexical hits: the order is made once more.
constexpr int kCandidatesPerHit = 4;
// Passages that a reranker reads: it is a whole pass of a model for each.
constexpr std::size_t kRerankedMax = 16;
// A sentence is scored by its words and by its meaning; measured in docs/lab/0010.
constexpr double kMeaningPart = 0.4;
// Cosines of texts that have nothing in common and of texts that say the same.
constexpr double kCosineNothing = 0.1;
constexpr double kCosineSame = 0.7;
constexpr std::size_t kSentencesKept = 20'000;

struct ChunkText {
    std::int64_t id = 0;
    std::string digest;
    std::string text;
};

std::string passage_text(std::string_view headings, std::string_view body) {
    return headings.empty() ? std::string(body) : std::string(headings) + "\n" + std::string(body);
}

std::string_view raw_bytes(std::span<const float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

void scale_to_one(std::span<float> values) {
    double squares = 0;
    for (const float value : values)
        squares += static_cast<double>(value) * value;
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (float& value : values)
        value = static_cast<float>(value * scale);
}

/// Chunks that have no vector yet.
Result<std::vector<ChunkText>> new_chunks(Database& database) {
    std::vector<ChunkText> out;
    Statement rows = CAIRN_TRY(
        database.query("SELECT id, headings, body FROM chunks "
                       "WHERE id NOT IN (SELECT chunk_id FROM chunk_vectors) ORDER BY id"));
    while (CAIRN_TRY(rows.step())) {
        ChunkText chunk{rows.integer(0), {}, passage_text(rows.view(1), rows.view(2))};
        chunk.digest = sha256_hex(chunk.text);
        out.push_back(std::move(chunk));
    }
    return out;
}

Result<bool> has_vector(Database& database, const std::string& digest) {
    Statement rows = CAIRN_TRY(database.query("SELECT 1 FROM vectors WHERE digest = ?1", digest));
    return rows.step();
}

Status embed_texts(Database& database, engine::Embedder& embedder,
                   std::span<const ChunkText* const> chunks, DenseReport& report) {
    std::vector<std::string> texts;
    for (const ChunkText* chunk : chunks)
        texts.push_back(chunk->text);
    auto made =
        CAIRN_TRY(embedder.embed(texts, engine::TextRole::kPassage, engine::LongText::kCut));
    const auto width = static_cast<std::size_t>(made.width);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        const std::span<float> vector = std::span(made.values).subspan(i * width, width);
        scale_to_one(vector);
        CAIRN_TRY(database.exec("INSERT INTO vectors VALUES(?1, ?2)", chunks[i]->digest,
                                store::Bytes{raw_bytes(vector)}));
    }
    report.tokens += made.tokens;
    report.cut += static_cast<int>(made.cut);
    report.embedded += static_cast<int>(chunks.size());
    return {};
}

Result<std::string> state_value(Database& database, std::string_view key) {
    Statement rows = CAIRN_TRY(database.query("SELECT value FROM index_state WHERE key = ?1", key));
    return CAIRN_TRY(rows.step()) ? rows.text(0) : std::string();
}

}  // namespace

Status drop_vectors(Database& database) {
    CAIRN_TRY(database.exec("DELETE FROM chunk_vectors"));
    CAIRN_TRY(database.exec("DELETE FROM vectors"));
    return database.exec("DELETE FROM index_state WHERE key = 'embedder'");
}

Result<DenseReport> store_vectors(Database& database, const SearchModels& models) {
    DenseReport report;
    const double began = now_seconds();
    if (CAIRN_TRY(state_value(database, "embedder")) != models.embedder_identity) {
        CAIRN_TRY(drop_vectors(database));
        CAIRN_TRY(database.exec("INSERT INTO index_state VALUES('embedder', ?1)",
                                models.embedder_identity));
    }
    CAIRN_TRY(
        database.exec("DELETE FROM chunk_vectors WHERE chunk_id NOT IN (SELECT id FROM chunks)"));
    const std::vector<ChunkText> chunks = CAIRN_TRY(new_chunks(database));
    std::set<std::string_view> seen;
    std::vector<const ChunkText*> waiting;
    for (const ChunkText& chunk : chunks) {
        CAIRN_TRY(
            database.exec("INSERT INTO chunk_vectors VALUES(?1, ?2)", chunk.id, chunk.digest));
        if (!seen.insert(chunk.digest).second) continue;
        if (CAIRN_TRY(has_vector(database, chunk.digest))) continue;
        waiting.push_back(&chunk);
    }
    for (std::size_t at = 0; at < waiting.size(); at += kTextsAtOnce) {
        const std::size_t count = std::min(kTextsAtOnce, waiting.size() - at);
        CAIRN_TRY(
            embed_texts(database, *models.embedder, std::span(waiting).subspan(at, count), report));
    }
    CAIRN_TRY(database.exec(
        "DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM chunk_vectors)"));
    Statement count = CAIRN_TRY(database.query("SELECT count(*) FROM chunk_vectors"));
    CAIRN_TRY(count.step());
    report.vectors = static_cast<int>(count.integer(0));
    report.seconds = now_seconds() - began;
    return report;
}

Result<std::unique_ptr<DenseSearch>> DenseSearch::open(Database& database, SearchModels models) {
    std::unique_ptr<DenseSearch> out(new DenseSearch(std::move(models)));
    if (out->models_.embedder == nullptr) return out;
    out->width_ = out->models_.embedder->width();
    const auto bytes = static_cast<std::size_t>(out->width_) * sizeof(float);
    std::map<std::string, std::uint32_t, std::less<>> places;
    Statement rows = CAIRN_TRY(database.query(
        "SELECT c.id, d.source, v.vector FROM chunk_vectors cv "
        "JOIN vectors v ON v.digest = cv.digest JOIN chunks c ON c.id = cv.chunk_id "
        "JOIN indexed_documents d ON d.id = c.document_id ORDER BY d.path, c.span_begin"));
    while (CAIRN_TRY(rows.step())) {
        const std::string_view vector = rows.view(2);
        if (vector.size() != bytes) {
            return make_error(Code::kInvalid,
                              "the index holds vectors of another width than the embedder makes",
                              "run `cairn index --force`");
        }
        const auto [place, is_new] =
            places.emplace(rows.view(1), static_cast<std::uint32_t>(out->source_names_.size()));
        if (is_new) out->source_names_.push_back(place->first);
        out->chunk_ids_.push_back(rows.integer(0));
        out->sources_.push_back(place->second);
        out->vectors_.resize(out->vectors_.size() + static_cast<std::size_t>(out->width_));
        std::memcpy(out->vectors_.data() + out->vectors_.size() - out->width_, vector.data(),
                    bytes);
    }
    return out;
}

std::vector<DenseSearch::Near> DenseSearch::nearest(std::span<const float> query,
                                                    const RetrieveOptions& options) const {
    std::vector<float> cosines(chunk_ids_.size());
    engine::dot_products(cosines.data(), query.data(), vectors_.data(), std::ssize(cosines),
                         width_);
    std::vector<bool> wanted;
    for (const std::string& name : source_names_) {
        wanted.push_back(options.sources.empty() ||
                         std::ranges::find(options.sources, name) != options.sources.end());
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < cosines.size(); ++i) {
        if (wanted[sources_[i]]) order.push_back(i);
    }
    const std::size_t count =
        std::min(order.size(), static_cast<std::size_t>(options.k * kCandidatesPerHit));
    // Ties keep the order of paths and places.
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), [&](std::size_t a, std::size_t b) {
                          return cosines[a] != cosines[b] ? cosines[a] > cosines[b] : a < b;
                      });
    std::vector<Near> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back({chunk_ids_[order[i]], cosines[order[i]]});
    return out;
}

Status DenseSearch::fuse(const std::vector<Near>& near, const ReadHit& read,
                         std::vector<Hit>& hits) const {
    std::unordered_map<std::int64_t, std::size_t> places;
    for (std::size_t i = 0; i < hits.size(); ++i) {
        places[hits[i].chunk_id] = i;
        hits[i].score = 1 / (kFusionRank + static_cast<double>(i + 1));
    }
    for (std::size_t i = 0; i < near.size(); ++i) {
        const auto known = places.find(near[i].chunk_id);
        if (known == places.end()) {
            hits.push_back(CAIRN_TRY(read(near[i].chunk_id)));
            hits.back().score = 0;
        }
        Hit& hit = known == places.end() ? hits.back() : hits[known->second];
        hit.meaning = near[i].cosine;
        hit.score += 1 / (kFusionRank + static_cast<double>(i + 1));
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    return {};
}

Status DenseSearch::rerank(std::string_view question, std::vector<Hit>& hits) const {
    const std::size_t count = std::min(hits.size(), kRerankedMax);
    std::vector<std::string> passages;
    for (std::size_t i = 0; i < count; ++i)
        passages.push_back(
            passage_text(join_headings(hits[i].title, hits[i].heading_path), hits[i].text));
    const auto ranked = CAIRN_TRY(models_.reranker->score(question, passages));
    for (std::size_t i = 0; i < count; ++i) {
        hits[i].relevance = ranked.scores[i];
        hits[i].score = 1 + ranked.scores[i];  // above all that were not read
    }
    std::stable_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(count),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    return {};
}

Status DenseSearch::weigh_sentences(std::span<const float> query, std::vector<Hit>& hits) {
    if (sentences_.size() > kSentencesKept) sentences_.clear();
    std::vector<std::string> unknown;
    for (const Hit& hit : hits) {
        for (const SentenceScore& sentence : hit.sentences) {
            if (sentences_.try_emplace(sentence.text).second) unknown.push_back(sentence.text);
        }
    }
    const auto made = CAIRN_TRY(
        models_.embedder->embed(unknown, engine::TextRole::kPassage, engine::LongText::kCut));
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        const std::span<const float> row = made.row(i);
        std::vector<float>& kept = sentences_[unknown[i]];
        kept.assign(row.begin(), row.end());
        scale_to_one(kept);
    }
    for (Hit& hit : hits) {
        for (SentenceScore& sentence : hit.sentences) {
            float cosine = 0;
            engine::dot_products(&cosine, query.data(), sentences_[sentence.text].data(), 1,
                                 width_);
            sentence.meaning = cosine;
            const double share =
                std::clamp((cosine - kCosineNothing) / (kCosineSame - kCosineNothing), 0.0, 1.0);
            sentence.score = (1 - kMeaningPart) * sentence.score + kMeaningPart * share;
        }
        std::stable_sort(
            hit.sentences.begin(), hit.sentences.end(),
            [](const SentenceScore& a, const SentenceScore& b) { return a.score > b.score; });
    }
    return {};
}

Status DenseSearch::join(std::string_view question, const RetrieveOptions& options,
                         const ReadHit& read, std::vector<Hit>& hits) {
    const std::vector<std::string> asked = {std::string(question)};
    std::vector<float> query;
    if (models_.embedder != nullptr) {
        query = CAIRN_TRY(models_.embedder->embed(asked, engine::TextRole::kQuery,
                                                  engine::LongText::kCut))
                    .values;
        scale_to_one(query);
        CAIRN_TRY(fuse(nearest(query, options), read, hits));
    }
    if (models_.reranker != nullptr) CAIRN_TRY(rerank(question, hits));
    if (hits.size() > static_cast<std::size_t>(options.k)) {
        hits.resize(static_cast<std::size_t>(options.k));
    }
    return models_.embedder != nullptr ? weigh_sentences(query, hits) : Status();
}

}  // namespace cairn::knowledge
