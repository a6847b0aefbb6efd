// SPDX-License-Identifier: Apache-2.0
// Lends stores to handlers: see store_pool.h.
#include "store_pool.h"

namespace cairn::serve {

Result<StorePool::Lease> StorePool::lease() {
    {
        const std::lock_guard lock(mutex_);
        if (!free_.empty()) {
            Lease lease(*this, std::move(free_.back()));
            free_.pop_back();
            return lease;
        }
    }
    store::Store opened = CAIRN_TRY(store::Store::open(root_));
    return Lease(*this, std::make_unique<store::Store>(std::move(opened)));
}

void StorePool::give_back(std::unique_ptr<store::Store> store) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(store));
}

}  // namespace cairn::serve
