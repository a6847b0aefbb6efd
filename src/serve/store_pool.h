// SPDX-License-Identifier: Apache-2.0
// Connections for handlers: a store is used by one thread at a time, so each handler borrows one
// and gives it back. The pool grows to the number of handlers that really ran at once.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/store.h"

namespace cairn::serve {

class StorePool {
  public:
    explicit StorePool(std::filesystem::path root) : root_(std::move(root)) {}

    /// A borrowed store; goes back when the lease ends. Must not outlive the pool.
    class Lease {
      public:
        Lease(StorePool& pool, std::unique_ptr<store::Store> store)
            : pool_(&pool), store_(std::move(store)) {}
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (store_) pool_->give_back(std::move(store_));
        }
        store::Store& operator*() { return *store_; }
        store::Store* operator->() { return store_.get(); }

      private:
        StorePool* pool_;
        std::unique_ptr<store::Store> store_;
    };

    Result<Lease> lease();

  private:
    void give_back(std::unique_ptr<store::Store> store);
    std::filesystem::path root_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<store::Store>> free_;
};

}  // namespace cairn::serve
