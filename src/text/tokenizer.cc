// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding. Text is first cut at whole-text tokens, then each plain piece is merged by
// its kind's rule.
#include "cairn/text/tokenizer.h"

#include <cstring>

#include "cairn/base/hash.h"
#include "cairn/text/utf8.h"
#include "tokenizer_state.h"

namespace cairn::text {
namespace {

/// Remembers how frequent words were cut: a direct-mapped table of 1 MiB per thread, exact because
/// keys are compared.
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

}  // namespace

struct TokenizerRun {
    using State = Tokenizer::State;

    static TokenId byte_token(const State& state, char byte) {
        const TokenId id = state.byte_ids[static_cast<std::uint8_t>(byte)];
        return id == kNoToken ? state.parts.unknown : id;
    }

    static void merge_word(const State& state, std::string_view word, std::vector<Symbol>& symbols,
                           std::vector<TokenId>& out) {
        symbols.clear();
        for (std::size_t i = 0; i < word.size(); ++i) {
            symbols.push_back({i, 1, byte_token(state, word[i])});
        }
        merge_symbols(symbols,
                      [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
                          const auto found = state.merges.find(State::pair_key(left.id, right.id));
                          if (found == state.merges.end()) return std::nullopt;
                          return found->second;
                      });
        for (const Symbol& symbol : symbols) {
            if (symbol.length > 0) out.push_back(symbol.id);
        }
    }

    static void encode_bytes_bpe(const State& state, std::string_view text,
                                 std::vector<TokenId>& out) {
        WordCache& cache = WordCache::of_thread(state.serial);
        std::vector<Symbol> symbols;
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = word_end(state.pre, text, begin);
            const std::string_view word = text.substr(begin, end - begin);
            begin = end;
            if (!WordCache::fits(word)) {
                merge_word(state, word, symbols, out);
                continue;
            }
            const std::uint64_t hash = hash64(word);
            WordCache::Slot& slot = cache.slot(hash);
            if (WordCache::holds(slot, hash, word)) {
                out.insert(out.end(), slot.ids, slot.ids + slot.count);
                continue;
            }
            const std::size_t before = out.size();
            merge_word(state, word, symbols, out);
            WordCache::store(slot, hash, word, std::span(out).subspan(before));
        }
    }

    static void encode_sentence_piece(const State& state, std::string_view text, bool space_prefix,
                                      std::vector<TokenId>& out) {
        std::string marked;
        if (space_prefix && state.parts.add_space_prefix) marked = kSpaceMark;
        for (const char c : text) {
            c == ' ' ? marked.append(kSpaceMark) : marked.append(1, c);
        }
        std::vector<Symbol> symbols;
        for (std::size_t offset = 0; offset < marked.size();) {
            const std::size_t length = code_point_at(marked, offset).bytes;
            const auto piece = state.pieces.find(std::string_view(marked).substr(offset, length));
            symbols.push_back(
                {offset, length, piece == state.pieces.end() ? kNoToken : piece->second});
            offset += length;
        }
        const std::string_view view = marked;
        merge_symbols(
            symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
                const auto found =
                    state.pieces.find(view.substr(left.begin, left.length + right.length));
                if (found == state.pieces.end()) return std::nullopt;
                return Merge{-static_cast<double>(
                                 state.parts.scores[static_cast<std::size_t>(found->second)]),
                             found->second};
            });
        for (const Symbol& symbol : symbols) {
            if (symbol.id != kNoToken) {
                if (symbol.length > 0) out.push_back(symbol.id);
                continue;
            }
            for (const char byte : view.substr(symbol.begin, symbol.length)) {
                out.push_back(byte_token(state, byte));
            }
        }
    }

    /// How many bytes from `offset` on are free of untrusted ranges. `next` is the first range that
    /// ends behind `offset`; it moves on with it.
    static std::size_t trusted_bytes(std::span<const Span> untrusted, std::size_t& next,
                                     std::size_t offset) {
        const auto at = static_cast<std::int64_t>(offset);
        while (next < untrusted.size() && untrusted[next].end <= at)
            ++next;
        if (next == untrusted.size()) return std::string_view::npos;
        return untrusted[next].begin <= at ? 0
                                           : static_cast<std::size_t>(untrusted[next].begin - at);
    }

    /// The whole-text token at `offset`, the longest first; control tokens only within the first
    /// `control_bytes`.
    static TokenId whole_token_at(const State& state, std::string_view text, std::size_t offset,
                                  std::size_t control_bytes) {
        const auto first = static_cast<std::uint8_t>(text[offset]);
        const std::string_view rest = text.substr(offset);
        if (control_bytes > 0) {
            for (const TokenId id : state.control[first]) {
                const std::string_view token = state.token(id);
                if (token.size() <= control_bytes && rest.starts_with(token)) return id;
            }
        }
        for (const TokenId id : state.user[first]) {
            if (rest.starts_with(state.bytes[static_cast<std::size_t>(id)])) return id;
        }
        return kNoToken;
    }
};

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
    const State& state = *state_;
    std::vector<TokenId> out;
    out.reserve(text.size() / 3 + 4);
    if (options.add_bos && state.parts.add_bos && state.parts.bos != kNoToken) {
        out.push_back(state.parts.bos);
    }
    bool after_whole_token = true;
    const auto encode_plain = [&](std::string_view piece) {
        if (piece.empty()) return;
        if (state.sentence_piece) {
            TokenizerRun::encode_sentence_piece(state, piece, after_whole_token, out);
        } else {
            TokenizerRun::encode_bytes_bpe(state, piece, out);
        }
        after_whole_token = false;
    };
    std::size_t plain = 0;
    std::size_t next_untrusted = 0;
    if (options.parse_special || state.has_user) {
        for (std::size_t offset = 0; offset < text.size();) {
            const std::size_t control_bytes =
                options.parse_special
                    ? TokenizerRun::trusted_bytes(options.untrusted, next_untrusted, offset)
                    : 0;
            const TokenId id = TokenizerRun::whole_token_at(state, text, offset, control_bytes);
            if (id == kNoToken) {
                ++offset;
                continue;
            }
            encode_plain(text.substr(plain, offset - plain));
            out.push_back(id);
            after_whole_token = true;
            const bool special = state.special[static_cast<std::size_t>(id)];
            offset +=
                special ? state.token(id).size() : state.bytes[static_cast<std::size_t>(id)].size();
            plain = offset;
        }
    }
    encode_plain(text.substr(plain));
    return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
    const State& state = *state_;
    bool drop_space = state.sentence_piece && state.parts.add_space_prefix;
    std::string text;
    for (const TokenId id : ids) {
        if (id < 0 || id >= vocabulary_size()) continue;
        if (is_special(id)) {
            if (!skip_special) text += state.token(id);
            continue;
        }
        std::string_view bytes = token_bytes(id);
        if (drop_space && bytes.starts_with(' ')) bytes.remove_prefix(1);
        drop_space = false;
        text += bytes;
    }
    return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
    if (id < 0 || id >= vocabulary_size()) return {};
    return state_->bytes[static_cast<std::size_t>(id)];
}

std::int32_t Tokenizer::vocabulary_size() const {
    return static_cast<std::int32_t>(state_->parts.tokens.size());
}

bool Tokenizer::is_special(TokenId id) const {
    return id >= 0 && id < vocabulary_size() && state_->special[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_end(TokenId id) const {
    return id >= 0 && id < vocabulary_size() && state_->end[static_cast<std::size_t>(id)];
}

TokenId Tokenizer::bos() const {
    return state_->parts.bos;
}
TokenId Tokenizer::eos() const {
    return state_->parts.eos;
}
TokenId Tokenizer::eot() const {
    return state_->parts.eot;
}
TokenId Tokenizer::padding() const {
    return state_->parts.padding;
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
    const auto found = state_->ids.find(token);
    if (found == state_->ids.end()) return std::nullopt;
    return found->second;
}

const TokenizerParts& Tokenizer::parts() const {
    return state_->parts;
}

}  // namespace cairn::text
