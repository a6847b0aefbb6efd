// SPDX-License-Identifier: Apache-2.0
// Opens the folder .cairn and owns the store's own tables: runs, run_inputs, meta.
#include "cairn/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cairn/base/files.h"

namespace cairn::store {
namespace {

// The numbers in `state` are those of RunState.
constexpr std::array<Migration, 1> kMigrations{{
    {1, R"sql(
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            step TEXT NOT NULL,
            scenario TEXT NOT NULL,
            state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
            input_digest TEXT NOT NULL,
            output_digest TEXT NOT NULL DEFAULT '',
            parameters TEXT NOT NULL,
            report_digest TEXT NOT NULL DEFAULT '',
            started_ms INTEGER NOT NULL,
            finished_ms INTEGER NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE INDEX runs_by_step ON runs (step, scenario, state, id);
        CREATE TABLE run_inputs (
            run_id INTEGER NOT NULL REFERENCES runs (id),
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            PRIMARY KEY (run_id, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    )sql"},
}};

}  // namespace

WorkspaceLock::WorkspaceLock(WorkspaceLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

WorkspaceLock::~WorkspaceLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Store::Store(std::filesystem::path folder, Database database)
    : folder_(std::move(folder)), database_(std::move(database)), blobs_(folder_ / "blobs") {}

Result<Store> Store::open(const std::filesystem::path& root) {
    const std::filesystem::path folder = root / ".cairn";
    CAIRN_TRY(make_folders(folder));
    Database database = CAIRN_TRY(Database::open(folder / "cairn.db"));
    CAIRN_TRY(migrate(database, "store", kMigrations));
    return Store(folder, std::move(database));
}

Result<Database> Store::connect() const {
    return Database::open(folder_ / "cairn.db");
}

Result<WorkspaceLock> Store::lock() const {
    const std::filesystem::path file = folder_ / "lock";
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return errno_error(file.string(), errno);
    WorkspaceLock lock(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
        sweep_temporary_files(folder_);  // what a walk left that was killed
        return lock;
    }
    if (errno != EWOULDBLOCK) return errno_error("locking " + file.string(), errno);
    return make_error(Code::kUnavailable, "another cairn process is working on this workspace",
                      "wait for it to end, or stop it");
}

Result<std::optional<std::string>> Store::meta(std::string_view key) {
    Statement rows = CAIRN_TRY(database_.query("SELECT value FROM meta WHERE key = ?1", key));
    if (!CAIRN_TRY(rows.step())) return std::optional<std::string>();
    return std::optional<std::string>(rows.text(0));
}

Status Store::set_meta(std::string_view key, std::string_view value) {
    return database_.exec(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key, value);
}

}  // namespace cairn::store
