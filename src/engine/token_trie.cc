// SPDX-License-Identifier: Apache-2.0
// The byte trie of a vocabulary. Nodes lie in breadth-first order, so that the children of a node
// are neighbours and one byte per node is enough.
#include <algorithm>
#include <array>
#include <numeric>

#include "cairn/engine/quote_constraint.h"

namespace cairn::engine {

struct TokenTrie::State {
    struct Node {
        std::int32_t first_child = 0;
        std::int32_t child_count = 0;
        std::int32_t first_token = 0;
        std::int32_t token_count = 0;
    };
    std::vector<Node> nodes;
    std::vector<std::uint8_t> bytes;       ///< by node: the byte that leads to it
    std::vector<TokenId> tokens;           ///< by their bytes
    std::array<std::int32_t, 256> root{};  ///< children of the root, or -1
    std::vector<TokenId> end_tokens;
    std::vector<std::string> token_bytes;  ///< by id
};

TokenTrie::TokenTrie(const text::Tokenizer& tokenizer) : state_(std::make_unique<State>()) {
    State& s = *state_;
    const std::int32_t vocabulary = tokenizer.vocabulary_size();
    s.token_bytes.resize(static_cast<std::size_t>(vocabulary));
    for (TokenId id = 0; id < vocabulary; ++id) {
        if (tokenizer.is_end(id)) {
            s.end_tokens.push_back(id);
            continue;
        }
        s.token_bytes[static_cast<std::size_t>(id)] = tokenizer.token_bytes(id);
        if (!bytes(id).empty()) s.tokens.push_back(id);
    }
    std::stable_sort(s.tokens.begin(), s.tokens.end(),
                     [&](TokenId a, TokenId b) { return bytes(a) < bytes(b); });

    // Each pending node stands for the range of tokens that begin with its bytes.
    struct Range {
        std::int32_t begin, end;
        std::size_t depth;
    };
    std::vector<Range> ranges = {{0, static_cast<std::int32_t>(s.tokens.size()), 0}};
    s.bytes.push_back(0);
    for (std::size_t node = 0; node < ranges.size(); ++node) {
        auto [begin, end, depth] = ranges[node];
        State::Node made;
        made.first_token = begin;
        const auto token = [&](std::int32_t i) {
            return bytes(s.tokens[static_cast<std::size_t>(i)]);
        };
        while (begin < end && token(begin).size() == depth)
            ++begin;
        made.token_count = begin - made.first_token;
        made.first_child = static_cast<std::int32_t>(ranges.size());
        while (begin < end) {
            const char byte = token(begin)[depth];
            std::int32_t stop = begin;
            while (stop < end && token(stop)[depth] == byte)
                ++stop;
            ranges.push_back({begin, stop, depth + 1});
            s.bytes.push_back(static_cast<std::uint8_t>(byte));
            begin = stop;
        }
        made.child_count = static_cast<std::int32_t>(ranges.size()) - made.first_child;
        s.nodes.push_back(made);
    }
    s.root.fill(-1);
    for (std::int32_t i = 0; i < s.nodes[0].child_count; ++i) {
        s.root[s.bytes[static_cast<std::size_t>(1 + i)]] = 1 + i;
    }
}

TokenTrie::~TokenTrie() = default;

std::int32_t TokenTrie::child(std::int32_t node, std::uint8_t byte) const {
    if (node == 0) return state_->root[byte];
    const State::Node& at = state_->nodes[static_cast<std::size_t>(node)];
    const auto begin = state_->bytes.begin() + at.first_child;
    const auto end = begin + at.child_count;
    const auto found = std::lower_bound(begin, end, byte);
    if (found == end || *found != byte) return -1;
    return static_cast<std::int32_t>(found - state_->bytes.begin());
}

std::span<const TokenId> TokenTrie::tokens(std::int32_t node) const {
    const State::Node& at = state_->nodes[static_cast<std::size_t>(node)];
    return std::span(state_->tokens)
        .subspan(static_cast<std::size_t>(at.first_token),
                 static_cast<std::size_t>(at.token_count));
}

std::span<const TokenId> TokenTrie::end_tokens() const {
    return state_->end_tokens;
}

std::int64_t TokenTrie::vocabulary() const {
    return std::ssize(state_->token_bytes);
}

std::string_view TokenTrie::bytes(TokenId token) const {
    return state_->token_bytes[static_cast<std::size_t>(token)];
}

}  // namespace cairn::engine
