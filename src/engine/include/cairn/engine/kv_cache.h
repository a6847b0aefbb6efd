// SPDX-License-Identifier: Apache-2.0
// Keys and values of one sequence in f32, and the store of finished sequences that lets a request
// with a known beginning skip its prefill.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/engine/model_config.h"
#include "cairn/text/tokenizer.h"

namespace cairn::engine {

/// Room for `capacity` positions; per layer the keys [capacity, kv_width], then the values.
/// Memory is touched only where positions are written.
class KvCache {
  public:
    KvCache(const ModelConfig& config, std::int64_t capacity);

    std::int64_t length() const { return length_; }
    std::int64_t capacity() const { return capacity_; }
    std::int64_t bytes() const;
    static std::int64_t bytes_per_position(const ModelConfig& config);

    float* keys(std::int64_t layer) { return data_.get() + 2 * layer * capacity_ * kv_width_; }
    float* values(std::int64_t layer) { return keys(layer) + capacity_ * kv_width_; }

    /// Positions from `length` on are forgotten; `length` <= length().
    void truncate(std::int64_t length);
    /// Counts positions that forward has written behind the end.
    void advance(std::int64_t count);
    /// Takes the first `length` positions of `other`, forgetting its own.
    void copy_prefix(const KvCache& other, std::int64_t length);

  private:
    std::int64_t layers_;
    std::int64_t kv_width_;
    std::int64_t capacity_;
    std::int64_t length_ = 0;
    std::unique_ptr<float[]> data_;
};

/// Finished sequences, least recently used first out. Entries are found only under the same key
/// (adapter and tenant), so nothing leaks between tenants. Not thread-safe.
class PrefixCache {
  public:
    struct Hit {
        const KvCache* kv = nullptr;
        std::int64_t length = 0;  ///< tokens in common
    };

    /// The entry with the longest common prefix; marks it as used. The pointer is valid until the
    /// next insert or shrink.
    Hit find(std::string_view key, std::span<const text::TokenId> tokens);
    /// Keeps `kv`, which holds the positions of `tokens`. Drops entries that are prefixes of it.
    void insert(std::string key, std::vector<text::TokenId> tokens, std::unique_ptr<KvCache> kv);
    /// Drops the oldest entries until at most `bytes_max` are held.
    void shrink(std::int64_t bytes_max);
    std::int64_t bytes() const { return bytes_; }
    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::string key;
        std::vector<text::TokenId> tokens;
        std::unique_ptr<KvCache> kv;
    };
    std::list<Entry> entries_;  ///< most recently used first
    std::int64_t bytes_ = 0;
};

}  // namespace cairn::engine
