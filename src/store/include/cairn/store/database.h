// SPDX-License-Identifier: Apache-2.0
// SQLite under Result: a connection, prepared statements with bound values, transactions and
// migrations per room. Commits are durable (WAL, synchronous FULL): what was committed survives
// kill -9 and power loss.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "cairn/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cairn::store {

/// Bytes to bind as a BLOB; a plain string binds as TEXT.
struct Bytes {
    std::string_view view;
};

/// A prepared statement. `while (CAIRN_TRY(rows.step())) use(rows.text(0));`. Must not outlive its
/// Database.
class Statement {
  public:
    /// Binds parameters ?1, ?2, ... in order: integers, bool, double, text, Bytes, optional of
    /// these (empty: NULL).
    template <typename... Values>
    Status bind(const Values&... values) {
        [[maybe_unused]] int index = 0;
        Status status;
        (void)((status = bind_value(++index, values), status.has_value()) && ...);
        return status;
    }
    /// True: a row is ready; false: the end. Errors: kExists (unique), kUnavailable (busy),
    /// kExhausted (disk full), ...
    Result<bool> step();
    /// Runs to the end and resets, so that the statement can be bound and run again; bound values
    /// are cleared.
    Status run();
    /// Back to before the first row; bound values are cleared.
    void reset();

    // Columns of the row in hand, from 0. A NULL reads as 0 or "". Text stays valid until the next
    // step.
    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string_view view(int column) const;
    std::string text(int column) const { return std::string(view(column)); }
    bool is_null(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    Status bind_integer(int index, std::int64_t value);
    Status bind_real(int index, double value);
    Status bind_text(int index, std::string_view value);
    Status bind_bytes(int index, std::string_view value);
    Status bind_null(int index);
    Status check(int code) const;

    template <typename Value>
    Status bind_value(int index, const Value& value) {
        if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
            return bind_integer(index, static_cast<std::int64_t>(value));
        } else if constexpr (std::is_floating_point_v<Value>) {
            return bind_real(index, static_cast<double>(value));
        } else if constexpr (std::is_same_v<Value, Bytes>) {
            return bind_bytes(index, value.view);
        } else if constexpr (std::is_same_v<Value, std::nullopt_t>) {
            return bind_null(index);
        } else {
            return bind_text(index, std::string_view(value));
        }
    }
    template <typename Value>
    Status bind_value(int index, const std::optional<Value>& value) {
        return value ? bind_value(index, *value) : bind_null(index);
    }

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection. Movable; used by one thread at a time: a thread that works at the same time
/// opens its own.
class Database {
  public:
    /// Opens or creates. Waits up to 10 s for another writer, then kUnavailable.
    static Result<Database> open(const std::filesystem::path& path);
    /// An existing file that nobody writes to any more. Errors: kDenied when there is none.
    static Result<Database> open_read_only(const std::filesystem::path& path);
    /// A private database in memory, for tests.
    static Result<Database> open_memory();

    Result<Statement> prepare(std::string_view sql);
    /// One statement with its values, run to the end.
    template <typename... Values>
    Status exec(std::string_view sql, const Values&... values) {
        Statement statement = CAIRN_TRY(prepare(sql));
        CAIRN_TRY(statement.bind(values...));
        return statement.run();
    }
    /// One statement with its values, ready to step.
    template <typename... Values>
    Result<Statement> query(std::string_view sql, const Values&... values) {
        Statement statement = CAIRN_TRY(prepare(sql));
        CAIRN_TRY(statement.bind(values...));
        return statement;
    }
    /// Several statements without values, as in a migration.
    Status script(const std::string& sql);

    std::int64_t last_insert_id() const;
    std::int64_t changed_rows() const;
    /// For what SQL does not reach, such as an FTS5 tokenizer.
    sqlite3* handle() const { return database_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    explicit Database(sqlite3* database) : database_(database) {}
    static Result<Database> open_named(const std::string& name, int flags);
    Status use_write_ahead_log();
    std::unique_ptr<sqlite3, Close> database_;
};

/// Takes the write lock at once; rolls back unless committed. Inside another transaction it is a
/// savepoint of that one.
class Transaction {
  public:
    static Result<Transaction> begin(Database& database);
    /// For reading only: everything read until its end is of one moment, and writers are not held
    /// up.
    static Result<Transaction> snapshot(Database& database);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Status commit();

  private:
    static Result<Transaction> begin_as(Database& database, const char* sql);
    Transaction(Database& database, bool nested) : database_(&database), nested_(nested) {}
    Database* database_;  ///< nullptr: committed or moved from
    bool nested_;
};

struct Migration {
    int version;      ///< 1, 2, 3, ... without gaps
    const char* sql;  ///< one or more statements; never edited once released
};

/// Brings the tables of one room to its newest version, each step in a transaction of its own.
/// Errors: kUnsupported when the database is newer than this program, kInternal when a migration
/// was edited after it had been applied.
Status migrate(Database& database, std::string_view room, std::span<const Migration> migrations);

}  // namespace cairn::store
