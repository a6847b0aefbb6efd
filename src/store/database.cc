// SPDX-License-Identifier: Apache-2.0
// The SQLite C API, wrapped once. One table maps its result codes to ours.
#include "cairn/store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace cairn::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kRetryMs = 5;
constexpr int kReadWrite = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

constexpr const char* kPragmas =
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA temp_store = MEMORY;";

struct Meaning {
    Code code;
    const char* hint;
};

Meaning meaning_of(sqlite3* database, int extended) {
    constexpr Meaning kFull{
        Code::kExhausted,
        "free some disk space and run the command again; nothing committed is lost"};
    switch (extended & 0xFF) {
        case SQLITE_FULL:
            return kFull;
        case SQLITE_IOERR: {
            const int system = sqlite3_system_errno(database);
            if (system == ENOSPC || system == EDQUOT) return kFull;
            return {Code::kIo, "check the disk"};
        }
        case SQLITE_NOMEM:
            return {Code::kExhausted, "free some memory"};
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {Code::kUnavailable, "another process is writing; try again"};
        case SQLITE_CONSTRAINT:
            if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY) {
                return {Code::kExists, ""};
            }
            return {Code::kInvalid, ""};
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_CANTOPEN:
            return {Code::kDenied, "check the owner and the permissions of the workspace"};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return {Code::kIo, "the database is damaged: restore a backup"};
        case SQLITE_TOOBIG:
            return {Code::kTooLarge, ""};
        default:
            return {Code::kInternal, ""};
    }
}

Error database_error(sqlite3* database, std::string_view what) {
    const auto [code, hint] = meaning_of(database, sqlite3_extended_errcode(database));
    return make_error(code, fmt::format("database: {}: {}", what, sqlite3_errmsg(database)), hint);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Status Statement::check(int code) const {
    if (code == SQLITE_OK) return {};
    return database_error(sqlite3_db_handle(statement_.get()), sqlite3_sql(statement_.get()));
}

Status Statement::bind_integer(int index, std::int64_t value) {
    return check(sqlite3_bind_int64(statement_.get(), index, value));
}

Status Statement::bind_real(int index, double value) {
    return check(sqlite3_bind_double(statement_.get(), index, value));
}

Status Statement::bind_text(int index, std::string_view value) {
    // A null pointer would bind NULL; an empty text is a text.
    const char* const data = value.data() == nullptr ? "" : value.data();
    return check(sqlite3_bind_text64(statement_.get(), index, data, value.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8));
}

Status Statement::bind_bytes(int index, std::string_view value) {
    const char* const data = value.data() == nullptr ? "" : value.data();
    return check(
        sqlite3_bind_blob64(statement_.get(), index, data, value.size(), SQLITE_TRANSIENT));
}

Status Statement::bind_null(int index) {
    return check(sqlite3_bind_null(statement_.get(), index));
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    const Status failed = check(code);
    sqlite3_reset(statement_.get());
    return failed.error();
}

Status Statement::run() {
    while (CAIRN_TRY(step())) {
    }
    reset();
    return {};
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
    return sqlite3_column_double(statement_.get(), column);
}

std::string_view Statement::view(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

Result<Database> Database::open_named(const std::string& name, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(raw);
    if (code != SQLITE_OK) return database_error(raw, "opening " + name);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, kBusyTimeoutMs);
    CAIRN_TRY(database.script(kPragmas));
    return database;
}

/// SQLite does not wait for the lock that the first switch to WAL takes, so two processes that open
/// a new file wait here.
Status Database::use_write_ahead_log() {
    for (int waited_ms = 0;; waited_ms += kRetryMs) {
        const Status switched = script("PRAGMA journal_mode = WAL");
        const bool busy = !switched && switched.error().code == Code::kUnavailable;
        if (!busy || waited_ms >= kBusyTimeoutMs) return switched;
        std::this_thread::sleep_for(std::chrono::milliseconds(kRetryMs));
    }
}

Result<Database> Database::open(const std::filesystem::path& path) {
    Database database = CAIRN_TRY(open_named(path.string(), kReadWrite));
    CAIRN_TRY(database.use_write_ahead_log());
    return database;
}

Result<Database> Database::open_read_only(const std::filesystem::path& path) {
    return open_named(path.string(), SQLITE_OPEN_READONLY);
}

Result<Database> Database::open_memory() {
    return open_named(":memory:", kReadWrite);
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        0, &raw, nullptr);
    if (code != SQLITE_OK) return database_error(database_.get(), sql);
    CAIRN_ASSERT(raw != nullptr);
    return Statement(raw);
}

Status Database::script(const std::string& sql) {
    if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK)
        return {};
    return database_error(database_.get(), std::string_view(sql).substr(0, 200));
}

std::int64_t Database::last_insert_id() const {
    return sqlite3_last_insert_rowid(database_.get());
}

std::int64_t Database::changed_rows() const {
    return sqlite3_changes64(database_.get());
}

Result<Transaction> Transaction::begin_as(Database& database, const char* sql) {
    const bool nested = sqlite3_get_autocommit(database.handle()) == 0;
    CAIRN_TRY(database.script(nested ? "SAVEPOINT nested" : sql));
    return Transaction(database, nested);
}

Result<Transaction> Transaction::begin(Database& database) {
    return begin_as(database, "BEGIN IMMEDIATE");
}

Result<Transaction> Transaction::snapshot(Database& database) {
    return begin_as(database, "BEGIN DEFERRED");
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), nested_(other.nested_) {}

Transaction::~Transaction() {
    if (database_ == nullptr) return;
    // An error here means that SQLite has rolled back already (disk full, for example).
    (void)database_->script(nested_ ? "ROLLBACK TO nested; RELEASE nested" : "ROLLBACK");
}

Status Transaction::commit() {
    CAIRN_ASSERT(database_ != nullptr);
    CAIRN_TRY(database_->script(nested_ ? "RELEASE nested" : "COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace cairn::store
