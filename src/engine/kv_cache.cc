// SPDX-License-Identifier: Apache-2.0
// Storage of keys and values, and the least-recently-used store of known beginnings.
#include "cairn/engine/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "cairn/base/result.h"

namespace cairn::engine {

KvCache::KvCache(const ModelConfig& config, std::int64_t capacity)
    : layers_(config.layers),
      kv_width_(config.kv_width()),
      capacity_(capacity),
      data_(new float[static_cast<std::size_t>(2 * layers_ * capacity_ * kv_width_)]) {}

std::int64_t KvCache::bytes_per_position(const ModelConfig& config) {
    return 2 * config.layers * config.kv_width() * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t KvCache::bytes() const {
    return 2 * layers_ * capacity_ * kv_width_ * static_cast<std::int64_t>(sizeof(float));
}

void KvCache::truncate(std::int64_t length) {
    CAIRN_ASSERT(length >= 0 && length <= length_);
    length_ = length;
}

void KvCache::advance(std::int64_t count) {
    CAIRN_ASSERT(count >= 0 && length_ + count <= capacity_);
    length_ += count;
}

void KvCache::copy_prefix(const KvCache& other, std::int64_t length) {
    CAIRN_ASSERT(length <= other.length_ && length <= capacity_);
    const auto bytes = static_cast<std::size_t>(length * kv_width_) * sizeof(float);
    for (std::int64_t part = 0; part < 2 * layers_; ++part) {
        std::memcpy(data_.get() + part * capacity_ * kv_width_,
                    other.data_.get() + part * other.capacity_ * kv_width_, bytes);
    }
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
        const std::int64_t length = common_prefix(entry->tokens, tokens);
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
