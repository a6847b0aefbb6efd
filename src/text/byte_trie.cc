// SPDX-License-Identifier: Apache-2.0
// Built level by level from the sorted strings: a node is a range of strings with one prefix.
#include "byte_trie.h"

#include <algorithm>

namespace cairn::text {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>> entries) {
    root_children_.fill(kNoNode);
    std::erase_if(entries, [](const auto& entry) { return entry.first.empty(); });
    std::ranges::stable_sort(entries, {}, [](const auto& entry) { return entry.first; });
    struct Range {
        std::size_t begin = 0;
        std::size_t end = 0;
        std::size_t depth = 0;
    };
    std::vector<Range> ranges = {{0, entries.size(), 0}};  // by node
    nodes_.push_back({});
    labels_.push_back(0);
    for (std::size_t node = 0; node < ranges.size(); ++node) {
        const auto [begin, end, depth] = ranges[node];
        std::size_t at = begin;
        if (depth > 0 && at < end && entries[at].first.size() == depth) {
            nodes_[node].value = entries[at].second;
            while (at < end && entries[at].first.size() == depth) {
                ++at;
            }
        }
        nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
        while (at < end) {
            const char label = entries[at].first[depth];
            const std::size_t first = at;
            while (at < end && entries[at].first[depth] == label) {
                ++at;
            }
            ranges.push_back({first, at, depth + 1});
            nodes_.push_back({});
            labels_.push_back(static_cast<std::uint8_t>(label));
            ++nodes_[node].children;
        }
    }
    for (std::uint32_t i = 0; i < nodes_[0].children; ++i) {
        const std::uint32_t child = nodes_[0].first_child + i;
        root_children_[labels_[child]] = child;
    }
    if (nodes_[0].children == 0) labels_.clear();
}

ByteTrie::Found ByteTrie::longest_prefix(std::string_view text) const {
    Found found;
    std::uint32_t node = kRoot;
    for (std::size_t i = 0; i < text.size(); ++i) {
        node = child(node, static_cast<std::uint8_t>(text[i]));
        if (node == kNoNode) break;
        if (nodes_[node].value != kNone) found = {i + 1, nodes_[node].value};
    }
    return found;
}

}  // namespace cairn::text
