// SPDX-License-Identifier: Apache-2.0
// BPE's merges as a hash table over pairs of ids, and the merge of one word: n log n for any word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/text/tokenizer_parts.h"

namespace cairn::text {

class MergeTable {
  public:
    struct Entry {
        std::uint64_t key = kFree;
        std::uint32_t rank = kNoRank;  ///< the smallest goes first, then the leftmost
        TokenId merged = kNoToken;
    };
    static constexpr std::uint32_t kNoRank = 0xFFFF'FFFF;

    /// Room for `count` pairs.
    void reserve(std::size_t count);
    /// A pair that is there already keeps its entry unless `replace`.
    void put(TokenId left, TokenId right, std::uint32_t rank, TokenId merged, bool replace);
    /// An entry with kNoRank when the pair does not merge.
    const Entry& find(TokenId left, TokenId right) const {
        const std::uint64_t key = key_of(left, right);
        const std::uint64_t hash = hash_of(key);
        if (!may_hold(hash)) return no_entry_;
        for (std::size_t slot = hash >> shift_;; slot = (slot + 1) & mask_) {
            const Entry& entry = entries_[slot];
            if (entry.key == key || entry.key == kFree) return entry;
        }
    }

    /// Merges the symbols of one word in place.
    void merge(std::vector<TokenId>& symbols) const;

    static std::uint64_t key_of(TokenId left, TokenId right) {
        return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
               static_cast<std::uint32_t>(right);
    }

  private:
    static constexpr std::uint64_t kFree = 0xFFFF'FFFF'FFFF'FFFF;  // no pair of ids from 0 upwards
    static std::uint64_t hash_of(std::uint64_t key) { return key * 0x9E37'79B9'7F4A'7C15U; }
    // Most pairs do not merge. One bit each says so from the second-level cache; the entries of a
    // large vocabulary lie far behind it.
    static constexpr int kBitsPerSlotLog2 = 2;
    std::uint64_t bit_of(std::uint64_t hash) const { return hash >> (shift_ - kBitsPerSlotLog2); }
    bool may_hold(std::uint64_t hash) const {
        const std::uint64_t bit = bit_of(hash);
        return (present_[bit / 64] >> (bit % 64) & 1U) != 0;
    }
    void merge_short(std::vector<TokenId>& symbols) const;
    void merge_long(std::vector<TokenId>& symbols) const;

    std::vector<Entry> entries_ = std::vector<Entry>(2);
    std::vector<std::uint64_t> present_ = std::vector<std::uint64_t>(1);
    Entry no_entry_;
    std::size_t mask_ = 1;
    int shift_ = 63;
};

}  // namespace cairn::text
