// SPDX-License-Identifier: Apache-2.0
// The workspace's memory: ROOT/.cairn with the database cairn.db and the blobs. Rooms above keep
// their own tables in the same database, each with its own migrations.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/store/blobs.h"
#include "cairn/store/database.h"
#include "cairn/store/runs.h"

namespace cairn::store {

/// Held while a process changes the workspace; the system releases it when the process ends,
/// however it ends.
class WorkspaceLock {
  public:
    explicit WorkspaceLock(int descriptor) : descriptor_(descriptor) {}
    WorkspaceLock(WorkspaceLock&& other) noexcept;
    WorkspaceLock& operator=(WorkspaceLock&&) = delete;
    ~WorkspaceLock();

  private:
    int descriptor_;
};

class Store {
  public:
    /// Opens or creates ROOT/.cairn and brings the store's own tables up to date.
    static Result<Store> open(const std::filesystem::path& root);

    Database& database() { return database_; }
    BlobStore& blobs() { return blobs_; }
    /// ROOT/.cairn
    const std::filesystem::path& folder() const { return folder_; }
    /// A second connection, for another thread.
    Result<Database> connect() const;
    /// Errors: kUnavailable when another process holds it.
    Result<WorkspaceLock> lock() const;

    Result<std::optional<std::string>> meta(std::string_view key);
    Status set_meta(std::string_view key, std::string_view value);

  private:
    Store(std::filesystem::path folder, Database database);
    std::filesystem::path folder_;
    Database database_;
    BlobStore blobs_;
};

}  // namespace cairn::store
