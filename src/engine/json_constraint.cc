// SPDX-License-Identifier: Apache-2.0
// Masks of the JSON machine. Inside of a string most tokens may come and change nothing: they are
// known beforehand, and only the others are tried.
#include "cairn/engine/json_constraint.h"

#include <algorithm>

#include "json_grammar.h"

namespace cairn::engine {

struct JsonConstraint::State {
    std::shared_ptr<const TokenTrie> trie;
    JsonGrammar grammar;
    JsonMachine machine;
    bool ended = false;
    std::vector<TokenId> plain;   ///< stay inside of a string, whatever came before in it
    std::vector<TokenId> others;  ///< hold a quote, a backslash or half a character

    State(std::shared_ptr<const TokenTrie> given, JsonGrammar compiled)
        : trie(std::move(given)), grammar(std::move(compiled)), machine(grammar.root) {
        for (TokenId token = 0; token < trie->vocabulary(); ++token) {
            const std::string_view bytes = trie->bytes(token);
            if (!bytes.empty()) (is_plain(bytes) ? plain : others).push_back(token);
        }
    }

    static bool is_plain(std::string_view bytes) {
        std::uint8_t state = kStringPlain;
        for (const char byte : bytes) {
            if (byte == '\\') return false;
            state = string_step(state, static_cast<std::uint8_t>(byte));
            if (state == kStringEnd || state == kStringRefused) return false;
        }
        return true;
    }

    bool goes(JsonMachine& from, std::string_view bytes) const {
        for (const char byte : bytes) {
            if (!from.step(grammar, static_cast<std::uint8_t>(byte))) return false;
        }
        return true;
    }

    /// Along the trie, as far as its bytes may come.
    void mark_tokens(TokenMask& mask) const {
        struct Step {
            JsonMachine machine;
            std::int32_t node;
        };
        std::vector<Step> stack = {{machine, 0}};
        while (!stack.empty()) {
            const Step step = stack.back();
            stack.pop_back();
            for (int byte = 0; byte < 256; ++byte) {
                const std::int32_t node = trie->child(step.node, static_cast<std::uint8_t>(byte));
                if (node < 0) continue;
                JsonMachine then = step.machine;
                if (!then.step(grammar, static_cast<std::uint8_t>(byte))) continue;
                for (const TokenId token : trie->tokens(node))
                    mask.allow(token);
                stack.push_back({then, node});
            }
        }
    }
};

JsonConstraint::JsonConstraint(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonConstraint::~JsonConstraint() = default;

Result<std::shared_ptr<JsonConstraint>> JsonConstraint::create(
    std::shared_ptr<const TokenTrie> trie, std::string_view schema) {
    JsonGrammar grammar = CAIRN_TRY(compile_json_schema(schema));
    return std::shared_ptr<JsonConstraint>(
        new JsonConstraint(std::make_unique<State>(std::move(trie), std::move(grammar))));
}

void JsonConstraint::fill(TokenMask& mask) {
    const State& s = *state_;
    if (s.ended || s.machine.complete(s.grammar)) {
        for (const TokenId token : s.trie->end_tokens())
            mask.allow(token);
    }
    if (s.ended) return;
    if (!s.machine.in_plain_string()) return s.mark_tokens(mask);
    for (const TokenId token : s.plain)
        mask.allow(token);
    for (const TokenId token : s.others) {
        JsonMachine copy = s.machine;
        if (s.goes(copy, s.trie->bytes(token))) mask.allow(token);
    }
}

bool JsonConstraint::accept(TokenId token) {
    State& s = *state_;
    if (token < 0 || token >= s.trie->vocabulary()) return false;
    const auto ends = s.trie->end_tokens();
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) {
        s.ended = s.ended || s.machine.complete(s.grammar);
        return s.ended;
    }
    JsonMachine copy = s.machine;
    if (s.ended || s.trie->bytes(token).empty() || !s.goes(copy, s.trie->bytes(token))) {
        return false;
    }
    s.machine = copy;
    return true;
}

bool JsonConstraint::finished() const {
    return state_->ended || state_->machine.ended();
}

}  // namespace cairn::engine
