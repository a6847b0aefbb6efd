// SPDX-License-Identifier: Apache-2.0
// The merge loop that both BPE kinds share: a linked list of symbols and a heap of possible merges,
// n log n for any word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct Symbol {
    std::size_t begin = 0;
    std::size_t length = 0;  ///< bytes; 0: merged into the symbol before
    TokenId id = kNoToken;
    std::int64_t previous = -1;
    std::int64_t next = -1;
};

struct Merge {
    double priority = 0;  ///< the smallest goes first; then the leftmost
    TokenId merged = kNoToken;
};

inline void link_symbols(std::vector<Symbol>& symbols) {
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        symbols[i].previous = static_cast<std::int64_t>(i) - 1;
        symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int64_t>(i) + 1 : -1;
    }
}

/// `find(left, right)` says whether and how two neighbours merge. Merged symbols keep their place
/// with length 0.
template <typename Find>
void merge_symbols(std::vector<Symbol>& symbols, Find find) {
    struct Candidate {
        Merge merge;
        std::int64_t left;
        std::size_t length;  // of both: tells whether one of them has changed since
        bool operator<(const Candidate& other) const {
            if (merge.priority != other.merge.priority)
                return merge.priority > other.merge.priority;
            return left > other.left;
        }
    };
    link_symbols(symbols);
    std::priority_queue<Candidate> candidates;
    const auto at = [&](std::int64_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    const auto offer = [&](std::int64_t left) {
        if (left < 0 || at(left).next < 0) return;
        const Symbol& right = at(at(left).next);
        if (const std::optional<Merge> merge = find(at(left), right)) {
            candidates.push({*merge, left, at(left).length + right.length});
        }
    };
    for (std::int64_t i = 0; i + 1 < static_cast<std::int64_t>(symbols.size()); ++i) {
        offer(i);
    }
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Symbol& left = at(best.left);
        if (left.length == 0 || left.next < 0) continue;
        Symbol& right = at(left.next);
        if (left.length + right.length != best.length) continue;
        left.length = best.length;
        left.id = best.merge.merged;
        left.next = right.next;
        right.length = 0;
        if (left.next >= 0) at(left.next).previous = best.left;
        offer(left.previous);
        offer(best.left);
    }
}

}  // namespace cairn::text
