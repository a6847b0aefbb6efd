// SPDX-License-Identifier: Apache-2.0
// Short words look for the best pair by scanning, long ones by a heap over a linked list. Both
// merge the same pairs in the same order.
#include "merge_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <queue>

namespace cairn::text {
namespace {

constexpr std::size_t kShortWord = 96;  // scanning is faster up to here
constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::max();

}  // namespace

void MergeTable::reserve(std::size_t count) {
    const std::size_t slots = std::bit_ceil(count * 2 + 2);
    entries_.assign(slots, Entry{});
    present_.assign(std::max<std::size_t>(1, (slots << kBitsPerSlotLog2) / 64), 0);
    mask_ = slots - 1;
    shift_ = 64 - std::countr_zero(slots);
}

void MergeTable::put(TokenId left, TokenId right, std::uint32_t rank, TokenId merged,
                     bool replace) {
    const std::uint64_t key = key_of(left, right);
    const std::uint64_t hash = hash_of(key);
    present_[bit_of(hash) / 64] |= std::uint64_t{1} << (bit_of(hash) % 64);
    std::size_t slot = hash >> shift_;
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
    // [i]: of symbols i and i + 1. Ranks are signed, because compilers find the least of signed
    // numbers with vectors on every machine.
    std::array<std::int32_t, kShortWord> ranks;
    std::array<TokenId, kShortWord> merged;
    std::size_t count = symbols.size();
    const auto look = [&](std::size_t i) {
        const Entry& entry = find(symbols[i], symbols[i + 1]);
        ranks[i] = entry.rank == kNoRank ? kNone : static_cast<std::int32_t>(entry.rank);
        merged[i] = entry.merged;
    };
    for (std::size_t i = 0; i + 1 < count; ++i)
        look(i);
    while (count > 1) {
        std::int32_t least = kNone;
        for (std::size_t i = 0; i + 1 < count; ++i)
            least = std::min(least, ranks[i]);
        if (least == kNone) break;
        const auto best =
            static_cast<std::size_t>(std::find(ranks.begin(), ranks.end(), least) - ranks.begin());
        symbols[best] = merged[best];
        const auto close = [&](auto& values, std::size_t at, std::size_t end) {
            std::copy(values.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                      values.begin() + static_cast<std::ptrdiff_t>(end),
                      values.begin() + static_cast<std::ptrdiff_t>(at));
        };
        close(symbols, best + 1, count);
        close(ranks, best, count - 1);
        close(merged, best, count - 1);
        --count;
        if (best > 0) look(best - 1);
        if (best + 1 < count) look(best);
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
