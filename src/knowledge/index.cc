// SPDX-License-Identifier: Apache-2.0
// The index on disk. Chunks lie in one table; the FTS table reads its text from there, so that
// nothing is stored twice. Deletes hand FTS5 the old text, as external content asks for.
#include "cairn/knowledge/index.h"

#include <algorithm>
#include <map>
#include <set>

#include "cairn/base/hash.h"
#include "cairn/knowledge/citation.h"
#include "cairn/knowledge/fts_tokenizer.h"
#include "cairn/store/database.h"
#include "dense_search.h"
#include "meaning_trust.h"
#include "sentence_spans.h"

namespace cairn::knowledge {
namespace {

using store::Database;
using store::Statement;
using store::Transaction;

// Raise when chunks or terms are made in another way: it makes every document be indexed anew.
constexpr std::string_view kMethod = "3";
// Likewise for what is measured and stored of the embedder.
constexpr std::string_view kDenseMethod = "2";
// Headings say what a chunk is about; a word in them counts more than one in the body.
constexpr const char* kChunkSql = R"(
SELECT c.id, c.document_id, d.source, d.path, d.title, c.heading_path, c.page, c.span_begin,
       c.span_end, c.sentences, c.headings, c.body, 0.0 AS cost
FROM chunks c JOIN indexed_documents d ON d.id = c.document_id WHERE c.id = ?1)";
constexpr const char* kRankedSql = R"(
SELECT c.id, c.document_id, d.source, d.path, d.title, c.heading_path, c.page, c.span_begin,
       c.span_end, c.sentences, c.headings, c.body, bm25(chunks_fts, 1.6, 1.0) AS cost
FROM chunks_fts JOIN chunks c ON c.id = chunks_fts.rowid
     JOIN indexed_documents d ON d.id = c.document_id
WHERE chunks_fts MATCH ?1
  AND (?2 = '' OR instr(?2, char(31) || d.source || char(31)) > 0)
ORDER BY cost, d.path, c.span_begin LIMIT ?3)";

const store::Migration kMigrations[] = {{1, R"(
CREATE TABLE indexed_documents(
  id TEXT PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL,
  digest TEXT NOT NULL, text_blob TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE chunks(
  id INTEGER PRIMARY KEY, document_id TEXT NOT NULL, number INTEGER NOT NULL,
  heading_path TEXT NOT NULL, page INTEGER NOT NULL,
  span_begin INTEGER NOT NULL, span_end INTEGER NOT NULL,
  sentences TEXT NOT NULL, headings TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX chunks_by_document ON chunks(document_id);
CREATE VIRTUAL TABLE chunks_fts USING fts5(
  headings, body, content='chunks', content_rowid='id', tokenize='cairn');
CREATE VIRTUAL TABLE chunks_terms USING fts5vocab(chunks_fts, 'row');
CREATE TABLE index_state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)"},
                                        {2, kDenseTables},
                                        {3, kTrustTables}};

// A term that stands for one of the question's finds passages when it does so at least this much.
constexpr double kWidenLeast = 0.3;

constexpr char kSeparator = '\x1f';

std::string join(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        out += part;
        out += kSeparator;
    }
    return out;
}

std::vector<std::string> split(std::string_view joined) {
    std::vector<std::string> parts;
    for (std::size_t end = joined.find(kSeparator); end != std::string_view::npos;
         end = joined.find(kSeparator)) {
        parts.emplace_back(joined.substr(0, end));
        joined.remove_prefix(end + 1);
    }
    return parts;
}

std::string spans_in_chunk(const Chunk& chunk) {
    std::vector<text::Span> spans = chunk.sentences;
    for (text::Span& span : spans) {
        span.begin -= chunk.span.begin;
        span.end -= chunk.span.begin;
    }
    return write_spans(spans);
}

std::string document_digest(const text::Document& document) {
    Sha256 hash;
    hash.field(kMethod).field(document.source).field(document.path).field(document.title);
    hash.field(document.text);
    for (const text::Section& section : document.sections) {
        hash.field(join(section.heading_path));
        hash.field(std::to_string(section.span.begin) + ' ' + std::to_string(section.span.end) +
                   ' ' + std::to_string(section.page));
    }
    return hash.hex();
}

/// A term quoted, so that nothing in a question can be FTS5 syntax.
void add_phrase(std::string_view term, std::string& expression) {
    expression += expression.empty() ? "\"" : " OR \"";
    for (char c : term) {
        expression += c == '"' ? "\"\"" : std::string(1, c);
    }
    expression += '"';
}

/// Stop words match nearly every chunk and are left out where there are other words. `widened`:
/// with terms that stand for those of the question.
std::string match_expression(const std::vector<QueryTerm>& terms, bool widened) {
    auto is_content = [](const QueryTerm& term) { return term.weight >= 0.5 * term.idf; };
    const bool any_content = std::any_of(terms.begin(), terms.end(), is_content);
    std::string out;
    for (const QueryTerm& term : terms) {
        if (any_content && !is_content(term)) {
            continue;
        }
        add_phrase(term.text, out);
        for (const auto& [related, weight] : term.related) {
            if (widened && weight >= kWidenLeast) add_phrase(related, out);
        }
    }
    return out;
}

Status remove_document(Database& database, const std::string& id) {
    CAIRN_TRY(
        database.exec("INSERT INTO chunks_fts(chunks_fts, rowid, headings, body) "
                      "SELECT 'delete', id, headings, body FROM chunks "
                      "WHERE document_id = ?1",
                      id));
    CAIRN_TRY(database.exec("DELETE FROM chunks WHERE document_id = ?1", id));
    return database.exec("DELETE FROM indexed_documents WHERE id = ?1", id);
}

Status add_document(Database& database, const text::Document& document, const std::string& digest) {
    CAIRN_TRY(
        database.exec("INSERT INTO indexed_documents(id, source, path, title, digest) "
                      "VALUES(?1, ?2, ?3, ?4, ?5)",
                      document.id, document.source, document.path, document.title, digest));
    Statement chunk_row = CAIRN_TRY(database.prepare(
        "INSERT INTO chunks(document_id, number, heading_path, page, span_begin, span_end, "
        "sentences, headings, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
    Statement fts_row = CAIRN_TRY(
        database.prepare("INSERT INTO chunks_fts(rowid, headings, body) VALUES(?1, ?2, ?3)"));
    for (const Chunk& chunk : chunk_document(document)) {
        const std::string headings = join_headings(document.title, chunk.heading_path);
        const std::string_view body = chunk.span.of(document.text);
        CAIRN_TRY(chunk_row.bind(chunk.document_id, chunk.number, join(chunk.heading_path),
                                 chunk.page, chunk.span.begin, chunk.span.end,
                                 spans_in_chunk(chunk), headings, body));
        CAIRN_TRY(chunk_row.run());
        CAIRN_TRY(fts_row.bind(database.last_insert_id(), headings, body));
        CAIRN_TRY(fts_row.run());
    }
    return {};
}

Result<std::map<std::string, std::string>> indexed_digests(Database& database) {
    std::map<std::string, std::string> digests;
    Statement rows = CAIRN_TRY(database.query("SELECT id, digest FROM indexed_documents"));
    while (CAIRN_TRY(rows.step())) {
        digests[rows.text(0)] = rows.text(1);
    }
    return digests;
}

Hit read_hit(const Statement& row, const std::vector<QueryTerm>& terms, std::string_view question) {
    Hit hit;
    hit.chunk_id = row.integer(0);
    hit.document_id = row.text(1);
    hit.source = row.text(2);
    hit.path = row.text(3);
    hit.title = row.text(4);
    hit.heading_path = split(row.view(5));
    hit.page = static_cast<int>(row.integer(6));
    hit.span = {row.integer(7), row.integer(8)};
    hit.text = row.text(11);
    hit.bm25 = -row.real(12);
    const std::string_view headings = row.view(10);
    const std::vector<text::Span> spans = read_spans(row.view(9));
    TermSet held;
    held.add(headings);
    held.add(hit.text);
    hit.coverage = coverage_of(terms, held);
    hit.sentences = score_sentences(terms, question, headings, hit.text, spans);
    for (SentenceScore& sentence : hit.sentences) {
        sentence.span.begin += hit.span.begin;
        sentence.span.end += hit.span.begin;
    }
    return hit;
}

/// Two of the three equal parts of Hit::words: the passage's and the best sentence's.
double words_without_rank(const Hit& hit) {
    return (hit.coverage + (hit.sentences.empty() ? 0 : hit.sentences.front().score)) / 3;
}

/// Chunks that hold words of the question, best first; more than asked for, because the order is
/// made by their sentences as well.
Result<std::vector<Hit>> find_by_words(Database& database, std::string_view question,
                                       const std::vector<QueryTerm>& terms,
                                       const RetrieveOptions& options) {
    constexpr int kCandidatesPerHit = 4;
    std::string sources;
    for (const std::string& source : options.sources) {
        sources += kSeparator + source + kSeparator;
    }
    // The words of the question first, then words that stand for them: what only those find has
    // no rank of its own and is judged by the second look alone.
    std::vector<Hit> hits;
    std::set<std::int64_t> seen;
    for (const bool widened : {false, true}) {
        Statement rows = CAIRN_TRY(database.query(kRankedSql, match_expression(terms, widened),
                                                  sources, options.k * kCandidatesPerHit));
        while (CAIRN_TRY(rows.step())) {
            if (!seen.insert(rows.integer(0)).second) continue;
            hits.push_back(read_hit(rows, terms, question));
            if (widened) hits.back().bm25 = 0;
        }
    }
    for (Hit& hit : hits) {
        hit.words = words_without_rank(hit) + hit.bm25 / (1e-9 + hits.front().bm25) / 3;
        hit.score = hit.words;
    }
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    return hits;
}

}  // namespace

struct Index::State {
    std::unique_ptr<Database> own;  ///< nullptr: the connection is someone else's
    Database* database;
    SearchModels models;
    std::unique_ptr<DenseSearch> dense;  ///< nullptr: words alone
};

Index::Index(std::unique_ptr<State> state) : state_(std::move(state)) {}
Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

Result<Index> Index::open(Database& database) {
    CAIRN_TRY(register_fts_tokenizer(database.handle()));
    CAIRN_TRY(store::migrate(database, "knowledge", kMigrations));
    return Index(std::make_unique<State>(State{nullptr, &database, {}, nullptr}));
}

Result<Index> Index::open_finished(const std::filesystem::path& path) {
    auto own = std::make_unique<Database>(CAIRN_TRY(Database::open_read_only(path)));
    CAIRN_TRY(register_fts_tokenizer(own->handle()));
    Database* database = own.get();
    return Index(std::make_unique<State>(State{std::move(own), database, {}, nullptr}));
}

Status Index::use(SearchModels models) {
    const auto made_with = [&](std::string_view key) -> Result<std::string> {
        Statement rows =
            CAIRN_TRY(state_->database->query("SELECT value FROM index_state WHERE key = ?1", key));
        return CAIRN_TRY(rows.step()) ? rows.text(0) : std::string();
    };
    const bool finished = state_->own != nullptr;
    if (finished && (CAIRN_TRY(made_with("embedder")) != models.embedder_identity ||
                     CAIRN_TRY(made_with("reranker")) != models.reranker_identity)) {
        return make_error(Code::kUnsupported,
                          "the index was made with other models of retrieval than [retrieval] of "
                          "cairn.toml names",
                          "run `cairn up`, or name the former models again");
    }
    state_->models = std::move(models);
    state_->dense.reset();
    return {};
}

Result<BuildReport> Index::build(std::span<const text::Document> documents,
                                 const TextBlobs& text_blobs) {
    Database& database = *state_->database;
    BuildReport report;
    report.documents = static_cast<int>(documents.size());
    Transaction transaction = CAIRN_TRY(Transaction::begin(database));
    std::map<std::string, std::string> before = CAIRN_TRY(indexed_digests(database));
    std::map<std::string, std::string> now;
    for (const text::Document& document : documents) {
        const std::string digest = document_digest(document);
        if (!now.emplace(document.id, digest).second) {
            return make_error(Code::kInvalid, "two documents with the id " + document.id + " (" +
                                                  document.path + ")");
        }
        auto known = before.find(document.id);
        if (known != before.end() && known->second == digest) {
            continue;
        }
        if (known != before.end()) {
            CAIRN_TRY(remove_document(database, document.id));
        }
        CAIRN_TRY(add_document(database, document, digest));
        ++report.documents_changed;
    }
    for (const auto& [id, digest] : before) {
        if (!now.contains(id)) {
            CAIRN_TRY(remove_document(database, id));
            ++report.documents_removed;
        }
    }
    for (const auto& [id, blob] : text_blobs) {
        CAIRN_TRY(
            database.exec("UPDATE indexed_documents SET text_blob = ?2 WHERE id = ?1", id, blob));
    }
    Sha256 hash;
    hash.field(kMethod);
    for (const auto& [id, digest] : now) {
        hash.field(id).field(digest);
    }
    const SearchModels& models = state_->models;
    if (models.any()) {
        hash.field(kDenseMethod).field(models.embedder_identity).field(models.reranker_identity);
    }
    report.digest = hash.hex();
    CAIRN_TRY(
        database.exec("INSERT OR REPLACE INTO index_state VALUES('digest', ?1)", report.digest));
    CAIRN_TRY(database.exec("INSERT OR REPLACE INTO index_state VALUES('reranker', ?1)",
                            models.reranker_identity));
    if (models.embedder != nullptr) {
        report.dense = CAIRN_TRY(store_vectors(database, models));
        const auto found = [&](const std::string& question) -> Result<std::vector<Hit>> {
            return CAIRN_TRY(gather(question, {})).hits;
        };
        report.dense.trust = CAIRN_TRY(
            measure_trust(database, *models.embedder, found, [&] { state_->dense.reset(); }));
    }
    if (models.embedder == nullptr) CAIRN_TRY(drop_vectors(database));
    state_->dense.reset();
    report.chunks = CAIRN_TRY(chunk_count());
    CAIRN_TRY(transaction.commit());
    return report;
}

Result<Retrieval> Index::gather(std::string_view question, const RetrieveOptions& options) const {
    Database& database = *state_->database;
    Retrieval out;
    const std::int64_t chunks = CAIRN_TRY(chunk_count());
    Statement frequency =
        CAIRN_TRY(database.prepare("SELECT doc FROM chunks_terms WHERE term = ?1"));
    Status failed;
    out.terms = weigh_query(question, chunks, [&](const std::string& term) -> std::int64_t {
        Status bound = frequency.bind(term);
        Result<bool> row = bound ? frequency.step() : Result<bool>(bound.error());
        if (!row) {
            failed = row.error();
        }
        const std::int64_t count = row && *row ? frequency.integer(0) : 0;
        frequency.reset();
        return count;
    });
    CAIRN_TRY(failed);
    if (!out.terms.empty()) {
        out.hits = CAIRN_TRY(find_by_words(database, question, out.terms, options));
    }
    if (state_->models.any()) {
        if (state_->dense == nullptr) {
            state_->dense = CAIRN_TRY(DenseSearch::open(database, state_->models));
        }
        const auto read = [&](std::int64_t chunk_id) -> Result<Hit> {
            Statement row = CAIRN_TRY(database.query(kChunkSql, chunk_id));
            CAIRN_TRY(row.step());
            Hit hit = read_hit(row, out.terms, question);
            hit.words = words_without_rank(hit);
            return hit;
        };
        CAIRN_TRY(state_->dense->gather(question, options, read, out.hits));
    }
    return out;
}

Result<Retrieval> Index::retrieve(std::string_view question, const RetrieveOptions& options) const {
    Retrieval out = CAIRN_TRY(gather(question, options));
    if (state_->dense != nullptr) CAIRN_TRY(state_->dense->order(question, options, out.hits));
    if (out.hits.size() > static_cast<std::size_t>(options.k)) {
        out.hits.resize(static_cast<std::size_t>(options.k));
    }
    return out;
}

Result<std::string> Index::digest() const {
    Statement rows =
        CAIRN_TRY(state_->database->query("SELECT value FROM index_state WHERE key = 'digest'"));
    return CAIRN_TRY(rows.step()) ? rows.text(0) : std::string();
}

Result<std::string> Index::text_blob(std::string_view document_id) const {
    Statement rows = CAIRN_TRY(state_->database->query(
        "SELECT text_blob FROM indexed_documents WHERE id = ?1", document_id));
    if (!CAIRN_TRY(rows.step())) {
        return make_error(Code::kNotFound,
                          "no document '" + std::string(document_id) + "' in this index");
    }
    return rows.text(0);
}

Result<int> Index::chunk_count() const {
    Statement rows = CAIRN_TRY(state_->database->query("SELECT count(*) FROM chunks"));
    CAIRN_TRY(rows.step());
    return static_cast<int>(rows.integer(0));
}

}  // namespace cairn::knowledge
