// SPDX-License-Identifier: Apache-2.0
// Reads and writes the table `documents`, and loads documents from their blobs.
#include "document_rows.h"

#include <algorithm>

#include "cairn/base/hash.h"
#include "document_json.h"

namespace cairn::data {
namespace {

constexpr std::string_view kColumns =
    "source, path, id, state, reason, media_type, title, language, encoding, size, modified_ns, "
    "file_digest, text_digest, words, pages, readers, characters";

StoredRow read_row(const store::Statement& row) {
    StoredRow stored;
    DocumentRow& document = stored.row;
    document.source = row.text(0);
    document.path = row.text(1);
    document.id = row.text(2);
    document.state = row.text(3);
    document.reason = row.text(4);
    document.media_type = row.text(5);
    document.title = row.text(6);
    document.language = row.text(7);
    document.encoding = row.text(8);
    document.size = row.integer(9);
    document.modified_ns = row.integer(10);
    document.file_digest = row.text(11);
    document.text_digest = row.text(12);
    document.words = row.integer(13);
    document.pages = row.integer(14);
    stored.readers = static_cast<int>(row.integer(15));
    document.characters = row.integer(16);
    return stored;
}

bool is_wanted(const std::vector<std::string>& sources, const std::string& source) {
    return sources.empty() || std::find(sources.begin(), sources.end(), source) != sources.end();
}

Result<text::Document> load(store::Store& store, const DocumentRow& row) {
    text::Document document;
    document.id = row.id;
    document.source = row.source;
    document.path = row.path;
    document.file_digest = row.file_digest;
    document.file_bytes = row.size;
    std::string json = CAIRN_TRY(store.blobs().get(row.text_digest));
    Status read = document_from_json(json, document);
    if (!read) {
        return read.error().with_context(row.path);
    }
    return document;
}

}  // namespace

Result<std::map<std::string, StoredRow>> stored_rows(store::Store& store,
                                                     const std::string& source) {
    std::map<std::string, StoredRow> rows;
    store::Statement query = CAIRN_TRY(store.database().query(
        "SELECT " + std::string(kColumns) + " FROM documents WHERE source = ?1", source));
    while (CAIRN_TRY(query.step())) {
        StoredRow stored = read_row(query);
        rows.emplace(stored.row.path, std::move(stored));
    }
    return rows;
}

Status put_row(store::Store& store, const StoredRow& stored) {
    const DocumentRow& row = stored.row;
    return store.database().exec(
        "INSERT OR REPLACE INTO documents (" + std::string(kColumns) +
            ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
        row.source, row.path, row.id, row.state, row.reason, row.media_type, row.title,
        row.language, row.encoding, row.size, row.modified_ns, row.file_digest, row.text_digest,
        row.words, row.pages, stored.readers, row.characters);
}

Result<std::vector<DocumentRow>> list_documents(store::Store& store,
                                                const std::vector<std::string>& sources) {
    CAIRN_TRY(migrate_data(store));
    std::vector<DocumentRow> rows;
    store::Statement query = CAIRN_TRY(store.database().query(
        "SELECT " + std::string(kColumns) + " FROM documents ORDER BY source, path"));
    while (CAIRN_TRY(query.step())) {
        DocumentRow row = read_row(query).row;
        if (is_wanted(sources, row.source)) {
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

Result<std::vector<text::Document>> load_documents(store::Store& store,
                                                   const std::vector<std::string>& sources) {
    std::vector<text::Document> documents;
    for (const DocumentRow& row : CAIRN_TRY(list_documents(store, sources))) {
        if (row.state == "done") {
            documents.push_back(CAIRN_TRY(load(store, row)));
        }
    }
    return documents;
}

Result<text::Document> load_document(store::Store& store, std::string_view id) {
    CAIRN_TRY(migrate_data(store));
    store::Statement query = CAIRN_TRY(store.database().query(
        "SELECT " + std::string(kColumns) + " FROM documents WHERE id = ?1 AND state = 'done'",
        id));
    if (!CAIRN_TRY(query.step())) {
        return make_error(Code::kNotFound, "no document '" + std::string(id) + "'");
    }
    return load(store, read_row(query).row);
}

Result<std::string> corpus_digest(store::Store& store, const std::vector<std::string>& sources) {
    Sha256 digest;
    for (const DocumentRow& row : CAIRN_TRY(list_documents(store, sources))) {
        if (row.state == "done") {
            digest.field(row.source).field(row.path).field(row.text_digest);
        }
    }
    return digest.hex();
}

}  // namespace cairn::data
