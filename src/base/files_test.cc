// SPDX-License-Identifier: Apache-2.0
// Files under bad conditions: limits, links, permissions, a full disk, and SIGKILL in the middle of
// a write.
#include "cairn/base/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace cairn {
namespace fs = std::filesystem;
namespace {

TEST(Files, WritesAndReadsWithinBounds) {
    const ScopedFolder folder("files");
    const fs::path file = folder.path() / "a.txt";
    ASSERT_TRUE(write_file_atomic(file, "first"));
    ASSERT_TRUE(write_file_atomic(file, "second"));
    EXPECT_EQ(read_file(file, 6).value(), "second");
    EXPECT_EQ(read_file(file, 5).error().code, Code::kTooLarge);
    EXPECT_EQ(read_file(folder.path() / "none", 5).error().code, Code::kNotFound);
    EXPECT_EQ(read_file(folder.path(), 5).error().code, Code::kInvalid);
    EXPECT_EQ(write_file_atomic(folder.path() / "no/a", "x").error().code, Code::kNotFound);
    EXPECT_EQ(list_files(folder.path()).value().size(), 1U) << "no temporary file stays behind";
}

TEST(Files, AFifoIsRefusedAndDoesNotBlock) {
    const ScopedFolder folder("files");
    ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(read_file(folder.path() / "pipe", 10).error().code, Code::kInvalid);
    EXPECT_EQ(MappedFile::open(folder.path() / "pipe").error().code, Code::kInvalid);
    const auto listed = list_files(folder.path()).value();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].problem, "not a regular file");
}

TEST(Files, MapsWholeFilesAlsoEmptyOnes) {
    const ScopedFolder folder("files");
    ASSERT_TRUE(write_file_atomic(folder.path() / "a", "bytes"));
    ASSERT_TRUE(write_file_atomic(folder.path() / "empty", ""));
    MappedFile mapped = MappedFile::open(folder.path() / "a").value();
    MappedFile moved = std::move(mapped);
    ASSERT_EQ(moved.bytes().size(), 5U);
    EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 's');
    EXPECT_TRUE(MappedFile::open(folder.path() / "empty").value().bytes().empty());
}

TEST(Files, ListsInByteOrderAndNamesWhatItCannotRead) {
    const ScopedFolder folder("files");
    const ScopedFolder outside("outside");
    const fs::path root = folder.path();
    ASSERT_TRUE(make_folders(root / "b/deep"));
    ASSERT_TRUE(make_folders(root / ".git"));
    for (const char* name : {"b/deep/x", "b.txt", "a", "Z", ".git/config"}) {
        ASSERT_TRUE(write_file_atomic(root / name, name));
    }
    fs::create_symlink("a", root / "link");
    fs::create_symlink("nowhere", root / "broken");
    fs::create_symlink(outside.path(), root / "out");
    fs::create_directory_symlink(root, root / "loop");
    std::vector<std::string> names;
    std::vector<std::string> problems;
    const auto listed = list_files(root, {".git"}).value();
    for (const FileEntry& entry : listed) {
        (entry.problem.empty() ? names : problems).push_back(entry.relative);
    }
    EXPECT_THAT(names, testing::ElementsAre("Z", "a", "b.txt", "b/deep/x", "link"));
    EXPECT_THAT(problems, testing::ElementsAre("broken", "loop", "out"));
    EXPECT_EQ(list_files(root / "none").error().code, Code::kNotFound);
    EXPECT_EQ(list_files(root / "a").error().code, Code::kInvalid);
}

TEST(Files, AFolderWithoutPermissionIsOneNamedProblem) {
    const ScopedFolder folder("files");
    ASSERT_TRUE(make_folders(folder.path() / "closed"));
    ASSERT_TRUE(write_file_atomic(folder.path() / "open.txt", "x"));
    ASSERT_EQ(::chmod((folder.path() / "closed").c_str(), 0), 0);
    // Root reads everything, so the check runs as nobody in a child.
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
        const auto listed = list_files(folder.path());
        const bool right = listed && listed->size() == 2 && (*listed)[0].relative == "closed" &&
                           (*listed)[0].problem.find("ermission") != std::string::npos;
        ::_exit(right ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ::chmod((folder.path() / "closed").c_str(), 0700);
}

/// /dev/full is the kernel's own full disk; a size limit plays one inside a folder.
TEST(Files, AFullDiskLeavesTheOldFileWhole) {
    const ScopedFolder folder("files");
    const fs::path file = folder.path() / "a";
    ASSERT_TRUE(write_file_atomic(file, "old"));
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const struct rlimit small { 100, 100 };
        ::setrlimit(RLIMIT_FSIZE, &small);
        ::_exit(write_file_atomic(file, std::string(1000, 'x')) ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(read_file(file, 100).value(), "old");
    EXPECT_EQ(list_files(folder.path()).value().size(), 1U);
}

TEST(Files, KillNineNeverLeavesHalfAFile) {
    const ScopedFolder folder("files");
    const fs::path file = folder.path() / "a";
    const std::string first(300'000, '1');
    const std::string second(500'000, '2');
    ASSERT_TRUE(write_file_atomic(file, first));
    for (int round = 0; round < 8; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (;;) {
                if (!write_file_atomic(file, second) || !write_file_atomic(file, first)) ::_exit(1);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3 + 4 * round));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        const std::string found = read_file(file, 1'000'000).value();
        EXPECT_TRUE(found == first || found == second) << found.size();
    }
}

/// `kill -9` in the middle of a write leaves ".NAME.PID.COUNT.tmp"; the next start takes it away,
/// but neither what another process is writing at that moment nor files that look like it.
TEST(Files, SweepsWhatKilledWritersLeftAndNothingElse) {
    const ScopedFolder folder("files");
    ASSERT_TRUE(make_folders(folder.path() / "blobs/ab"));
    const auto plant = [&](const char* name) {
        const int descriptor = ::open((folder.path() / name).c_str(), O_CREAT | O_RDWR, 0644);
        EXPECT_GE(descriptor, 0);
        return descriptor;
    };
    ::close(plant(".progress.json.123.7.tmp"));
    ::close(plant("blobs/ab/.cdef.99999.0.tmp"));
    const int held = plant("blobs/ab/.beef.99999.1.tmp");
    ASSERT_EQ(::flock(held, LOCK_EX), 0);
    for (const char* name : {".notes.tmp", "a.1.2.tmp", ".x.1.tmp", ".1.2.tmp", ".a.b.2.tmp"}) {
        ::close(plant(name));
    }
    EXPECT_EQ(sweep_temporary_files(folder.path()), 2U);
    EXPECT_EQ(list_files(folder.path())->size(), 6U);
    ::close(held);
    EXPECT_EQ(sweep_temporary_files(folder.path()), 1U);
    EXPECT_EQ(sweep_temporary_files(folder.path() / "none"), 0U);
}

/// A sweeper that runs all the time must not disturb a writer.
TEST(Files, WritersAreSafeFromTheSweeper) {
    const ScopedFolder folder("files");
    std::atomic<bool> stop = false;
    std::thread sweeper([&] {
        while (!stop)
            sweep_temporary_files(folder.path());
    });
    int failures = 0;
    for (int i = 0; i < 300; ++i) {
        const std::string content = std::to_string(i);
        const Status written = write_file_atomic(folder.path() / "a", content);
        failures += written && read_file(folder.path() / "a", 10).value() == content ? 0 : 1;
    }
    stop = true;
    sweeper.join();
    EXPECT_EQ(failures, 0);
}

TEST(Files, ScopedFoldersDisappear) {
    fs::path path;
    {
        const ScopedFolder folder("files");
        path = folder.path();
        ASSERT_TRUE(write_file_atomic(path / "a", "x"));
    }
    EXPECT_FALSE(fs::exists(path));
    EXPECT_TRUE(fs::is_directory(temporary_folder()));
}

}  // namespace
}  // namespace cairn
