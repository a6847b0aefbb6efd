// SPDX-License-Identifier: Apache-2.0
// Short words look for the best pair by scanning, long ones by a heap over a linked list. Both
// merge the same pairs in the same order.
#include "merge_table.h"

#include <array>
#include <bit>
#include <queue>

namespace cairn::text {
namespace {

constexpr std::size_t kShortWord = 40;  // scanning is faster up to here

}  // namespace

void MergeTable::reserve(std::size_t count) {
    const std::size_t slots = std::bit_ceil(count * 2 + 2);
    entries_.assign(slots, Entry{});
    mask_ = slots - 1;
    shift_ = 64 - std::countr_zero(slots);
}

void MergeTable::put(TokenId left, TokenId right, std::uint32_t rank, TokenId merged,
                     bool replace) {
    const std::uint64_t key = key_of(left, right);
    std::size_t slot = slot_of(key);
    while (entries_[slot].key != key && entries_[slot].key != kFree) {
        slot = (slot + 1) & mask_;
    }
    if (entries_[slot].key == kFree || replace) entries_[slot] = {key, rank, merged};
}

void MergeTable::merge(std::vector<TokenId>& symbols) const {
    if (symbols.size() < 2) return;
    symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
}

void MergeTable::merge_short(std::vector<TokenId>& symbols) const {
    std::array<const Entry*, kShortWord> pairs{};  // [i]: of symbols i and i + 1
    std::size_t count = symbols.size();
    for (std::size_t i = 0; i + 1 < count; ++i) {
        pairs[i] = &find(symbols[i], symbols[i + 1]);
    }
    while (count > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < count; ++i) {
            if (pairs[i]->rank < pairs[best]->rank) best = i;
        }
        if (pairs[best]->rank == kNoRank) break;
        symbols[best] = pairs[best]->merged;
        for (std::size_t i = best + 1; i + 1 < count; ++i) {
            symbols[i] = symbols[i + 1];
            pairs[i] = pairs[i + 1];
        }
        --count;
        if (best > 0) pairs[best - 1] = &find(symbols[best - 1], symbols[best]);
        if (best + 1 < count) pairs[best] = &find(symbols[best], symbols[best + 1]);
    }
    symbols.resize(count);
}

void MergeTable::merge_long(std::vector<TokenId>& symbols) const {
    struct Link {
        std::uint32_t previous;
        std::uint32_t next;
    };
    struct Candidate {
        std::uint32_t rank;
        std::uint32_t left;
        TokenId merged;
        bool operator<(const Candidate& other) const {
            return rank != other.rank ? rank > other.rank : left > other.left;
        }
    };
    constexpr std::uint32_t kEnd = 0xFFFF'FFFF;
    const auto count = static_cast<std::uint32_t>(symbols.size());
    std::vector<Link> links(count);
    std::vector<Candidate> heap;
    heap.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        links[i] = {i == 0 ? kEnd : i - 1, i + 1 < count ? i + 1 : kEnd};
    }
    std::priority_queue<Candidate> candidates(std::less<Candidate>(), std::move(heap));
    const auto offer = [&](std::uint32_t left) {
        if (left == kEnd || links[left].next == kEnd) return;
        const Entry& entry = find(symbols[left], symbols[links[left].next]);
        if (entry.rank != kNoRank) candidates.push({entry.rank, left, entry.merged});
    };
    for (std::uint32_t i = 0; i + 1 < count; ++i) {
        offer(i);
    }
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Link& link = links[best.left];
        if (symbols[best.left] == kNoToken || link.next == kEnd) continue;
        const Entry& now = find(symbols[best.left], symbols[link.next]);
        if (now.rank != best.rank || now.merged != best.merged) continue;  // outdated
        symbols[best.left] = best.merged;
        symbols[link.next] = kNoToken;
        link.next = links[link.next].next;
        if (link.next != kEnd) links[link.next].previous = best.left;
        offer(link.previous);
        offer(best.left);
    }
    std::erase(symbols, kNoToken);
}

}  // namespace cairn::text
