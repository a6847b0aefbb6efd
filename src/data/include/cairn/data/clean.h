// SPDX-License-Identifier: Apache-2.0
// Cleaning as a pure function: documents in, documents and a list of every change out. Each change
// has its place in the original, a reason, and can be reverted; each place in a cleaned text leads
// back to the original.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/data/personal_data.h"
#include "cairn/store/store.h"
#include "cairn/text/document.h"

namespace cairn::data {

struct CleanOptions {
    bool unicode = true;
    bool boilerplate = true;
    bool duplicates = true;          ///< exact, near, old versions
    bool personal_data = true;       ///< e-mail, phone, IBAN, card, resident number, IP, secrets
    PublicContacts contacts;         ///< what stays of it
    bool names = false;              ///< names of persons too, see person_names.h
    std::set<std::string> reverted;  ///< change ids that are not made (again)
};

enum class ChangeKind {
    kUnicode,         ///< normal form, control and hidden characters, double encoding
    kBoilerplate,     ///< a line that many documents repeat
    kExactDuplicate,  ///< the whole document left out
    kNearDuplicate,   ///< the whole document left out
    kOldVersion,      ///< the whole document left out: a newer one says other numbers
    kPersonalData,
    kSecret,
};
std::string_view change_kind_name(ChangeKind kind);  ///< "unicode", "boilerplate", ...

struct Change {
    std::string id;        ///< the same for the same text at the same place, run after run
    std::string document;  ///< document id
    ChangeKind kind = ChangeKind::kUnicode;
    text::Span span;            ///< in the original text; the whole text when it is left out
    std::string before_digest;  ///< sha256 of the original bytes of the span
    std::string after;          ///< what stands there now; empty: nothing
    std::string reason;
    std::string other;  ///< duplicates and versions: id of the document that stays
};

/// Steps of an edited text, to find a cleaned place in the original.
struct OffsetMap {
    struct Step {
        text::Span clean;
        text::Span original;
        bool operator==(const Step&) const = default;
    };
    std::vector<Step> steps;  ///< the edits, in order; between them both texts run in parallel

    text::Span to_original(text::Span clean) const;
    std::int64_t to_clean(std::int64_t original) const;
};

/// The same sentence with other numbers in two documents.
struct Contradiction {
    std::string document_a;
    text::Span span_a;  ///< in the original text
    std::string document_b;
    text::Span span_b;
};

struct CleanDocument {
    text::Document document;  ///< spans of sections and pages fit the cleaned text
    OffsetMap map;
};

struct Pseudonym {
    std::string name;  ///< "[EMAIL_1]"
    std::string kind;
    std::string value;  ///< as it was first written
};

struct CleanResult {
    std::vector<CleanDocument> documents;  ///< those that stay, in the order given
    std::vector<Change> changes;           ///< by document in the order given, then by place
    std::vector<Contradiction> contradictions;
    std::vector<Pseudonym> pseudonyms;
    std::string digest;  ///< of the documents that stay
};

/// `modified_ns`: last change of each file, used only when names and texts tell no date; may be
/// empty. Documents of different sources are never compared.
CleanResult clean(const std::vector<text::Document>& documents,
                  const std::vector<std::int64_t>& modified_ns, const CleanOptions& options);

// --- in the store ---

/// A contradiction as people read it.
struct ContradictionRow {
    std::string path_a;
    std::string sentence_a;
    std::string path_b;
    std::string sentence_b;
    bool open = true;  ///< false: one of the two was left out as the older version
};

struct CleanSummary {
    std::int64_t documents_in = 0;
    std::int64_t documents_out = 0;
    std::int64_t changes = 0;
    std::vector<std::pair<std::string, std::int64_t>> changes_by_kind;
    std::vector<ContradictionRow> contradictions;
    std::string digest;
};

/// Cleans the ingested documents of the sources and replaces the stored result in one transaction.
/// Changes that were reverted stay reverted.
Result<CleanSummary> clean_sources(store::Store& store, const std::vector<std::string>& sources,
                                   const CleanOptions& options, const ProgressSink& progress);

/// The cleaned documents (empty sources: all). Errors: kNotFound before the first cleaning.
Result<std::vector<text::Document>> load_clean_documents(
    store::Store& store, const std::vector<std::string>& sources = {});

/// One cleaned document. Errors: kNotFound when it is unknown or was left out.
Result<text::Document> load_clean_document(store::Store& store, std::string_view id);

/// Document id -> digest of the blob that holds its cleaned text, for all cleaned documents.
Result<std::map<std::string, std::string>> clean_text_blobs(store::Store& store);

/// A cleaned document as it was when its text was that blob. Errors: kNotFound.
Result<text::Document> load_clean_document_at(store::Store& store, std::string_view id,
                                              std::string_view blob);

/// Where a place of a cleaned text stands in the text as it was read.
Result<text::Span> original_span(store::Store& store, std::string_view document,
                                 text::Span clean_span);

struct ChangeRow {
    Change change;
    std::string path;
    bool reverted = false;
};
/// Newest state of all changes of a document (empty: of all documents).
Result<std::vector<ChangeRow>> list_changes(store::Store& store, std::string_view document = {});

/// Takes a change back (or makes it again): recorded, and applied by the next clean_sources.
/// Errors: kNotFound.
Status set_reverted(store::Store& store, std::string_view change_id, bool reverted);

}  // namespace cairn::data
