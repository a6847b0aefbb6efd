// SPDX-License-Identifier: Apache-2.0
// Results, clock, hashes, random numbers, progress and child processes against known values and
// hostile situations.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/base/process.h"
#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/base/rng.h"

namespace cairn {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return make_error(Code::kInvalid, "expected an even number", "double it");
    return number / 2;
}

Result<int> quarter(int number) {
    return CAIRN_TRY(half(CAIRN_TRY(half(number))));
}

TEST(Result, TryHandsOutTheValueOrReturnsTheError) {
    EXPECT_EQ(quarter(8).value(), 2);
    const auto failed = quarter(6);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::kInvalid);
    EXPECT_EQ(failed.error().with_context("reading x").to_string(),
              "reading x: expected an even number (double it)");
    EXPECT_EQ(quarter(6).value_or(7), 7);
}

TEST(Result, EveryCodeHasItsRow) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
        const auto code = static_cast<Code>(i);
        names.insert(code_name(code));
        EXPECT_GE(http_status(code), 400);
        EXPECT_GE(exit_code(code), 1);
    }
    EXPECT_EQ(names.size(), 12U);
    EXPECT_EQ(exit_code(Code::kGateRefused), 3);
    EXPECT_EQ(exit_code(Code::kInvalid), 1) << "2 is for the command line itself";
}

TEST(Result, ErrnoKeepsItsMeaning) {
    EXPECT_EQ(errno_error("x", ENOSPC).code, Code::kExhausted);
    EXPECT_EQ(errno_error("x", ENOENT).code, Code::kNotFound);
    EXPECT_EQ(errno_error("x", EADDRINUSE).code, Code::kUnavailable);
    EXPECT_EQ(errno_error("the file", EACCES).message, "the file: Permission denied");
}

TEST(ResultDeathTest, ReadingTheValueOfAnErrorIsOurMistake) {
    EXPECT_DEATH((void)half(3).value(), "expected an even number");
}

TEST(Clock, WritesAndReadsIsoTime) {
    EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(iso_time(1795463280'000), "2026-11-23T19:48:00Z");
    EXPECT_EQ(parse_iso_time("2026-11-23T19:48:00Z").value(), 1795463280'000);
    EXPECT_EQ(parse_iso_time("2026-11-23T19:48:00.250Z").value(), 1795463280'250);
    EXPECT_EQ(parse_iso_time("2024-02-29").value(), 1709164800'000);
    EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59Z");
    for (const char* bad : {"", "2026", "2026-13-01", "2026-02-30", "2023-02-29", "2026-1-01",
                            "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx",
                            "2026-01-01 00:00:00Z", "-026-01-01", "2026-01-01T"}) {
        EXPECT_FALSE(parse_iso_time(bad)) << bad;
    }
}

TEST(Clock, CanBeFrozenForTests) {
    ::setenv("CAIRN_FIXED_TIME", "1795463280", 1);
    EXPECT_EQ(utc_ms(), 1795463280'000);
    ::unsetenv("CAIRN_FIXED_TIME");
    EXPECT_GT(utc_ms(), 1700000000'000);
}

TEST(Hash, MatchesTheStandardVectors) {
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(Sha256().add("a").add("bc").hex(), sha256_hex("abc"));
    EXPECT_NE(Sha256().field("a").field("bc").hex(), Sha256().field("ab").field("c").hex());
    EXPECT_EQ(hash64(""), 0x2D06800538D394C2ULL);
    EXPECT_NE(hash64("x", 1), hash64("x", 2));
    EXPECT_EQ(random_hex(16).size(), 32U);
    EXPECT_NE(random_hex(16), random_hex(16));
}

/// The first outputs from the state (1, 2, 3, 4), as the reference implementation gives them.
TEST(Rng, MatchesTheReferenceSequence) {
    Rng rng(0);
    rng.set_state({1, 2, 3, 4});
    EXPECT_EQ(rng.next(), 11520U);
    EXPECT_EQ(rng.next(), 0U);
    EXPECT_EQ(rng.next(), 1509978240U);
    EXPECT_EQ(rng.next(), 1215971899390074240U);
}

TEST(Rng, SeedsAsSplitMix64Does) {
    EXPECT_EQ(Rng(0).state()[0], 0xE220A8397B1DCDAFULL);
    EXPECT_EQ(Rng(0).state()[1], 0x6E789E6AA1B965F4ULL);
}

TEST(Rng, IsUniformAndNormalEnough) {
    Rng rng(7);
    std::vector<int> faces(6);
    double sum = 0;
    double squares = 0;
    constexpr int kDraws = 60'000;
    for (int i = 0; i < kDraws; ++i) {
        ++faces[rng.below(6)];
        const double x = rng.normal();
        sum += x;
        squares += x * x;
        const double u = rng.uniform();
        ASSERT_TRUE(u >= 0 && u < 1);
    }
    for (const int count : faces)
        EXPECT_NEAR(count, kDraws / 6, 400);
    EXPECT_NEAR(sum / kDraws, 0, 0.02);
    EXPECT_NEAR(squares / kDraws, 1, 0.03);
    std::vector<int> items{1, 2, 3, 4, 5};
    rng.shuffle(items);
    EXPECT_EQ(std::set<int>(items.begin(), items.end()).size(), 5U);
}

TEST(Progress, TellsTheEndAndAnHonestEta) {
    std::vector<ProgressRecord> told;
    {
        Progress progress([&](const ProgressRecord& r) { told.push_back(r); }, "tune", 40, "steps");
        for (int i = 0; i < 20; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(15));
            progress.advance(1, "part");
        }
    }
    ASSERT_GE(told.size(), 2U);
    EXPECT_LE(told.size(), 8U) << "at most one record in 100 ms, and the end";
    EXPECT_TRUE(told.back().finished);
    EXPECT_EQ(told.back().done, 20);
    const ProgressRecord& late = told[told.size() - 2];
    const double per_step = late.seconds / static_cast<double>(late.done);
    EXPECT_GT(late.eta_seconds, 0.3 * per_step * static_cast<double>(40 - late.done));
    EXPECT_LT(late.eta_seconds, 3 * per_step * static_cast<double>(40 - late.done));
}

/// A tuning that went on at step 900 of 1000 once promised its end as if it had done the 900
/// itself.
TEST(Progress, ResumedWorkCountsAsDoneButNotAsFast) {
    std::vector<ProgressRecord> told;
    {
        Progress progress([&](const ProgressRecord& r) { told.push_back(r); }, "tune", 1000, "");
        progress.resume(900);
        for (int i = 0; i < 4; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(120));
            progress.advance(1);
        }
    }
    ASSERT_GE(told.size(), 3U);
    const ProgressRecord& late = told[told.size() - 2];
    EXPECT_EQ(late.done, 904);
    EXPECT_EQ(late.before, 900);
    EXPECT_GT(late.eta_seconds, 96 * 0.12 * 0.9);
}

TEST(Progress, SpeaksHuman) {
    EXPECT_EQ(human_seconds(0.85), "850 ms");
    EXPECT_EQ(human_seconds(2.25), "2.2 s");
    EXPECT_EQ(human_seconds(59.7), "1 m 00 s");
    EXPECT_EQ(human_seconds(125), "2 m 05 s");
    EXPECT_EQ(human_seconds(3725), "1 h 02 m");
    EXPECT_EQ(human_bytes(999), "999 B");
    EXPECT_EQ(human_bytes(999'999), "1.0 MB");
    EXPECT_EQ(human_bytes(12'345'678), "12.3 MB");
}

TEST(Process, HandsBackOutputErrorAndStatus) {
    const auto done = run_child({"sh", "-c", "echo out; echo oops >&2; cat; exit 3"});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->out, "out\n");
    EXPECT_EQ(done->error, "oops\n");
    EXPECT_EQ(done->exit_status, 3);
}

TEST(Process, IsBoundedInTimeOutputAndMemory) {
    ChildOptions options;
    options.seconds = 1;
    EXPECT_EQ(run_child({"sleep", "30"}, options).error().code, Code::kExhausted);
    EXPECT_EQ(run_child({"sh", "-c", "exec >&- 2>&-; sleep 30"}, options).error().code,
              Code::kExhausted);
    options.seconds = 20;
    options.output_bytes_max = 1000;
    EXPECT_EQ(run_child({"yes"}, options).error().code, Code::kTooLarge);
    EXPECT_EQ(run_child({"no-such-program-here"}).error().code, Code::kNotFound);
}

TEST(Process, HasNoNetworkAndNoForeignFiles) {
    const auto network =
        run_child({"python3", "-c", "import socket; socket.socket(socket.AF_INET)"});
    ASSERT_TRUE(network) << network.error().message;
    EXPECT_NE(network->exit_status, 0);
    EXPECT_NE(network->error.find("Permission denied"), std::string::npos) << network->error;
    const auto files = run_child({"sh", "-c", "ls /proc/self/fd | wc -l"});
    ASSERT_TRUE(files);
    EXPECT_EQ(files->out, "4\n") << "0, 1, 2 and the folder that ls reads";
}

}  // namespace
}  // namespace cairn
