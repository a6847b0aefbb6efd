// SPDX-License-Identifier: Apache-2.0
// The walk over one folder: list, compare with the table, read what changed in parallel batches,
// commit each batch before it is reported. Results are kept by index, so threads change nothing.
#include "cairn/data/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/base/thread_pool.h"
#include "cairn/data/reader.h"
#include "cairn/text/segment.h"
#include "cairn/text/utf8.h"
#include "document_json.h"
#include "document_rows.h"

namespace cairn::data {
namespace {

/// Raised whenever a reader changes what it extracts: files are then read again.
constexpr int kReadersVersion = 2;
constexpr std::size_t kBatchFiles = 32;

const std::vector<std::string> kAlwaysSkipped = {".git",         ".cairn",    ".svn",
                                                 "node_modules", ".DS_Store", "Thumbs.db"};

Result<std::vector<FileEntry>> source_files(const SourceConfig& source) {
    std::vector<std::string> skip = kAlwaysSkipped;
    skip.insert(skip.end(), source.skip.begin(), source.skip.end());
    return list_files(source.folder, skip);
}

using KnownRows = std::map<std::string, StoredRow>;

/// What became of one file in this run.
struct FileOutcome {
    DocumentRow row;
    std::int64_t bytes_read = 0;
    Status fatal;  ///< the store could not keep the text: the whole run stops
};

DocumentRow row_of(const SourceConfig& source, const FileEntry& entry) {
    DocumentRow row;
    row.source = source.name;
    row.path = entry.relative;
    row.id = document_id(source.name, entry.relative);
    row.size = static_cast<std::int64_t>(entry.size);
    row.modified_ns = entry.modified_ns;
    return row;
}

void set_error(DocumentRow& row, const Error& error) {
    row.state = error.code == Code::kUnsupported ? "skipped" : "failed";
    row.reason = error.to_string();
}

Error larger_than_limit(std::uint64_t size) {
    return make_error(Code::kTooLarge,
                      fmt::format("the file ({}) is larger than the limit {} MiB",
                                  human_bytes(static_cast<double>(size)),
                                  limits::kDocumentFileBytesMax / limits::kMiB),
                      "split the file");
}

/// Reads the text of a file whose bytes are at hand and keeps it as a blob.
Status extract(store::Store& store, std::string_view bytes, DocumentRow& row) {
    Result<ReadOutcome> read = read_document({row.source, row.path, bytes});
    if (!read) {
        row.media_type = detect_media_type(row.path, bytes);
        set_error(row, read.error());
        // Not the file's fault: a later run tries again.
        if (read.error().code == Code::kUnavailable || read.error().code == Code::kExhausted) {
            row.file_digest.clear();
        }
        return {};
    }
    const text::Document& document = read->document;
    row.text_digest = CAIRN_TRY(store.blobs().put(document_to_json(document)));
    row.state = "done";
    row.reason = read->note;
    row.media_type = document.media_type;
    row.title = document.title;
    row.language = document.language;
    row.encoding = document.encoding;
    row.words = static_cast<std::int64_t>(text::words(document.text).size());
    row.characters = static_cast<std::int64_t>(text::count_code_points(document.text));
    row.pages = static_cast<std::int64_t>(document.page_starts.size());
    return {};
}

FileOutcome process(store::Store& store, const SourceConfig& source, const FileEntry& entry,
                    const StoredRow* known) {
    FileOutcome outcome;
    DocumentRow& row = outcome.row;
    row = row_of(source, entry);
    if (!entry.problem.empty()) {
        set_error(row, make_error(Code::kIo, entry.problem));
        return outcome;
    }
    if (entry.size > limits::kDocumentFileBytesMax) {
        set_error(row, larger_than_limit(entry.size));
        return outcome;
    }
    Result<std::string> bytes = read_file(entry.path, limits::kDocumentFileBytesMax);
    if (!bytes) {
        set_error(row, bytes.error());
        return outcome;
    }
    outcome.bytes_read = static_cast<std::int64_t>(bytes->size());
    row.file_digest = sha256_hex(*bytes);
    // Same bytes, other time stamp: what was read stays.
    if (known != nullptr && known->row.file_digest == row.file_digest &&
        known->readers == kReadersVersion && known->row.state != "removed") {
        std::int64_t modified_ns = row.modified_ns;
        row = known->row;
        row.modified_ns = modified_ns;
        return outcome;
    }
    outcome.fatal = extract(store, *bytes, row);
    return outcome;
}

/// True when the table already tells what this file is.
bool is_unchanged(store::Store& store, const FileEntry& entry, const StoredRow& known) {
    const DocumentRow& row = known.row;
    bool same = known.readers == kReadersVersion && entry.problem.empty() &&
                row.size == static_cast<std::int64_t>(entry.size) &&
                row.modified_ns == entry.modified_ns;
    if (!same || row.state == "removed") {
        return false;
    }
    // Failures are tried again unless the file itself is at fault and was read.
    if (row.state == "failed") {
        return !row.file_digest.empty() || entry.size > limits::kDocumentFileBytesMax;
    }
    return row.state == "skipped" || store.blobs().has(row.text_digest);
}

class IngestRun {
  public:
    IngestRun(store::Store& store, const SourceConfig& source, const IngestOptions& options,
              const ProgressSink& progress)
        : store_(store), source_(source), pool_(options.threads), sink_(progress) {}

    Result<IngestSummary> run() {
        double start = now_seconds();
        CAIRN_TRY(migrate_data(store_));
        entries_ = CAIRN_TRY(source_files(source_));
        if (entries_.size() > static_cast<std::size_t>(limits::kDocumentsMax)) {
            return make_error(
                Code::kTooLarge,
                fmt::format("{} files, the limit is {}", entries_.size(), limits::kDocumentsMax),
                "make several sources of it");
        }
        known_ = CAIRN_TRY(stored_rows(store_, source_.name));
        select();
        CAIRN_TRY(read_all());
        CAIRN_TRY(mark_missing());
        return finish(start);
    }

  private:
    void select() {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            auto known = known_.find(entries_[i].relative);
            if (known != known_.end() && is_unchanged(store_, entries_[i], known->second)) {
                ++summary_.unchanged;
            } else {
                todo_.push_back(i);
            }
        }
    }

    Status read_all() {
        Progress progress(sink_, "ingest", static_cast<std::int64_t>(todo_.size()), "files");
        for (std::size_t begin = 0; begin < todo_.size(); begin += kBatchFiles) {
            if (interrupted()) {
                return make_error(Code::kCancelled, "ingest was stopped",
                                  "run it again: it goes on where it stopped");
            }
            std::size_t end = std::min(todo_.size(), begin + kBatchFiles);
            Status batch = read_batch(begin, end);
            if (!batch) {
                return batch.error().with_context(fmt::format(
                    "ingest stopped after {} of {} files, which are kept", begin, todo_.size()));
            }
            progress.advance(static_cast<std::int64_t>(end - begin),
                             entries_[todo_[end - 1]].relative);
        }
        progress.finish();
        return {};
    }

    Status read_batch(std::size_t begin, std::size_t end) {
        std::vector<FileOutcome> outcomes(end - begin);
        pool_.parallel_for(end - begin, 1, [&](std::size_t first, std::size_t last) {
            for (std::size_t i = first; i < last; ++i) {
                const FileEntry& entry = entries_[todo_[begin + i]];
                auto known = known_.find(entry.relative);
                outcomes[i] = process(store_, source_, entry,
                                      known == known_.end() ? nullptr : &known->second);
            }
        });
        store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(store_.database()));
        for (const FileOutcome& outcome : outcomes) {
            CAIRN_TRY(outcome.fatal);
            CAIRN_TRY(put_row(store_, {outcome.row, kReadersVersion}));
            summary_.bytes_read += outcome.bytes_read;
        }
        return transaction.commit();
    }

    /// Rows without a file: removed, or below a folder that could not be opened this time.
    Status mark_missing() {
        std::vector<std::string> closed_folders;
        std::map<std::string, bool> present;
        for (const FileEntry& entry : entries_) {
            present[entry.relative] = true;
            if (!entry.problem.empty()) {
                closed_folders.push_back(entry.relative + "/");
            }
        }
        store::Transaction transaction = CAIRN_TRY(store::Transaction::begin(store_.database()));
        for (auto& [path, stored] : known_) {
            if (present.count(path) > 0 || stored.row.state == "removed") {
                continue;
            }
            bool hidden = std::any_of(closed_folders.begin(), closed_folders.end(),
                                      [&path = path](const std::string& folder) {
                                          return folder == "./" || path.starts_with(folder);
                                      });
            stored.row.state = hidden ? "failed" : "removed";
            stored.row.reason = hidden ? "its folder cannot be read" : "the file is gone";
            stored.row.file_digest.clear();
            stored.row.text_digest.clear();
            CAIRN_TRY(put_row(store_, stored));
            summary_.removed += hidden ? 0 : 1;
        }
        return transaction.commit();
    }

    Result<IngestSummary> finish(double start) {
        std::vector<DocumentRow> rows = CAIRN_TRY(list_documents(store_, {source_.name}));
        for (const DocumentRow& row : rows) {
            summary_.done += row.state == "done" ? 1 : 0;
            summary_.skipped += row.state == "skipped" ? 1 : 0;
            summary_.failed += row.state == "failed" ? 1 : 0;
        }
        summary_.files = static_cast<std::int64_t>(entries_.size());
        summary_.corpus_digest = CAIRN_TRY(corpus_digest(store_, {source_.name}));
        summary_.seconds = now_seconds() - start;
        return summary_;
    }

    store::Store& store_;
    const SourceConfig& source_;
    ThreadPool pool_;
    const ProgressSink& sink_;
    std::vector<FileEntry> entries_;
    KnownRows known_;
    std::vector<std::size_t> todo_;
    IngestSummary summary_;
};

}  // namespace

Result<IngestSummary> ingest(store::Store& store, const SourceConfig& source,
                             const IngestOptions& options, const ProgressSink& progress) {
    return IngestRun(store, source, options, progress).run();
}

Result<std::string> source_fingerprint(const SourceConfig& source) {
    Sha256 hash;
    hash.field(std::to_string(kReadersVersion));
    for (const FileEntry& file : CAIRN_TRY(source_files(source))) {
        hash.field(file.relative).field(std::to_string(file.size));
        hash.field(std::to_string(file.modified_ns)).field(file.problem);
    }
    return hash.hex();
}

}  // namespace cairn::data
