// SPDX-License-Identifier: Apache-2.0
// The store's promises: typed rows, migrations that only go forward, blobs that are what they say,
// and nothing lost by SIGKILL.
#include "cairn/store/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"

namespace cairn::store {
namespace {

constexpr std::array<Migration, 1> kFirst{
    {{1, "CREATE TABLE pets (name TEXT PRIMARY KEY) STRICT"}}};
constexpr std::array<Migration, 2> kSecond{
    {{1, "CREATE TABLE pets (name TEXT PRIMARY KEY) STRICT"},
     {2,
      "ALTER TABLE pets ADD COLUMN legs INTEGER NOT NULL DEFAULT 4; "
      "INSERT INTO pets (name, legs) VALUES ('bird', 2)"}}};

TEST(Database, KeepsEveryTypeAsItWasBound) {
    Database database = Database::open_memory().value();
    ASSERT_TRUE(database.script("CREATE TABLE t (a, b, c, d, e, f)"));
    const std::string with_zero("x\0y", 3);
    const std::optional<int> absent;
    ASSERT_TRUE(database.exec("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6)", INT64_MIN, 0.1,
                              with_zero, Bytes{with_zero}, absent, std::string()));
    Statement row = database.query("SELECT *, typeof(d), typeof(f) FROM t").value();
    ASSERT_TRUE(row.step().value());
    EXPECT_EQ(row.integer(0), INT64_MIN);
    EXPECT_EQ(row.real(1), 0.1);
    EXPECT_EQ(row.text(2), with_zero);
    EXPECT_EQ(row.text(3), with_zero);
    EXPECT_TRUE(row.is_null(4));
    EXPECT_FALSE(row.is_null(5));
    EXPECT_EQ(row.text(6), "blob");
    EXPECT_EQ(row.text(7), "text");
    EXPECT_FALSE(row.step().value());
}

TEST(Database, NamesTheKindOfFailure) {
    Database database = Database::open_memory().value();
    ASSERT_TRUE(migrate(database, "pets", kFirst));
    ASSERT_TRUE(database.exec("INSERT INTO pets VALUES (?1)", "cat"));
    EXPECT_EQ(database.exec("INSERT INTO pets VALUES (?1)", "cat").error().code, Code::kExists);
    EXPECT_EQ(database.exec("SELECT nonsense").error().code, Code::kInternal);
    EXPECT_FALSE(database.exec("INSERT INTO pets VALUES (?1)", "dog", "too many"));
    const ScopedFolder folder("store");
    ASSERT_TRUE(write_file_atomic(folder.path() / "bad.db", std::string(8192, 'x')));
    EXPECT_EQ(Database::open(folder.path() / "bad.db").error().code, Code::kIo);
    EXPECT_EQ(Database::open(folder.path() / "no/such.db").error().code, Code::kDenied);
}

TEST(Transaction, RollsBackUnlessCommittedAlsoWhenNested) {
    Database database = Database::open_memory().value();
    ASSERT_TRUE(migrate(database, "pets", kFirst));
    {
        Transaction outer = Transaction::begin(database).value();
        ASSERT_TRUE(database.exec("INSERT INTO pets VALUES ('kept')"));
        {
            const Transaction inner = Transaction::begin(database).value();
            ASSERT_TRUE(database.exec("INSERT INTO pets VALUES ('dropped')"));
        }
        ASSERT_TRUE(outer.commit());
    }
    {
        const Transaction forgotten = Transaction::begin(database).value();
        ASSERT_TRUE(database.exec("INSERT INTO pets VALUES ('also dropped')"));
    }
    Statement rows = database.query("SELECT group_concat(name) FROM pets").value();
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(rows.text(0), "kept");
}

TEST(Transaction, ASnapshotReadsOneMomentAndHoldsUpNobody) {
    const ScopedFolder folder("store");
    Store store = Store::open(folder.path()).value();
    Database writer = store.connect().value();
    const auto count = [&] {
        Statement rows = store.database().query("SELECT COUNT(*) FROM meta").value();
        EXPECT_TRUE(rows.step().value());
        return rows.integer(0);
    };
    {
        const Transaction snapshot = Transaction::snapshot(store.database()).value();
        EXPECT_EQ(count(), 0);
        ASSERT_TRUE(writer.exec("INSERT INTO meta VALUES ('k', 'v')"));
        EXPECT_EQ(count(), 0);
    }
    EXPECT_EQ(count(), 1);
}

TEST(Migrate, UpgradesOldTablesAndKeepsTheirRows) {
    const ScopedFolder folder("store");
    {
        Database old = Database::open(folder.path() / "a.db").value();
        ASSERT_TRUE(migrate(old, "pets", kFirst));
        ASSERT_TRUE(old.exec("INSERT INTO pets VALUES ('cat')"));
    }
    Database database = Database::open(folder.path() / "a.db").value();
    ASSERT_TRUE(migrate(database, "pets", kSecond));
    ASSERT_TRUE(migrate(database, "pets", kSecond));
    Statement rows =
        database.query("SELECT group_concat(name || legs) FROM (SELECT * FROM pets ORDER BY name)")
            .value();
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(rows.text(0), "bird2,cat4");
}

TEST(Migrate, RefusesANewerDatabaseAndAnEditedStep) {
    Database database = Database::open_memory().value();
    ASSERT_TRUE(migrate(database, "pets", kSecond));
    const Status newer = migrate(database, "pets", kFirst);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code, Code::kUnsupported);
    EXPECT_NE(newer.error().message.find("found 2"), std::string::npos);
    constexpr std::array<Migration, 2> kEdited{{{1, "CREATE TABLE pets (x)"}, kSecond[1]}};
    EXPECT_EQ(migrate(database, "pets", kEdited).error().code, Code::kInternal);
}

TEST(Migrate, AFailedStepLeavesNothingBehind) {
    Database database = Database::open_memory().value();
    constexpr std::array<Migration, 2> kBroken{{kFirst[0], {2, "CREATE TABLE half (a); nonsense"}}};
    ASSERT_FALSE(migrate(database, "pets", kBroken));
    EXPECT_TRUE(database.exec("SELECT * FROM pets"));
    EXPECT_FALSE(database.exec("SELECT * FROM half"));
    ASSERT_TRUE(migrate(database, "pets", kSecond));
}

TEST(Blobs, AreNamedByContentCheckedAndHealed) {
    const ScopedFolder folder("store");
    BlobStore blobs(folder.path());
    const std::string digest = blobs.put("hello").value();
    EXPECT_EQ(digest, sha256_hex("hello"));
    EXPECT_EQ(blobs.get(digest).value(), "hello");
    EXPECT_EQ(blobs.get(digest, 4).error().code, Code::kTooLarge);
    EXPECT_EQ(blobs.get(sha256_hex("other")).error().code, Code::kNotFound);
    EXPECT_EQ(blobs.get("../../etc/passwd").error().code, Code::kInvalid);
    ASSERT_TRUE(write_file_atomic(blobs.path(digest).value(), "hellO"));
    EXPECT_EQ(blobs.get(digest).error().code, Code::kIo);
    ASSERT_TRUE(blobs.put("hello"));
    EXPECT_EQ(blobs.get(digest).value(), "hello");
}

TEST(Runs, AreFoundByTheirInputsOnlyWhenDone) {
    const ScopedFolder folder("store");
    Store store = Store::open(folder.path()).value();
    Database& database = store.database();
    const NewRun tune{
        "tune", "replies", "in1", R"({"rank":8})", {{"dataset", "d1"}, {"base", "b1"}}};
    const std::int64_t killed = begin_run(database, tune).value();
    const std::int64_t id = begin_run(database, tune).value();
    EXPECT_FALSE(find_done(database, "tune", "replies", "in1").value());
    ASSERT_TRUE(finish_run(database, id, "out1", "report1"));
    EXPECT_FALSE(finish_run(database, id, "out2"));
    const store::Run done = find_done(database, "tune", "replies", "in1").value().value();
    EXPECT_EQ(done.id, id);
    EXPECT_EQ(done.output_digest, "out1");
    EXPECT_EQ(done.report_digest, "report1");
    ASSERT_EQ(done.inputs.size(), 2U);
    EXPECT_EQ(done.inputs[1].digest, "b1");
    EXPECT_FALSE(find_done(database, "tune", "replies", "in2").value());
    EXPECT_FALSE(latest_done(database, "tune").value());
    const store::Run stale = find_run(database, killed).value().value();
    EXPECT_EQ(stale.state, RunState::kFailed);
    EXPECT_EQ(stale.error, "interrupted");
    EXPECT_EQ(list_runs(database, 10).value().size(), 2U);
    EXPECT_EQ(list_runs(database, 1).value().front().id, id);
}

TEST(Store, KeepsMetaAndLocksTheWorkspaceForOne) {
    const ScopedFolder folder("store");
    Store store = Store::open(folder.path()).value();
    EXPECT_FALSE(store.meta("k").value());
    ASSERT_TRUE(store.set_meta("k", "1"));
    ASSERT_TRUE(store.set_meta("k", "2"));
    EXPECT_EQ(store.meta("k").value(), "2");
    {
        const auto lock = store.lock();
        ASSERT_TRUE(lock);
        EXPECT_EQ(store.lock().error().code, Code::kUnavailable);
    }
    // Whoever walks first takes away what a killed writer left, and only that.
    const auto left = store.folder() / "blobs/ab/.cdef.4194304.0.tmp";
    ASSERT_TRUE(make_folders(left.parent_path()));
    ASSERT_TRUE(write_file_atomic(left, "half a bl"));
    ASSERT_TRUE(write_file_atomic(left.parent_path() / "cdef", "whole"));
    EXPECT_TRUE(store.lock());
    EXPECT_FALSE(std::filesystem::exists(left));
    EXPECT_TRUE(std::filesystem::exists(left.parent_path() / "cdef"));
}

/// Regression: SQLite answers "locked" at once when two connections switch a new file to WAL; one
/// open in a hundred failed.
TEST(Store, TwoConnectionsOpenANewWorkspaceAtOnce) {
    for (int round = 0; round < 50; ++round) {
        const ScopedFolder folder("store");
        Status first;
        std::thread other([&] {
            const auto opened = Store::open(folder.path());
            if (!opened) first = opened.error();
        });
        const auto second = Store::open(folder.path());
        other.join();
        EXPECT_TRUE(first) << first.error().message;
        EXPECT_TRUE(second) << second.error().message;
    }
}

/// The child writes a row and a blob again and again and says each number only after both are
/// durable.
[[noreturn]] void write_until_killed(const std::filesystem::path& root, int pipe_end) {
    Store store = Store::open(root).value();
    for (int i = 0;; ++i) {
        const std::string digest = store.blobs().put("blob " + std::to_string(i)).value();
        Transaction transaction = Transaction::begin(store.database()).value();
        if (!store.set_meta("key " + std::to_string(i), digest)) ::_exit(1);
        if (!store.set_meta("pair " + std::to_string(i), digest)) ::_exit(1);
        if (!transaction.commit()) ::_exit(1);
        if (::write(pipe_end, &i, sizeof(i)) != sizeof(i)) ::_exit(1);
    }
}

TEST(Store, KillNineLosesNothingThatWasReportedDone) {
    const ScopedFolder folder("store");
    int last = -1;
    for (int round = 0; round < 5; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) write_until_killed(folder.path() / std::to_string(round), ends[1]);
        ::close(ends[1]);
        int said = -1;
        while (::read(ends[0], &last, sizeof(last)) == sizeof(last)) {
            said = last;
            if (said == 3 * round) ::kill(child, SIGKILL);
        }
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);
        ASSERT_GE(said, 3 * round);
        Store store = Store::open(folder.path() / std::to_string(round)).value();
        for (int i = 0; i <= said; ++i) {
            const auto digest = store.meta("key " + std::to_string(i)).value();
            ASSERT_TRUE(digest) << i;
            EXPECT_EQ(store.meta("pair " + std::to_string(i)).value(), digest);
            EXPECT_EQ(store.blobs().get(*digest).value(), "blob " + std::to_string(i));
        }
    }
}

/// A full disk is played by a limit on the size of files: SQLite sees the same short write.
TEST(Store, AFullDiskIsExhaustedAndKeepsWhatWasCommitted) {
    const ScopedFolder folder("store");
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        Store store = Store::open(folder.path()).value();
        if (!store.set_meta("before", "kept")) ::_exit(2);
        if (!store.database().script("PRAGMA max_page_count = 40")) ::_exit(3);
        const Status full = store.set_meta("big", std::string(1'000'000, 'x'));
        if (full || full.error().code != Code::kExhausted) ::_exit(4);
        const struct rlimit small { 1000, 1000 };
        ::setrlimit(RLIMIT_FSIZE, &small);
        if (store.blobs().put(std::string(100'000, 'y'))) ::_exit(5);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    Store store = Store::open(folder.path()).value();
    EXPECT_EQ(store.meta("before").value(), "kept");
    EXPECT_FALSE(store.meta("big").value());
    EXPECT_FALSE(store.blobs().has(sha256_hex(std::string(100'000, 'y'))));
}

}  // namespace
}  // namespace cairn::store
