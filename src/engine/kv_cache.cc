// SPDX-License-Identifier: Apache-2.0
// Storage of keys and values, and the least-recently-used store of known beginnings.
#include "cairn/engine/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "cairn/base/result.h"

namespace cairn::engine {

namespace {

// Few, because a state is as large as thousands of positions; when they are used up, every second
// one goes and the distance doubles.
constexpr std::size_t kSnapshotsMax = 6;

std::int64_t state_floats(const ModelConfig& config) {
    std::int64_t count = 0;
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
        count += config.state_size(layer);
    return count;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, std::int64_t capacity, std::int64_t longest)
    : capacity_(capacity),
      is_long_(is_long(config, longest == 0 ? capacity : longest)),
      snapshot_every_(kSnapshotStep) {
    std::int64_t width = 0;
    std::size_t state = 0;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        for (const std::int64_t row : {config.key_row(layer), config.value_row(layer)}) {
            parts_.push_back({width, row});
            width += row;
        }
        state_begin_.push_back(state);
        state += static_cast<std::size_t>(config.state_size(layer));
    }
    state_begin_.push_back(state);
    data_.reset(new float[static_cast<std::size_t>(width * capacity)]);
    state_.resize(state);
}

std::int64_t KvCache::bytes_per_position(const ModelConfig& config) {
    std::int64_t width = 0;
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
        width += config.key_row(layer) + config.value_row(layer);
    return width * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t KvCache::bytes_for(const ModelConfig& config, std::int64_t capacity) {
    const std::int64_t states = state_floats(config) * static_cast<std::int64_t>(kSnapshotsMax + 1);
    return capacity * bytes_per_position(config) +
           states * static_cast<std::int64_t>(sizeof(float));
}

bool KvCache::is_long(const ModelConfig& config, std::int64_t longest) {
    return config.has_two_ropes() && longest > config.rope_scaling.original_context;
}

std::int64_t KvCache::bytes() const {
    const std::int64_t width = parts_.back().begin + parts_.back().width;
    const std::int64_t states = std::ssize(state_) * static_cast<std::int64_t>(kSnapshotsMax + 1);
    return (capacity_ * width + states) * static_cast<std::int64_t>(sizeof(float));
}

void KvCache::offer_snapshot(std::int64_t layer, std::int64_t position) {
    if (position % snapshot_every_ != 0) return;
    auto found = std::find_if(snapshots_.begin(), snapshots_.end(),
                              [&](const Snapshot& s) { return s.position == position; });
    if (found == snapshots_.end()) {
        if (snapshots_.size() == kSnapshotsMax) {
            snapshot_every_ *= 2;
            std::erase_if(snapshots_,
                          [&](const Snapshot& s) { return s.position % snapshot_every_ != 0; });
            if (position % snapshot_every_ != 0) return;
        }
        found = snapshots_.insert(snapshots_.end(), {position, std::vector<float>(state_.size())});
    }
    const std::size_t begin = state_at(layer);
    std::copy(state_.begin() + static_cast<std::ptrdiff_t>(begin),
              state_.begin() + static_cast<std::ptrdiff_t>(state_at(layer + 1)),
              found->state.begin() + static_cast<std::ptrdiff_t>(begin));
}

std::int64_t KvCache::usable_prefix(std::int64_t length) const {
    if (state_.empty() || length >= length_) return std::min(length, length_);
    std::int64_t usable = 0;
    for (const Snapshot& snapshot : snapshots_) {
        if (snapshot.position <= length) usable = std::max(usable, snapshot.position);
    }
    return usable;
}

void KvCache::restore_state(const KvCache& from, std::int64_t length) {
    if (state_.empty()) return;
    if (length == 0) {
        std::fill(state_.begin(), state_.end(), 0.0F);
    } else if (length == from.length_) {
        state_ = from.state_;
    } else {
        for (const Snapshot& snapshot : from.snapshots_) {
            if (snapshot.position == length) state_ = snapshot.state;
        }
    }
    if (this != &from) {
        snapshots_ = from.snapshots_;
        snapshot_every_ = from.snapshot_every_;
    }
    std::erase_if(snapshots_, [&](const Snapshot& s) { return s.position > length; });
}

void KvCache::truncate(std::int64_t length) {
    CAIRN_ASSERT(length >= 0 && usable_prefix(length) == length);
    restore_state(*this, length);
    length_ = length;
}

void KvCache::advance(std::int64_t count) {
    CAIRN_ASSERT(count >= 0 && length_ + count <= capacity_);
    length_ += count;
}

void KvCache::copy_prefix(const KvCache& other, std::int64_t length) {
    CAIRN_ASSERT(length <= capacity_ && other.usable_prefix(length) == length);
    CAIRN_ASSERT(is_long_ == other.is_long_);
    for (const Part& part : parts_) {
        if (part.width == 0) continue;
        std::memcpy(data_.get() + part.begin * capacity_,
                    other.data_.get() + part.begin * other.capacity_,
                    static_cast<std::size_t>(length * part.width) * sizeof(float));
    }
    restore_state(other, length);
    length_ = length;
}

namespace {
std::int64_t common_prefix(std::span<const text::TokenId> a, std::span<const text::TokenId> b) {
    const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    return end - a.begin();
}
}  // namespace

PrefixCache::Hit PrefixCache::find(std::string_view key, std::span<const text::TokenId> tokens) {
    Hit hit;
    auto best = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
        if (entry->key != key) continue;
        const std::int64_t length = entry->kv->usable_prefix(common_prefix(entry->tokens, tokens));
        if (length <= hit.length) continue;
        hit = {entry->kv.get(), length};
        best = entry;
    }
    if (best != entries_.end()) entries_.splice(entries_.begin(), entries_, best);
    return hit;
}

void PrefixCache::insert(std::string key, std::vector<text::TokenId> tokens,
                         std::unique_ptr<KvCache> kv) {
    CAIRN_ASSERT(kv->length() == std::ssize(tokens));
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        const std::int64_t common = common_prefix(entry->tokens, tokens);
        if (entry->key == key && common == std::ssize(tokens)) return;  // known already
        if (entry->key == key && common == std::ssize(entry->tokens)) {
            bytes_ -= entry->kv->bytes();
            entry = entries_.erase(entry);
        } else {
            ++entry;
        }
    }
    bytes_ += kv->bytes();
    entries_.push_front({std::move(key), std::move(tokens), std::move(kv)});
}

void PrefixCache::shrink(std::int64_t bytes_max) {
    while (bytes_ > bytes_max && !entries_.empty()) {
        bytes_ -= entries_.back().kv->bytes();
        entries_.pop_back();
    }
}

}  // namespace cairn::engine
