// SPDX-License-Identifier: Apache-2.0
// Reads the folders of a workspace into the store: every file ends as done, skipped or failed with
// its reason, unchanged files are not read again, and what was reported done survives kill -9.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/store/store.h"
#include "cairn/text/document.h"

namespace cairn::data {

struct SourceConfig {
    std::string name;
    std::filesystem::path folder;
    std::vector<std::string> skip;  ///< file and folder names besides the usual ones (.git, ...)
};

struct IngestOptions {
    int threads = 0;  ///< <= 0: one per core; the result does not depend on it
};

struct IngestSummary {
    std::int64_t files = 0;  ///< in the folder now
    std::int64_t done = 0;
    std::int64_t skipped = 0;
    std::int64_t failed = 0;
    std::int64_t unchanged = 0;  ///< of the files: known from an earlier run, not read again
    std::int64_t removed = 0;    ///< gone since an earlier run
    std::int64_t bytes_read = 0;
    double seconds = 0;
    std::string corpus_digest;  ///< of this source
};

/// Errors: kNotFound and kDenied for the folder itself, kExhausted for a full disk (what was
/// committed stays; run again), kCancelled on Ctrl-C.
Result<IngestSummary> ingest(store::Store& store, const SourceConfig& source,
                             const IngestOptions& options, const ProgressSink& progress);

/// Changes when a file of the folder is added, removed or touched, or when the readers change: what
/// decides whether there is anything to ingest. Reads no file.
Result<std::string> source_fingerprint(const SourceConfig& source);

/// One row of the table `documents`: a file and what became of it.
struct DocumentRow {
    std::string id;
    std::string source;
    std::string path;
    std::string state;   ///< "done", "skipped", "failed", "removed"
    std::string reason;  ///< why it was skipped or has failed; a note when done
    std::string media_type;
    std::string title;
    std::string language;
    std::string encoding;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::string file_digest;
    std::string text_digest;  ///< blob with text and sections
    std::int64_t words = 0;
    std::int64_t characters = 0;
    std::int64_t pages = 0;
};

/// All rows of the sources (empty: of all), in order of source and path.
Result<std::vector<DocumentRow>> list_documents(store::Store& store,
                                                const std::vector<std::string>& sources = {});

/// The done documents of the sources (empty: of all) with their texts, in the same order.
Result<std::vector<text::Document>> load_documents(store::Store& store,
                                                   const std::vector<std::string>& sources = {});

/// One done document as it was read. Errors: kNotFound.
Result<text::Document> load_document(store::Store& store, std::string_view id);

/// Digest over the sorted (source, path, text digest) of the done documents: changes exactly when a
/// text, a name or the set of documents changes.
Result<std::string> corpus_digest(store::Store& store,
                                  const std::vector<std::string>& sources = {});

/// Brings the tables of this room up to date; every function above does it on its own.
Status migrate_data(store::Store& store);

}  // namespace cairn::data
