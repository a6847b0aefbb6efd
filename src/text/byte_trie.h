// SPDX-License-Identifier: Apache-2.0
// Strings with a number each, found as prefixes of a text byte by byte. Built once; children of a
// node lie side by side.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::text {

class ByteTrie {
  public:
    static constexpr std::int32_t kNone = -1;
    static constexpr std::uint32_t kRoot = 0;
    static constexpr std::uint32_t kNoNode = 0xFFFF'FFFF;

    ByteTrie() { root_children_.fill(kNoNode); }
    /// Of equal strings the first counts; empty strings are left out.
    explicit ByteTrie(std::vector<std::pair<std::string_view, std::int32_t>> entries);

    bool empty() const { return labels_.empty(); }
    /// The node behind `byte`, or kNoNode.
    std::uint32_t child(std::uint32_t node, std::uint8_t byte) const {
        if (node == kRoot) return root_children_[byte];
        const Node& parent = nodes_[node];
        const std::uint32_t end = parent.first_child + parent.children;
        for (std::uint32_t at = parent.first_child; at < end; ++at) {
            if (labels_[at] == byte) return at;
        }
        return kNoNode;
    }
    std::int32_t value(std::uint32_t node) const { return nodes_[node].value; }

    struct Found {
        std::size_t length = 0;  ///< 0: none
        std::int32_t value = kNone;
    };
    /// The longest string that `text` begins with.
    Found longest_prefix(std::string_view text) const;

  private:
    struct Node {
        std::uint32_t first_child = 0;
        std::uint32_t children = 0;
        std::int32_t value = kNone;
    };
    std::vector<Node> nodes_;
    std::vector<std::uint8_t> labels_;  // by node
    std::array<std::uint32_t, 256> root_children_;
};

}  // namespace cairn::text
