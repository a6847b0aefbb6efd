// SPDX-License-Identifier: Apache-2.0
// How one word becomes ids: BPE, Unigram, WordPiece. A cache remembers frequent words.
#include <cstring>

#include "cairn/base/hash.h"
#include "split_program.h"
#include "tokenizer_state.h"

namespace cairn::text {
namespace {

using State = Tokenizer::State;

/// Remembers how frequent words were cut: a direct-mapped table of about 1 MiB per thread, exact
/// because keys are compared.
class WordCache {
  public:
    struct Slot {
        std::uint64_t hash = 0;
        std::uint8_t length = 0;
        std::uint8_t count = 0;
        char word[30] = {};
        TokenId ids[6] = {};
    };

    static WordCache& of_thread(std::uint64_t owner) {
        thread_local WordCache cache;
        if (cache.owner_ != owner) {
            cache.slots_.assign(kSlots, Slot{});
            cache.owner_ = owner;
        }
        return cache;
    }

    static bool fits(std::string_view word) { return word.size() <= sizeof(Slot::word); }

    Slot& slot(std::uint64_t hash) { return slots_[hash % kSlots]; }

    static bool holds(const Slot& slot, std::uint64_t hash, std::string_view word) {
        return slot.hash == hash && slot.length == word.size() &&
               std::memcmp(slot.word, word.data(), word.size()) == 0;
    }

    static void store(Slot& slot, std::uint64_t hash, std::string_view word,
                      std::span<const TokenId> ids) {
        if (ids.size() > std::size(slot.ids)) return;
        slot.hash = hash;
        slot.length = static_cast<std::uint8_t>(word.size());
        slot.count = static_cast<std::uint8_t>(ids.size());
        std::memcpy(slot.word, word.data(), word.size());
        std::memcpy(slot.ids, ids.data(), ids.size_bytes());
    }

  private:
    static constexpr std::size_t kSlots = 1 << 14;
    std::uint64_t owner_ = 0;
    std::vector<Slot> slots_;
};

/// The tokens of the bytes, or nothing when one of them has none.
bool push_bytes(const State& state, std::string_view bytes, std::vector<TokenId>& out) {
    for (const char byte : bytes) {
        if (state.byte_ids[static_cast<std::uint8_t>(byte)] == kNoToken) return false;
    }
    for (const char byte : bytes) {
        out.push_back(state.byte_ids[static_cast<std::uint8_t>(byte)]);
    }
    return true;
}

/// Characters without a token: bytes, the unknown token, or nothing.
void push_unknown(const State& state, std::string_view bytes, std::size_t word_begin,
                  std::vector<TokenId>& out) {
    if (state.rules.byte_fallback && push_bytes(state, bytes, out)) return;
    const TokenId unknown = state.parts.unknown;
    if (unknown == kNoToken) return;
    const bool again = out.size() > word_begin && out.back() == unknown;
    if (!again || !state.rules.fuse_unknown) out.push_back(unknown);
}

void push_symbols(const State& state, std::string_view word, std::vector<TokenId>& symbols) {
    if (state.rules.byte_level) {
        for (const char byte : word) {
            const TokenId id = state.byte_ids[static_cast<std::uint8_t>(byte)];
            if (id != kNoToken) symbols.push_back(id);
            // A GGUF file names an unknown token (often the end of a text) that the model itself
            // never used; only a tokenizer.json says that missing bytes become it.
            if (id == kNoToken && state.parts.rules) push_unknown(state, {}, 0, symbols);
        }
        return;
    }
    for (std::size_t at = 0; at < word.size();) {
        char32_t c = 0;
        const std::size_t length = decode_utf8(word, at, c);
        const std::string_view character = word.substr(at, length);
        const ByteTrie::Found found = state.characters.longest_prefix(character);
        if (found.length == length) {
            symbols.push_back(found.value);
        } else {
            push_unknown(state, character, 0, symbols);
        }
        at += length;
    }
}

void encode_bpe(const State& state, std::string_view word, WordScratch& scratch,
                std::vector<TokenId>& out) {
    if (state.rules.whole_words) {
        if (const auto found = state.words.find(word); found != state.words.end()) {
            out.push_back(found->second);
            return;
        }
    }
    std::vector<TokenId>& symbols = scratch.symbols;
    symbols.clear();
    push_symbols(state, word, symbols);
    state.merges.merge(symbols);
    const auto count = static_cast<TokenId>(state.parts.tokens.size());
    const std::size_t begin = out.size();
    for (const TokenId symbol : symbols) {
        if (symbol < count) {
            out.push_back(symbol);
        } else {
            const auto inner = static_cast<std::size_t>(symbol - count);
            push_unknown(state, state.inner_characters[inner], begin, out);
        }
    }
}

/// The best-scored way from the begin to each byte, left to right; the path is read backwards.
void encode_unigram(const State& state, std::string_view word, WordScratch& scratch,
                    std::vector<TokenId>& out) {
    auto& best = scratch.best;
    best.assign(word.size() + 1, {});
    best[0].reached = true;
    const bool single = state.rules.single_precision;
    const auto offer = [&](std::size_t begin, std::size_t end, double score, TokenId id) {
        if (single) score = static_cast<double>(static_cast<float>(score));
        WordScratch::Best& place = best[end];
        if (place.reached && score <= place.score) return;
        place = {score, static_cast<std::uint32_t>(begin), id, true};
    };
    for (std::size_t at = 0; at < word.size();) {
        char32_t c = 0;
        const std::size_t character = decode_utf8(word, at, c);
        const double score = best[at].score;
        bool whole_character = false;
        std::uint32_t node = ByteTrie::kRoot;
        for (std::size_t end = at; end < word.size();) {
            node = state.pieces.child(node, static_cast<std::uint8_t>(word[end++]));
            if (node == ByteTrie::kNoNode) break;
            const TokenId id = state.pieces.value(node);
            if (id == ByteTrie::kNone) continue;
            whole_character |= end - at == character;
            offer(at, end, score + state.scores[static_cast<std::size_t>(id)], id);
        }
        if (!whole_character) {
            offer(at, at + character, score + state.unknown_score, kNoToken);
        }
        at += character;
    }
    auto& path = scratch.path;
    path.clear();
    for (std::size_t end = word.size(); end > 0; end = best[end].begin) {
        path.push_back(best[end]);
        path.back().reached = false;
        path.back().score = static_cast<double>(end);
    }
    const std::size_t word_begin = out.size();
    for (std::size_t i = path.size(); i > 0; --i) {
        const WordScratch::Best& step = path[i - 1];
        if (step.id != kNoToken) {
            out.push_back(step.id);
            continue;
        }
        const auto end = static_cast<std::size_t>(step.score);
        push_unknown(state, word.substr(step.begin, end - step.begin), word_begin, out);
    }
}

void encode_word_piece(const State& state, std::string_view word, std::vector<TokenId>& out) {
    const auto unknown = [&] {
        if (state.parts.unknown != kNoToken) out.push_back(state.parts.unknown);
    };
    std::int32_t characters = 0;
    for (const char byte : word) {
        characters += (static_cast<std::uint8_t>(byte) & 0xC0U) != 0x80U ? 1 : 0;
    }
    if (characters > state.rules.word_characters_max) return unknown();
    const std::size_t begin = out.size();
    for (std::size_t at = 0; at < word.size();) {
        const ByteTrie& trie = at == 0 ? state.pieces : state.inside_pieces;
        const ByteTrie::Found found = trie.longest_prefix(word.substr(at));
        if (found.length == 0) {
            out.resize(begin);
            return unknown();
        }
        out.push_back(found.value);
        at += found.length;
    }
}

void encode_uncached(const State& state, std::string_view word, WordScratch& scratch,
                     std::vector<TokenId>& out) {
    switch (state.rules.model) {
        case TokenizerRules::Model::kMerges:
        case TokenizerRules::Model::kPieces:
        case TokenizerRules::Model::kRanks:
            return encode_bpe(state, word, scratch, out);
        case TokenizerRules::Model::kUnigram:
            return encode_unigram(state, word, scratch, out);
        case TokenizerRules::Model::kWordPiece:
            return encode_word_piece(state, word, out);
    }
}

void encode_cached(const State& state, std::string_view word, WordCache& cache,
                   WordScratch& scratch, std::vector<TokenId>& out) {
    if (!WordCache::fits(word)) return encode_uncached(state, word, scratch, out);
    const std::uint64_t hash = hash64(word);
    WordCache::Slot& slot = cache.slot(hash);
    if (WordCache::holds(slot, hash, word)) {
        out.insert(out.end(), slot.ids, slot.ids + slot.count);
        return;
    }
    const std::size_t begin = out.size();
    encode_uncached(state, word, scratch, out);
    WordCache::store(slot, hash, word, std::span(out).subspan(begin));
}

}  // namespace

void encode_word(const State& state, std::string_view word, WordScratch& scratch,
                 std::vector<TokenId>& out) {
    WordCache& cache = WordCache::of_thread(state.serial);
    if (!state.cut_at_marks) return encode_cached(state, word, cache, scratch, out);
    std::size_t begin = 0;
    for (std::size_t mark = word.find(kSpaceMark, 1); mark != std::string_view::npos;
         mark = word.find(kSpaceMark, mark + kSpaceMark.size())) {
        const std::string_view before = word.substr(0, mark);
        if (before.ends_with(kSpaceMark)) continue;
        if (state.joins_mark[static_cast<std::uint8_t>(before.back())]) continue;
        encode_cached(state, word.substr(begin, mark - begin), cache, scratch, out);
        begin = mark;
    }
    encode_cached(state, word.substr(begin), cache, scratch, out);
}

}  // namespace cairn::text
