// SPDX-License-Identifier: Apache-2.0
// A fixed set of worker threads for data-parallel loops. Results never depend on the number of
// threads: work is cut by index, each index is done by exactly one thread, and reductions happen in
// index order by the caller.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace cairn {

class ThreadPool {
  public:
    /// threads <= 0: one per core. The calling thread works too, so `threads - 1` are started.
    explicit ThreadPool(int threads = 0);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int size() const;

    /// Calls body(begin, end) over disjoint pieces of [0, count), each at most `grain` long, until
    /// all are done. Blocking. Safe to call from several threads (calls take turns); a nested call
    /// runs inline.
    void parallel_for(std::size_t count, std::size_t grain,
                      const std::function<void(std::size_t begin, std::size_t end)>& body);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Cores this process may use (affinity mask).
int usable_cores();

}  // namespace cairn
