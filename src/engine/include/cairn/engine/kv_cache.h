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

/// Snapshots of states are only kept at multiples of this position.
inline constexpr std::int64_t kSnapshotStep = 64;

/// Room for `capacity` positions; per layer the keys [capacity, key_row], then the values. Memory
/// is touched only where positions are written. Layers of lightning attention keep a state instead,
/// which cannot be cropped: snapshots of it are the only places to which such a cache goes back.
class KvCache {
  public:
    /// `longest`: the length that the sequence may reach, when another cache takes over from this
    /// one; it decides which rotary factors are in use. 0: the capacity.
    KvCache(const ModelConfig& config, std::int64_t capacity, std::int64_t longest = 0);

    std::int64_t length() const { return length_; }
    std::int64_t capacity() const { return capacity_; }
    std::int64_t bytes() const;
    static std::int64_t bytes_per_position(const ModelConfig& config);
    /// What a cache of that capacity counts, with its states and their snapshots.
    static std::int64_t bytes_for(const ModelConfig& config, std::int64_t capacity);
    /// True when the sequence turns with the factors for long contexts.
    static bool is_long(const ModelConfig& config, std::int64_t longest);
    bool is_long() const { return is_long_; }

    float* keys(std::int64_t layer) { return data_.get() + part(2 * layer).begin * capacity_; }
    float* values(std::int64_t layer) {
        return data_.get() + part(2 * layer + 1).begin * capacity_;
    }
    /// The state of a layer behind the last position that it has seen.
    float* state(std::int64_t layer) { return state_.data() + state_at(layer); }
    /// A layer tells that its state is the one behind `position` positions: kept now and then.
    void offer_snapshot(std::int64_t layer, std::int64_t position);

    /// The most of the first `length` positions that truncate and copy_prefix can keep.
    std::int64_t usable_prefix(std::int64_t length) const;
    /// Positions from `length` on are forgotten; `length` is usable.
    void truncate(std::int64_t length);
    /// Counts positions that forward has written behind the end.
    void advance(std::int64_t count);
    /// Takes the first `length` positions of `other` (usable, same rotary factors), forgetting its
    /// own.
    void copy_prefix(const KvCache& other, std::int64_t length);

  private:
    struct Part {
        std::int64_t begin = 0;  ///< floats of a position before this part
        std::int64_t width = 0;
    };
    struct Snapshot {
        std::int64_t position = 0;
        std::vector<float> state;
    };
    const Part& part(std::int64_t index) const { return parts_[static_cast<std::size_t>(index)]; }
    std::size_t state_at(std::int64_t layer) const {
        return state_begin_[static_cast<std::size_t>(layer)];
    }
    void restore_state(const KvCache& from, std::int64_t length);

    std::vector<Part> parts_;               ///< keys and values of each layer
    std::vector<std::size_t> state_begin_;  ///< of each layer, and the end
    std::int64_t capacity_;
    std::int64_t length_ = 0;
    bool is_long_;
    std::unique_ptr<float[]> data_;
    std::vector<float> state_;
    std::vector<Snapshot> snapshots_;
    std::int64_t snapshot_every_;
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
