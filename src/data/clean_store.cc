// SPDX-License-Identifier: Apache-2.0
// Keeps the result of cleaning: texts and offset maps as blobs, changes as rows. The originals stay
// as ingest stored them, so every change can be taken back.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/data/clean.h"
#include "cairn/data/ingest.h"
#include "cairn/text/json.h"
#include "document_json.h"

namespace cairn::data {
namespace {

using Json = nlohmann::json;

constexpr std::array kKinds = {ChangeKind::kUnicode,        ChangeKind::kBoilerplate,
                               ChangeKind::kExactDuplicate, ChangeKind::kNearDuplicate,
                               ChangeKind::kOldVersion,     ChangeKind::kPersonalData,
                               ChangeKind::kSecret};

std::string map_to_json(const OffsetMap& map) {
    Json steps = Json::array();
    for (const OffsetMap::Step& step : map.steps) {
        steps.push_back({step.clean.begin, step.clean.end, step.original.begin, step.original.end});
    }
    return text::dump_json(steps);
}

Result<OffsetMap> map_from_json(std::string_view json) {
    Json steps = CAIRN_TRY(text::parse_json(json));
    OffsetMap map;
    for (const Json& step : steps) {
        bool numbers = step.is_array() && step.size() == 4 &&
                       std::all_of(step.begin(), step.end(),
                                   [](const Json& number) { return number.is_number_integer(); });
        if (!numbers) {
            return make_error(Code::kInvalid, "a stored offset map is malformed", "clean again");
        }
        map.steps.push_back({{step[0].get<std::int64_t>(), step[1].get<std::int64_t>()},
                             {step[2].get<std::int64_t>(), step[3].get<std::int64_t>()}});
    }
    return map;
}

ChangeKind kind_of(std::string_view name) {
    auto found = std::find_if(kKinds.begin(), kKinds.end(),
                              [name](ChangeKind kind) { return change_kind_name(kind) == name; });
    return found == kKinds.end() ? ChangeKind::kUnicode : *found;
}

Result<std::set<std::string>> reverted_ids(store::Store& store) {
    std::set<std::string> ids;
    store::Statement query = CAIRN_TRY(store.database().query("SELECT id FROM reverted_changes"));
    while (CAIRN_TRY(query.step())) {
        ids.insert(query.text(0));
    }
    return ids;
}

struct Corpus {
    std::vector<text::Document> documents;
    std::vector<std::int64_t> modified_ns;
};

Result<Corpus> load_corpus(store::Store& store, const std::vector<std::string>& sources) {
    Corpus corpus;
    for (const DocumentRow& row : CAIRN_TRY(list_documents(store, sources))) {
        if (row.state == "done") {
            corpus.modified_ns.push_back(row.modified_ns);
        }
    }
    corpus.documents = CAIRN_TRY(load_documents(store, sources));
    return corpus;
}

Status put_documents(store::Store& store, const CleanResult& result) {
    for (const CleanDocument& clean : result.documents) {
        const text::Document& document = clean.document;
        std::string text_digest = CAIRN_TRY(store.blobs().put(document_to_json(document)));
        std::string map_digest = CAIRN_TRY(store.blobs().put(map_to_json(clean.map)));
        CAIRN_TRY(store.database().exec(
            "INSERT OR REPLACE INTO clean_documents VALUES (?1,?2,?3,?4,?5)", document.id,
            document.source, document.path, text_digest, map_digest));
    }
    return {};
}

Status put_changes(store::Store& store, const Corpus& corpus, const CleanResult& result) {
    std::map<std::string, const text::Document*> by_id;
    for (const text::Document& document : corpus.documents) {
        by_id[document.id] = &document;
    }
    store::Statement insert = CAIRN_TRY(store.database().prepare(
        "INSERT INTO changes VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"));
    std::int64_t position = 0;
    for (const Change& change : result.changes) {
        const text::Document& document = *by_id[change.document];
        CAIRN_TRY(insert.bind(document.source, position++, change.id, change.document,
                              document.path, change_kind_name(change.kind), change.span.begin,
                              change.span.end, change.before_digest, change.after, change.reason,
                              change.other));
        CAIRN_TRY(insert.run());
    }
    return {};
}

Status replace_result(store::Store& store, const Corpus& corpus, const CleanResult& result,
                      const std::vector<std::string>& sources) {
    store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(store.database()));
    for (const std::string& source : sources) {
        CAIRN_TRY(store.database().exec("DELETE FROM clean_documents WHERE source = ?1", source));
        CAIRN_TRY(store.database().exec("DELETE FROM changes WHERE source = ?1", source));
        CAIRN_TRY(
            store.database().exec("INSERT OR REPLACE INTO cleaned_sources VALUES (?1)", source));
    }
    CAIRN_TRY(put_documents(store, result));
    CAIRN_TRY(put_changes(store, corpus, result));
    CAIRN_TRY(store.database().exec("DELETE FROM pseudonyms"));
    for (const Pseudonym& pseudonym : result.pseudonyms) {
        CAIRN_TRY(store.database().exec("INSERT INTO pseudonyms VALUES (?1,?2,?3)", pseudonym.name,
                                        pseudonym.kind, pseudonym.value));
    }
    return transaction.commit();
}

constexpr std::string_view kSelectClean =
    "SELECT c.id, c.source, c.path, c.text_digest, d.file_digest, d.size FROM clean_documents c "
    "JOIN documents d ON d.id = c.id WHERE d.state = 'done'";

Result<text::Document> read_clean(store::Store& store, const store::Statement& row) {
    text::Document document;
    document.id = row.text(0);
    document.source = row.text(1);
    document.path = row.text(2);
    document.file_digest = row.text(4);
    document.file_bytes = row.integer(5);
    std::string json = CAIRN_TRY(store.blobs().get(row.view(3)));
    CAIRN_TRY(document_from_json(json, document));
    return document;
}

std::vector<ContradictionRow> readable(const Corpus& corpus, const CleanResult& result) {
    std::map<std::string_view, const text::Document*> by_id;
    for (const text::Document& document : corpus.documents) {
        by_id[document.id] = &document;
    }
    std::set<std::string_view> stays;
    for (const CleanDocument& clean : result.documents) {
        stays.insert(clean.document.id);
    }
    std::vector<ContradictionRow> rows;
    for (const Contradiction& one : result.contradictions) {
        const text::Document& a = *by_id.at(one.document_a);
        const text::Document& b = *by_id.at(one.document_b);
        rows.push_back({a.path, std::string(one.span_a.of(a.text)), b.path,
                        std::string(one.span_b.of(b.text)),
                        stays.contains(a.id) && stays.contains(b.id)});
    }
    return rows;
}

CleanSummary summarise(const Corpus& corpus, const CleanResult& result) {
    CleanSummary summary;
    summary.documents_in = static_cast<std::int64_t>(corpus.documents.size());
    summary.documents_out = static_cast<std::int64_t>(result.documents.size());
    summary.changes = static_cast<std::int64_t>(result.changes.size());
    summary.contradictions = readable(corpus, result);
    summary.digest = result.digest;
    for (ChangeKind kind : kKinds) {
        auto count = std::count_if(result.changes.begin(), result.changes.end(),
                                   [kind](const Change& change) { return change.kind == kind; });
        summary.changes_by_kind.emplace_back(change_kind_name(kind), count);
    }
    return summary;
}

}  // namespace

Result<CleanSummary> clean_sources(store::Store& store, const std::vector<std::string>& sources,
                                   const CleanOptions& options, const ProgressSink& sink) {
    CAIRN_TRY(migrate_data(store));
    Corpus corpus = CAIRN_TRY(load_corpus(store, sources));
    auto count = static_cast<std::int64_t>(corpus.documents.size());
    Progress progress(sink, "clean", count, "documents");
    CleanOptions with_reverted = options;
    with_reverted.reverted.merge(CAIRN_TRY(reverted_ids(store)));
    CleanResult result = clean(corpus.documents, corpus.modified_ns, with_reverted);
    std::set<std::string> cleaned(sources.begin(), sources.end());
    for (const text::Document& document : corpus.documents) {
        cleaned.insert(document.source);
    }
    CAIRN_TRY(replace_result(store, corpus, result, {cleaned.begin(), cleaned.end()}));
    progress.set(count);
    progress.finish();
    return summarise(corpus, result);
}

Result<std::vector<text::Document>> load_clean_documents(store::Store& store,
                                                         const std::vector<std::string>& sources) {
    CAIRN_TRY(migrate_data(store));
    store::Statement any =
        CAIRN_TRY(store.database().query("SELECT count(*) FROM cleaned_sources"));
    if (!CAIRN_TRY(any.step()) || any.integer(0) == 0) {
        return make_error(Code::kNotFound, "no source has been cleaned yet", "run: cairn clean");
    }
    std::vector<text::Document> documents;
    store::Statement query =
        CAIRN_TRY(store.database().query(std::string(kSelectClean) + " ORDER BY c.source, c.path"));
    while (CAIRN_TRY(query.step())) {
        bool wanted = sources.empty() ||
                      std::find(sources.begin(), sources.end(), query.view(1)) != sources.end();
        if (wanted) {
            documents.push_back(CAIRN_TRY(read_clean(store, query)));
        }
    }
    return documents;
}

Result<text::Document> load_clean_document(store::Store& store, std::string_view id) {
    CAIRN_TRY(migrate_data(store));
    store::Statement query =
        CAIRN_TRY(store.database().query(std::string(kSelectClean) + " AND c.id = ?1", id));
    if (!CAIRN_TRY(query.step())) {
        return make_error(Code::kNotFound, "no cleaned document '" + std::string(id) + "'");
    }
    return read_clean(store, query);
}

Result<std::map<std::string, std::string>> clean_text_blobs(store::Store& store) {
    CAIRN_TRY(migrate_data(store));
    std::map<std::string, std::string> blobs;
    store::Statement query =
        CAIRN_TRY(store.database().query("SELECT id, text_digest FROM clean_documents"));
    while (CAIRN_TRY(query.step())) {
        blobs[query.text(0)] = query.text(1);
    }
    return blobs;
}

Result<text::Document> load_clean_document_at(store::Store& store, std::string_view id,
                                              std::string_view blob) {
    CAIRN_TRY(migrate_data(store));
    text::Document document;
    document.id = id;
    // The row stays when a file is removed; its path is the one thing the blob does not hold.
    store::Statement query =
        CAIRN_TRY(store.database().query("SELECT source, path FROM documents WHERE id = ?1", id));
    if (CAIRN_TRY(query.step())) {
        document.source = query.text(0);
        document.path = query.text(1);
    }
    const std::string json = CAIRN_TRY(store.blobs().get(blob));
    CAIRN_TRY(document_from_json(json, document));
    return document;
}

Result<text::Span> original_span(store::Store& store, std::string_view document,
                                 text::Span clean_span) {
    CAIRN_TRY(migrate_data(store));
    store::Statement query = CAIRN_TRY(
        store.database().query("SELECT map_digest FROM clean_documents WHERE id = ?1", document));
    if (!CAIRN_TRY(query.step())) {
        return make_error(Code::kNotFound, "no cleaned document '" + std::string(document) + "'");
    }
    std::string json = CAIRN_TRY(store.blobs().get(query.view(0)));
    OffsetMap map = CAIRN_TRY(map_from_json(json));
    return map.to_original(clean_span);
}

Result<std::vector<ChangeRow>> list_changes(store::Store& store, std::string_view document) {
    CAIRN_TRY(migrate_data(store));
    store::Statement query = CAIRN_TRY(store.database().query(
        "SELECT changes.id, document, path, kind, span_begin, span_end, before_digest, after, "
        "reason, other, reverted_changes.id IS NOT NULL FROM changes LEFT JOIN reverted_changes "
        "ON reverted_changes.id = changes.id WHERE ?1 = '' OR document = ?1 "
        "ORDER BY source, position",
        document));
    std::vector<ChangeRow> rows;
    while (CAIRN_TRY(query.step())) {
        ChangeRow row;
        row.change.id = query.text(0);
        row.change.document = query.text(1);
        row.path = query.text(2);
        row.change.kind = kind_of(query.view(3));
        row.change.span = {query.integer(4), query.integer(5)};
        row.change.before_digest = query.text(6);
        row.change.after = query.text(7);
        row.change.reason = query.text(8);
        row.change.other = query.text(9);
        row.reverted = query.integer(10) != 0;
        rows.push_back(std::move(row));
    }
    return rows;
}

Status set_reverted(store::Store& store, std::string_view change_id, bool reverted) {
    CAIRN_TRY(migrate_data(store));
    store::Statement query =
        CAIRN_TRY(store.database().query("SELECT 1 FROM changes WHERE id = ?1", change_id));
    if (!CAIRN_TRY(query.step())) {
        return make_error(Code::kNotFound, "no change '" + std::string(change_id) + "'",
                          "cairn clean --list shows the changes");
    }
    return store.database().exec(reverted ? "INSERT OR IGNORE INTO reverted_changes VALUES (?1)"
                                          : "DELETE FROM reverted_changes WHERE id = ?1",
                                 change_id);
}

}  // namespace cairn::data
