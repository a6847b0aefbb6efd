// SPDX-License-Identifier: Apache-2.0
// The tables behind a Tokenizer, built once by tokenizer_build.cc and read by tokenizer.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cairn/text/tokenizer.h"
#include "pre_tokenizer.h"
#include "symbol_merge.h"

namespace cairn::text {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

struct Tokenizer::State {
    TokenizerParts parts;
    bool sentence_piece = false;  // kind llama
    PreTokenizer pre = PreTokenizer::kGpt2;
    std::uint64_t serial = 0;  // names this state in the threads' word caches

    std::unordered_map<std::string_view, TokenId> ids;  // all tokens; views into parts.tokens
    std::unordered_map<std::string_view, TokenId>
        pieces;                                       // kind llama: tokens that merging may make
    std::unordered_map<std::uint64_t, Merge> merges;  // kind gpt2: by pair_key
    std::array<TokenId, 256> byte_ids;
    std::vector<std::string> bytes;  // by id: what token_bytes gives
    std::vector<bool> special;
    std::vector<bool> end;
    // Whole-text tokens by first byte, longest first: `user` is found in any text, `control` in
    // trusted text only.
    std::array<std::vector<TokenId>, 256> user;
    std::array<std::vector<TokenId>, 256> control;
    bool has_user = false;

    static std::uint64_t pair_key(TokenId left, TokenId right) {
        return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
               static_cast<std::uint32_t>(right);
    }
    const std::string& token(TokenId id) const {
        return parts.tokens[static_cast<std::size_t>(id)];
    }
    TokenType type(TokenId id) const {
        return parts.types.empty() ? TokenType::kNormal : parts.types[static_cast<std::size_t>(id)];
    }
};

}  // namespace cairn::text
