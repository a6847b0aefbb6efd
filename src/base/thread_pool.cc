// SPDX-License-Identifier: Apache-2.0
// The pool behind the kernels: a dispatch costs about a microsecond while workers are awake.
// Workers spin briefly, then sleep; the caller never waits for a worker that has not begun, so a
// sleeping or preempted worker delays nothing.
#include "cairn/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "cairn/base/clock.h"

namespace cairn {
namespace {

constexpr std::int64_t kSpinNs = 20'000;
constexpr int kSpinsPerClockRead = 64;

thread_local bool inside_loop = false;

void pause_core() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

/// Spins up to kSpinNs; true as soon as `ready` says so.
template <typename Ready>
bool spin_until(const Ready& ready) {
    const std::int64_t end = now_ns() + kSpinNs;
    do {
        for (int i = 0; i < kSpinsPerClockRead; ++i) {
            if (ready()) return true;
            pause_core();
        }
    } while (now_ns() < end);
    return ready();
}

}  // namespace

int usable_cores() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) return std::max(1, CPU_COUNT(&cores));
    return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

struct ThreadPool::State {
    using Body = std::function<void(std::size_t, std::size_t)>;

    std::mutex callers;  ///< calls take turns

    // The job in hand. Written only while `open` is 0 and `inside` is 0.
    const Body* body = nullptr;
    std::size_t count = 0;
    std::size_t grain = 1;
    std::atomic<std::size_t> next{0};

    // A worker announces itself in `inside` and only then reads `open`; the caller clears `open`
    // and only then reads `inside`. All four are sequentially consistent, so at least one of the
    // two sees the other.
    std::atomic<std::uint64_t> open{0};  ///< number of the job that may be entered; 0: none
    std::atomic<int> inside{0};
    std::atomic<std::uint64_t> job{0};  ///< number of the newest job

    std::mutex sleep_lock;
    std::condition_variable wake;
    std::atomic<int> sleepers{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> workers;

    void work() {
        for (;;) {
            const std::size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
            if (begin >= count) return;
            (*body)(begin, std::min(count, begin + grain));
        }
    }

    void worker() {
        inside_loop = true;
        std::uint64_t seen = 0;
        while (!stop.load()) {
            const auto news = [&] { return job.load() != seen || stop.load(); };
            if (!spin_until(news)) {
                std::unique_lock lock(sleep_lock);
                sleepers.fetch_add(1);
                wake.wait(lock, news);
                sleepers.fetch_sub(1);
            }
            seen = job.load();
            inside.fetch_add(1);
            if (open.load() == seen && seen != 0) work();
            inside.fetch_sub(1);
        }
    }

    void wake_sleepers() {
        if (sleepers.load() == 0) return;
        const std::lock_guard lock(sleep_lock);
        wake.notify_all();
    }

    void run(std::size_t job_count, std::size_t job_grain, const Body& job_body) {
        const std::lock_guard turn(callers);
        body = &job_body;
        count = job_count;
        grain = job_grain;
        next.store(0);
        const std::uint64_t number = job.load() + 1;
        open.store(number);
        job.store(number);
        wake_sleepers();
        inside_loop = true;
        work();
        inside_loop = false;
        open.store(0);
        const auto empty = [&] { return inside.load() == 0; };
        while (!spin_until(empty))
            std::this_thread::yield();
    }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
    const int wanted = threads > 0 ? threads : usable_cores();
    for (int i = 1; i < wanted; ++i) {
        state_->workers.emplace_back([state = state_.get()] { state->worker(); });
    }
}

ThreadPool::~ThreadPool() {
    state_->stop.store(true);
    {
        const std::lock_guard lock(state_->sleep_lock);
        state_->wake.notify_all();
    }
    for (std::thread& worker : state_->workers)
        worker.join();
}

int ThreadPool::size() const {
    return static_cast<int>(state_->workers.size()) + 1;
}

void ThreadPool::parallel_for(std::size_t count, std::size_t grain,
                              const std::function<void(std::size_t begin, std::size_t end)>& body) {
    grain = std::max<std::size_t>(1, grain);
    if (count > grain && !inside_loop && !state_->workers.empty()) {
        state_->run(count, grain, body);
        return;
    }
    for (std::size_t begin = 0; begin < count; begin += grain) {
        body(begin, std::min(count, begin + grain));
    }
}

}  // namespace cairn
