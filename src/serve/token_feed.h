// SPDX-License-Identifier: Apache-2.0
// Hands tokens from the engine's thread to the handler's thread, so that a slow client never slows
// the batch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/engine/scheduler.h"

namespace cairn::serve {

class TokenFeed {
  public:
    void push(std::string_view text) {
        const std::lock_guard lock(mutex_);
        pending_ += text;
        ++tokens_;
        changed_.notify_one();
    }
    void finish(Result<engine::GenerateResult> result) {
        const std::lock_guard lock(mutex_);
        result_ = std::move(result);
        changed_.notify_one();
    }

    /// Takes the text that has come, waiting at most `patience` for something to come.
    std::string take(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return !pending_.empty() || result_; });
        return std::exchange(pending_, {});
    }
    /// True when the generation has ended and all its text was taken.
    bool ended() {
        const std::lock_guard lock(mutex_);
        return result_ && pending_.empty();
    }
    /// Only after ended().
    const Result<engine::GenerateResult>& result() const { return *result_; }
    std::int64_t tokens() const { return tokens_; }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string pending_;
    std::int64_t tokens_ = 0;
    std::optional<Result<engine::GenerateResult>> result_;
};

}  // namespace cairn::serve
