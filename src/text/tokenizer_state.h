// SPDX-License-Identifier: Apache-2.0
// The tables behind a Tokenizer, built once by tokenizer_build.cc and read by tokenizer.cc and
// word_models.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "byte_trie.h"
#include "cairn/text/tokenizer.h"
#include "merge_table.h"
#include "normalizer.h"
#include "pre_tokenizer.h"

namespace cairn::text {

/// Finds added tokens in a text, the leftmost and of these the longest.
class AddedMatcher {
  public:
    struct Token {
        std::string_view text;
        AddedToken flags;
        bool guarded = false;  ///< only in trusted text
    };
    struct Match {
        std::size_t begin = 0;
        std::size_t end = 0;
        std::size_t own_end = 0;  ///< without the white space that it takes
        TokenId id = kNoToken;    ///< kNoToken: none, begin and end are the text's size
    };
    AddedMatcher() = default;
    explicit AddedMatcher(std::vector<Token> tokens);
    bool empty() const { return tokens_.empty(); }

    /// Looks from `from` on; white space is taken from `done` on. `trusted_bytes(at)`: how many
    /// bytes from `at` on may be a guarded token.
    template <typename TrustedBytes>
    Match find(std::string_view text, std::size_t from, std::size_t done,
               TrustedBytes&& trusted_bytes) const {
        for (std::size_t at = from; at < text.size(); ++at) {
            if (trie_.child(ByteTrie::kRoot, static_cast<std::uint8_t>(text[at])) ==
                ByteTrie::kNoNode) {
                continue;
            }
            while (const Token* token = longest(text.substr(at), trusted_bytes(at))) {
                const std::size_t end = at + token->text.size();
                if (stands_free(token->flags, text, at, end)) {
                    return stripped(token->flags, text, done, at, end);
                }
                at = end;
                if (at >= text.size()) break;
            }
        }
        return {text.size(), text.size(), text.size(), kNoToken};
    }

  private:
    const Token* longest(std::string_view text, std::size_t trusted_bytes) const;
    static bool stands_free(const AddedToken& flags, std::string_view text, std::size_t begin,
                            std::size_t end);
    static Match stripped(const AddedToken& flags, std::string_view text, std::size_t done,
                          std::size_t begin, std::size_t end);
    ByteTrie trie_;
    std::vector<Token> tokens_;
};

struct Tokenizer::State {
    TokenizerParts parts;
    TokenizerRules rules;
    std::uint64_t serial = 0;  // names this state in the threads' word caches

    std::unordered_map<std::string_view, TokenId> ids;  // all tokens; views into parts.tokens
    std::vector<std::string> bytes;                     // by id: what token_bytes gives
    std::vector<bool> special;
    std::vector<bool> guarded;  // markers that are shown, but never made from user text
    std::vector<bool> end;

    AddedMatcher raw_added;                 // found in the text as it came
    AddedMatcher normal_added;              // found behind the normaliser
    std::vector<std::string> normal_texts;  // what normal_added's views show
    Normalizer normalizer;
    PreTokenizer pre;

    std::array<TokenId, 256> byte_ids{};
    // BPE: symbols that a word begins with. Ids from tokens.size() upwards stand for characters
    // that only occur inside of pieces; `inner_characters` holds their text.
    ByteTrie characters;
    std::vector<std::string> inner_characters;
    MergeTable merges;
    std::unordered_map<std::string_view, TokenId> words;  // rules.whole_words; views into bytes
    // Where a word may be cut before U+2581 because no piece joins that byte with the mark.
    bool cut_at_marks = false;
    std::array<bool, 256> joins_mark{};

    ByteTrie pieces;             // Unigram; WordPiece: pieces that begin a word
    ByteTrie inside_pieces;      // WordPiece: those inside
    std::vector<double> scores;  // Unigram, by id
    double unknown_score = 0;

    const std::string& token(TokenId id) const {
        return parts.tokens[static_cast<std::size_t>(id)];
    }
    TokenType type(TokenId id) const {
        return parts.types.empty() ? TokenType::kNormal : parts.types[static_cast<std::size_t>(id)];
    }
};

/// Memory that one encode reuses from word to word.
struct WordScratch {
    std::vector<TokenId> symbols;
    struct Best {
        double score = 0;
        std::uint32_t begin = 0;
        TokenId id = kNoToken;
        bool reached = false;
    };
    std::vector<Best> best;
    std::vector<Best> path;
};

/// Appends the ids of one word as the model of `state` cuts it.
void encode_word(const Tokenizer::State& state, std::string_view word, WordScratch& scratch,
                 std::vector<TokenId>& out);

}  // namespace cairn::text
