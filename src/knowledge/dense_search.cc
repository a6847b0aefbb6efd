// SPDX-License-Identifier: Apache-2.0
// Exact search over unit vectors, joined with the words by what each is worth: see dense_search.h.
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

const char* const kTrustTables = R"(
CREATE TABLE document_languages(document_id TEXT PRIMARY KEY, language TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meaning_trust(language TEXT PRIMARY KEY, weight REAL NOT NULL) WITHOUT ROWID;
)";

namespace {

// Texts that are embedded and written at a time: bounds memory, and a large build shows progress.
constexpr std::size_t kTextsAtOnce = 256;
// More chunks than asked for, as for the lexical hits: the order is made once more.
constexpr int kCandidatesPerHit = 4;
// Passages that a reranker reads: it is a whole pass of a model for each.
constexpr std::size_t kRerankedMax = 16;
// A sentence is scored by its words and by its meaning; measured in docs/lab/0010.
constexpr double kMeaningPart = 0.4;
// What meaning counts in a language that has too few passages to measure it.
constexpr double kTrustUnmeasured = 0.5;
constexpr std::size_t kSentencesKept = 20'000;

struct ChunkText {
    std::int64_t id = 0;
    std::string digest;
    std::string text;
};

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
    std::vector<float> values;
    CAIRN_TRY(embed_passages(embedder, texts, values, report));
    const auto width = static_cast<std::size_t>(embedder.width());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        const auto vector = std::span<const float>(values).subspan(i * width, width);
        CAIRN_TRY(database.exec("INSERT INTO vectors VALUES(?1, ?2)", chunks[i]->digest,
                                store::Bytes{raw_bytes(vector)}));
    }
    report.embedded += static_cast<int>(chunks.size());
    return {};
}

Result<std::string> state_value(Database& database, std::string_view key) {
    Statement rows = CAIRN_TRY(database.query("SELECT value FROM index_state WHERE key = ?1", key));
    return CAIRN_TRY(rows.step()) ? rows.text(0) : std::string();
}

}  // namespace

double shared_meaning(double cosine) {
    constexpr double kNothing = 0.1;
    constexpr double kSame = 0.7;
    return std::clamp((cosine - kNothing) / (kSame - kNothing), 0.0, 1.0);
}

std::string passage_text(std::string_view headings, std::string_view body) {
    return headings.empty() ? std::string(body) : std::string(headings) + "\n" + std::string(body);
}

Status embed_passages(engine::Embedder& embedder, std::span<const std::string> texts,
                      std::vector<float>& values, DenseReport& report) {
    auto made =
        CAIRN_TRY(embedder.embed(texts, engine::TextRole::kPassage, engine::LongText::kCut));
    const auto width = static_cast<std::size_t>(made.width);
    for (std::size_t i = 0; i < texts.size(); ++i)
        scale_to_one(std::span(made.values).subspan(i * width, width));
    values.insert(values.end(), made.values.begin(), made.values.end());
    report.tokens += made.tokens;
    report.cut += static_cast<int>(made.cut);
    return {};
}

Status drop_vectors(Database& database) {
    CAIRN_TRY(database.exec("DELETE FROM chunk_vectors"));
    CAIRN_TRY(database.exec("DELETE FROM vectors"));
    CAIRN_TRY(database.exec("DELETE FROM document_languages"));
    CAIRN_TRY(database.exec("DELETE FROM meaning_trust"));
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

namespace {

/// What the meaning of each document counts. An index of before this was measured has no tables.
Result<std::map<std::string, double, std::less<>>> read_trust(Database& database) {
    std::map<std::string, double, std::less<>> out;
    Statement table =
        CAIRN_TRY(database.query("SELECT 1 FROM sqlite_master WHERE name = 'document_languages'"));
    if (!CAIRN_TRY(table.step())) return out;
    Statement rows =
        CAIRN_TRY(database.query("SELECT l.document_id, t.weight FROM document_languages l "
                                 "JOIN meaning_trust t ON t.language = l.language"));
    while (CAIRN_TRY(rows.step()))
        out[rows.text(0)] = rows.real(1);
    return out;
}

}  // namespace

Result<std::unique_ptr<DenseSearch>> DenseSearch::open(Database& database, SearchModels models) {
    std::unique_ptr<DenseSearch> out(new DenseSearch(std::move(models)));
    if (out->models_.embedder == nullptr) return out;
    out->width_ = out->models_.embedder->width();
    const auto bytes = static_cast<std::size_t>(out->width_) * sizeof(float);
    std::map<std::string, std::uint32_t, std::less<>> places;
    const auto trust = CAIRN_TRY(read_trust(database));
    Statement rows = CAIRN_TRY(database.query(
        "SELECT c.id, d.source, v.vector, d.id FROM chunk_vectors cv "
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
        out->places_[rows.integer(0)] = out->chunk_ids_.size();
        out->chunk_ids_.push_back(rows.integer(0));
        const auto measured = trust.find(rows.view(3));
        out->trust_.push_back(measured == trust.end() ? kTrustUnmeasured : measured->second);
        out->sources_.push_back(place->second);
        out->vectors_.resize(out->vectors_.size() + static_cast<std::size_t>(out->width_));
        std::memcpy(out->vectors_.data() + out->vectors_.size() - out->width_, vector.data(),
                    bytes);
    }
    return out;
}

std::vector<std::size_t> DenseSearch::nearest(std::span<const float> cosines,
                                              const RetrieveOptions& options) const {
    std::vector<bool> wanted;
    for (const std::string& name : source_names_) {
        wanted.push_back(options.sources.empty() ||
                         std::ranges::find(options.sources, name) != options.sources.end());
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < cosines.size(); ++i) {
        if (wanted[sources_[i]] && trust_[i] > 0) order.push_back(i);
    }
    const std::size_t count =
        std::min(order.size(), static_cast<std::size_t>(options.k * kCandidatesPerHit));
    // Ties keep the order of paths and places.
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), [&](std::size_t a, std::size_t b) {
                          return cosines[a] != cosines[b] ? cosines[a] > cosines[b] : a < b;
                      });
    order.resize(count);
    return order;
}

Status DenseSearch::gather(std::string_view question, const RetrieveOptions& options,
                           const ReadHit& read, std::vector<Hit>& hits) {
    const bool known = std::ranges::any_of(trust_, [](double trust) { return trust > 0; });
    if (models_.embedder == nullptr || !known) return {};
    const std::vector<std::string> asked = {std::string(question)};
    query_ =
        CAIRN_TRY(models_.embedder->embed(asked, engine::TextRole::kQuery, engine::LongText::kCut))
            .values;
    scale_to_one(query_);
    std::vector<float> cosines(chunk_ids_.size());
    engine::dot_products(cosines.data(), query_.data(), vectors_.data(), std::ssize(cosines),
                         width_);
    std::set<std::int64_t> found;
    for (const Hit& hit : hits)
        found.insert(hit.chunk_id);
    for (const std::size_t place : nearest(cosines, options)) {
        if (!found.contains(chunk_ids_[place])) hits.push_back(CAIRN_TRY(read(chunk_ids_[place])));
    }
    for (Hit& hit : hits) {
        const auto place = places_.find(hit.chunk_id);
        if (place == places_.end()) continue;
        hit.meaning = cosines[place->second];
        hit.trust = trust_[place->second];
    }
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

Status DenseSearch::weigh_sentences(std::vector<Hit>& hits) {
    if (sentences_.size() > kSentencesKept) sentences_.clear();
    std::vector<std::string> unknown;
    for (const Hit& hit : hits) {
        if (hit.trust <= 0) continue;
        for (const SentenceScore& sentence : hit.sentences) {
            if (sentences_.try_emplace(sentence.text).second) unknown.push_back(sentence.text);
        }
    }
    std::vector<float> values;
    DenseReport report;
    CAIRN_TRY(embed_passages(*models_.embedder, unknown, values, report));
    const auto width = static_cast<std::size_t>(width_);
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        const auto row = std::span<const float>(values).subspan(i * width, width);
        sentences_[unknown[i]].assign(row.begin(), row.end());
    }
    for (Hit& hit : hits) {
        if (hit.trust <= 0) continue;
        const double part = kMeaningPart * std::min(1.0, hit.trust);
        for (SentenceScore& sentence : hit.sentences) {
            float cosine = 0;
            engine::dot_products(&cosine, query_.data(), sentences_[sentence.text].data(), 1,
                                 width_);
            sentence.meaning = cosine;
            sentence.score = (1 - part) * sentence.score + part * shared_meaning(cosine);
        }
        std::stable_sort(
            hit.sentences.begin(), hit.sentences.end(),
            [](const SentenceScore& a, const SentenceScore& b) { return a.score > b.score; });
    }
    return {};
}

Status DenseSearch::order(std::string_view question, const RetrieveOptions& options,
                          std::vector<Hit>& hits) {
    for (Hit& hit : hits)
        hit.score = hit.words + hit.trust * shared_meaning(hit.meaning);
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    if (models_.reranker != nullptr) CAIRN_TRY(rerank(question, hits));
    if (hits.size() > static_cast<std::size_t>(options.k)) {
        hits.resize(static_cast<std::size_t>(options.k));
    }
    return models_.embedder != nullptr ? weigh_sentences(hits) : Status();
}

}  // namespace cairn::knowledge
