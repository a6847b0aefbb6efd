// SPDX-License-Identifier: Apache-2.0
// Working memory of the drivers: one aligned buffer per thread and purpose that only grows, and the
// cut of loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "cairn/base/thread_pool.h"

namespace cairn::kernels::detail {

/// Memory aligned to a cache line; contents are undefined after `reserve`.
class Scratch {
  public:
    void* reserve(std::size_t bytes) {
        if (bytes > capacity_) {
            memory_.reset();
            capacity_ = 0;
            memory_.reset(::operator new (bytes, std::align_val_t{kAlignment}));
            capacity_ = bytes;
        }
        return memory_.get();
    }

  private:
    static constexpr std::size_t kAlignment = 64;
    struct Free {
        void operator()(void* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
    };
    std::unique_ptr<void, Free> memory_;
    std::size_t capacity_ = 0;
};

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}
inline std::int64_t round_up(std::int64_t a, std::int64_t b) {
    return ceil_div(a, b) * b;
}
inline int pool_size(const ThreadPool* pool) {
    return pool == nullptr ? 1 : pool->size();
}

/// Runs body(begin, end) over [0, count) in pieces of at most `grain`; inline when one piece or one
/// thread suffices.
template <typename Body>
void for_range(ThreadPool* pool, std::int64_t count, std::int64_t grain, const Body& body) {
    if (count <= 0) return;
    if (count <= grain || pool_size(pool) == 1) {
        body(std::int64_t{0}, count);
        return;
    }
    pool->parallel_for(static_cast<std::size_t>(count), static_cast<std::size_t>(grain),
                       [&body](std::size_t begin, std::size_t end) {
                           body(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
                       });
}

}  // namespace cairn::kernels::detail
