// SPDX-License-Identifier: Apache-2.0
// Migrations per room. The table schema_version keeps one row for each applied step with the digest
// of its SQL, so that an edited step is found before it does harm.
#include <fmt/format.h>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/store/database.h"

namespace cairn::store {
namespace {

Status check_applied(std::string_view room, int version, std::string_view digest,
                     std::span<const Migration> migrations) {
    if (version > static_cast<int>(migrations.size())) {
        return make_error(
            Code::kUnsupported,
            fmt::format("expected the tables of '{}' at version {} or older, found {}", room,
                        migrations.size(), version),
            "this workspace was used by a newer cairn: use that version or restore a "
            "backup");
    }
    const Migration& own = migrations[static_cast<std::size_t>(version) - 1];
    if (sha256_hex(own.sql) == digest) return {};
    return make_error(
        Code::kInternal,
        fmt::format("migration {} of '{}' was edited after it had been applied", version, room),
        "add a new migration instead; in development, delete the folder .cairn");
}

Result<int> applied_version(Database& database, std::string_view room,
                            std::span<const Migration> migrations) {
    int newest = 0;
    Statement rows = CAIRN_TRY(database.query(
        "SELECT version, digest FROM schema_version WHERE room = ?1 ORDER BY version DESC", room));
    while (CAIRN_TRY(rows.step())) {
        const int version = static_cast<int>(rows.integer(0));
        CAIRN_TRY(check_applied(room, version, rows.view(1), migrations));
        newest = std::max(newest, version);
    }
    return newest;
}

/// The version is read again under the write lock: two processes may open a new workspace at once.
Status apply_next(Database& database, std::string_view room,
                  std::span<const Migration> migrations) {
    Transaction transaction = CAIRN_TRY(Transaction::begin(database));
    const int done = CAIRN_TRY(applied_version(database, room, migrations));
    if (done < static_cast<int>(migrations.size())) {
        const Migration& step = migrations[static_cast<std::size_t>(done)];
        const Status applied = database.script(step.sql);
        if (!applied) {
            return applied.error().with_context(
                fmt::format("migration {} of '{}'", step.version, room));
        }
        CAIRN_TRY(database.exec("INSERT INTO schema_version VALUES (?1, ?2, ?3, ?4)", room,
                                step.version, sha256_hex(step.sql), utc_ms()));
    }
    return transaction.commit();
}

}  // namespace

Status migrate(Database& database, std::string_view room, std::span<const Migration> migrations) {
    for (std::size_t i = 0; i < migrations.size(); ++i) {
        CAIRN_ASSERT(migrations[i].version == static_cast<int>(i) + 1);
    }
    CAIRN_TRY(database.script(
        "CREATE TABLE IF NOT EXISTS schema_version (room TEXT NOT NULL, version INTEGER "
        "NOT NULL, digest TEXT NOT NULL, applied_ms INTEGER NOT NULL, "
        "PRIMARY KEY (room, version)) STRICT, WITHOUT ROWID"));
    while (CAIRN_TRY(applied_version(database, room, migrations)) <
           static_cast<int>(migrations.size())) {
        CAIRN_TRY(apply_next(database, room, migrations));
    }
    return {};
}

}  // namespace cairn::store
