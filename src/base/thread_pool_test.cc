// SPDX-License-Identifier: Apache-2.0
// The pool does each index once, whatever the number of threads, under load, nesting and several
// callers.
#include "cairn/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <thread>
#include <vector>

namespace cairn {
namespace {

/// Partial sums by piece, added in piece order: the pattern that every kernel follows.
double sum_of_roots(ThreadPool& pool, std::size_t count, std::size_t grain) {
    std::vector<double> partial((count + grain - 1) / grain);
    pool.parallel_for(count, grain, [&](std::size_t begin, std::size_t end) {
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i)
            sum += std::sqrt(static_cast<double>(i));
        partial[begin / grain] = sum;
    });
    return std::accumulate(partial.begin(), partial.end(), 0.0);
}

TEST(ThreadPool, TheResultDoesNotDependOnTheNumberOfThreads) {
    ThreadPool one(1);
    const double expected = sum_of_roots(one, 10'007, 64);
    for (const int threads : {2, 3, 8}) {
        ThreadPool pool(threads);
        EXPECT_EQ(pool.size(), threads);
        for (int round = 0; round < 50; ++round) {
            EXPECT_EQ(sum_of_roots(pool, 10'007, 64), expected);
        }
    }
}

TEST(ThreadPool, DoesEachIndexOnceInPiecesOfAtMostGrain) {
    ThreadPool pool(4);
    for (const std::size_t count : {0UL, 1UL, 7UL, 8UL, 9UL, 1000UL}) {
        std::vector<std::atomic<int>> times(count);
        std::atomic<bool> too_long{false};
        pool.parallel_for(count, 8, [&](std::size_t begin, std::size_t end) {
            if (end - begin > 8) too_long = true;
            for (std::size_t i = begin; i < end; ++i)
                ++times[i];
        });
        for (const auto& time : times)
            EXPECT_EQ(time.load(), 1);
        EXPECT_FALSE(too_long);
    }
}

TEST(ThreadPool, SurvivesTensOfThousandsOfShortCallsWithPauses) {
    ThreadPool pool(4);
    std::atomic<std::int64_t> sum{0};
    for (int call = 0; call < 20'000; ++call) {
        pool.parallel_for(
            8, 1, [&](std::size_t begin, std::size_t) { sum += static_cast<std::int64_t>(begin); });
        // Long enough for the workers to fall asleep now and then.
        if (call % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(sum.load(), 20'000 * 28);
}

TEST(ThreadPool, NestedCallsRunInlineAndCallersTakeTurns) {
    ThreadPool pool(3);
    std::atomic<int> count{0};
    const auto work = [&] {
        for (int round = 0; round < 200; ++round) {
            pool.parallel_for(10, 1, [&](std::size_t, std::size_t) {
                pool.parallel_for(5, 1, [&](std::size_t, std::size_t) { ++count; });
            });
        }
    };
    std::thread first(work);
    std::thread second(work);
    first.join();
    second.join();
    EXPECT_EQ(count.load(), 2 * 200 * 10 * 5);
}

TEST(ThreadPool, MachinesHaveACore) {
    EXPECT_GE(usable_cores(), 1);
    EXPECT_EQ(ThreadPool().size(), usable_cores());
}

}  // namespace
}  // namespace cairn
