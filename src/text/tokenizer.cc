// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding. Text is first cut at added tokens, then each plain section is normalised,
// cut into words, and each word becomes ids by its model (word_models.cc).
#include "cairn/text/tokenizer.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "cairn/text/unicode.h"
#include "cairn/text/utf8.h"
#include "tokenizer_state.h"

namespace cairn::text {
namespace {

/// Begin of the white space that `text` ends with.
std::size_t space_at_end(std::string_view text) {
    std::size_t begin = text.size();
    while (begin > 0) {
        std::size_t lead = begin - 1;
        while (lead > 0 && begin - lead < 4 &&
               (static_cast<std::uint8_t>(text[lead]) & 0xC0U) == 0x80U) {
            --lead;
        }
        if (!is_space(code_point_at(text, lead).value)) break;
        begin = lead;
    }
    return begin;
}

std::size_t space_at_begin(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size()) {
        const CodePoint point = code_point_at(text, end);
        if (!is_space(point.value)) break;
        end += point.bytes;
    }
    return end;
}

/// \w of the library behind tokenizer.json.
bool is_word_character(char32_t c) {
    constexpr std::uint32_t kCategories = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
    const auto point = static_cast<UChar32>(c);
    return u_hasBinaryProperty(point, UCHAR_ALPHABETIC) != 0 || c == 0x200C || c == 0x200D ||
           (U_GET_GC_MASK(point) & kCategories) != 0;
}

bool ends_with_word(std::string_view text) {
    if (text.empty()) return false;
    std::size_t lead = text.size() - 1;
    while (lead > 0 && text.size() - lead < 4 &&
           (static_cast<std::uint8_t>(text[lead]) & 0xC0U) == 0x80U) {
        --lead;
    }
    return is_word_character(code_point_at(text, lead).value);
}

bool begins_with_word(std::string_view text) {
    return !text.empty() && is_word_character(code_point_at(text, 0).value);
}

}  // namespace

AddedMatcher::AddedMatcher(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
    std::vector<std::pair<std::string_view, std::int32_t>> entries;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
        entries.emplace_back(tokens_[i].text, static_cast<std::int32_t>(i));
    }
    trie_ = ByteTrie(std::move(entries));
}

const AddedMatcher::Token* AddedMatcher::longest(std::string_view text,
                                                 std::size_t trusted_bytes) const {
    const Token* found = nullptr;
    std::uint32_t node = ByteTrie::kRoot;
    for (const char byte : text) {
        node = trie_.child(node, static_cast<std::uint8_t>(byte));
        if (node == ByteTrie::kNoNode) break;
        if (trie_.value(node) == ByteTrie::kNone) continue;
        const Token& token = tokens_[static_cast<std::size_t>(trie_.value(node))];
        if (!token.guarded || token.text.size() <= trusted_bytes) found = &token;
    }
    return found;
}

bool AddedMatcher::stands_free(const AddedToken& flags, std::string_view text, std::size_t begin,
                               std::size_t end) {
    return !flags.single_word ||
           !(ends_with_word(text.substr(0, begin)) || begins_with_word(text.substr(end)));
}

AddedMatcher::Match AddedMatcher::stripped(const AddedToken& flags, std::string_view text,
                                           std::size_t done, std::size_t begin, std::size_t end) {
    const std::size_t own_end = end;
    if (flags.left_strip) begin = std::max(done, space_at_end(text.substr(0, begin)));
    if (flags.right_strip) end += space_at_begin(text.substr(end));
    return {begin, end, own_end, flags.id};
}

/// One encode: what the sections share.
struct TokenizerRun {
    const Tokenizer::State& state;
    const EncodeOptions& options;
    std::vector<TokenId>& out;
    WordScratch scratch;
    std::size_t next_untrusted = 0;  // the first range that ends behind where we are

    /// How many bytes from `offset` on are free of untrusted ranges.
    std::size_t trusted_bytes(std::size_t offset) {
        if (!options.parse_special) return 0;
        const auto at = static_cast<std::int64_t>(offset);
        const std::span<const Span> ranges = options.untrusted;
        while (next_untrusted < ranges.size() && ranges[next_untrusted].end <= at) {
            ++next_untrusted;
        }
        if (next_untrusted == ranges.size()) return std::string_view::npos;
        const std::int64_t begin = ranges[next_untrusted].begin;
        return begin <= at ? 0 : static_cast<std::size_t>(begin - at);
    }

    bool is_trusted(std::size_t begin, std::size_t end) const {
        const auto range = std::ranges::upper_bound(
            options.untrusted, static_cast<std::int64_t>(begin), {}, &Span::end);
        return options.parse_special &&
               (range == options.untrusted.end() || range->begin >= static_cast<std::int64_t>(end));
    }

    /// Sections between added tokens; `plain(section)` for those, their ids go out.
    template <typename TrustedBytes, typename Plain>
    void at_added(const AddedMatcher& added, std::string_view text, TrustedBytes trusted,
                  Plain plain) {
        if (added.empty()) return plain(text);
        // A token may take white space that another token begins with; as the library behind
        // tokenizer.json has it, that other one is found all the same.
        std::size_t done = 0;
        for (std::size_t at = 0; done < text.size() || at < text.size();) {
            const AddedMatcher::Match match = added.find(text, at, done, trusted);
            if (match.begin > done) plain(text.substr(done, match.begin - done));
            if (match.id != kNoToken) out.push_back(match.id);
            done = match.end;
            at = match.own_end;
        }
    }

    void run(std::string_view text) {
        const auto trusted = [&](std::size_t at) { return trusted_bytes(at); };
        at_added(state.raw_added, text, trusted, [&](std::string_view section) {
            const auto at = static_cast<std::size_t>(section.data() - text.data());
            const bool at_begin = at == 0;
            // Behind the normaliser places are other ones: a section is trusted as a whole.
            const bool whole = is_trusted(at, at + section.size());
            if (state.normalizer.empty()) return normalised(section, at_begin, whole);
            const std::string changed = state.normalizer.apply(section);
            normalised(changed, at_begin, whole);
        });
    }

    void normalised(std::string_view section, bool at_begin, bool whole) {
        const auto trusted = [whole](std::size_t) { return whole ? std::string_view::npos : 0; };
        at_added(state.normal_added, section, trusted, [&](std::string_view plain) {
            const bool begin = at_begin && plain.data() == section.data();
            state.pre.for_each_word(plain, begin, [&](std::string_view word) {
                if (!state.pre.to_alphabet()) return encode_word(state, word, scratch, out);
                const std::string bytes = bytes_from_alphabet(word).value_or(std::string(word));
                encode_word(state, bytes, scratch, out);
            });
        });
    }
};

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
    const State& state = *state_;
    std::vector<TokenId> out;
    out.reserve(text.size() / 3 + 4);
    if (options.add_bos && state.parts.add_bos && state.parts.bos != kNoToken) {
        out.push_back(state.parts.bos);
    }
    TokenizerRun{state, options, out, {}}.run(text);
    return out;
}

Encoding Tokenizer::with_template(std::span<const TokenId> first) const {
    return with_template(first, {});
}

Encoding Tokenizer::with_template(std::span<const TokenId> first,
                                  std::span<const TokenId> second) const {
    const TokenizerRules& rules = state_->rules;
    Encoding encoding;
    const auto put = [&](std::span<const TokenId> ids, std::uint8_t type) {
        encoding.ids.insert(encoding.ids.end(), ids.begin(), ids.end());
        encoding.types.insert(encoding.types.end(), ids.size(), type);
    };
    for (const TemplatePiece& piece : second.empty() ? rules.single : rules.pair) {
        switch (piece.kind) {
            case TemplatePiece::Kind::kToken:
                put({&piece.id, 1}, piece.type);
                break;
            case TemplatePiece::Kind::kFirst:
                put(first, piece.type);
                break;
            case TemplatePiece::Kind::kSecond:
                put(second, piece.type);
                break;
        }
    }
    return encoding;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
    const State& state = *state_;
    bool drop_space = state.rules.drop_first_space;
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
TokenId Tokenizer::separator() const {
    return state_->parts.separator;
}
TokenId Tokenizer::mask() const {
    return state_->parts.mask;
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
