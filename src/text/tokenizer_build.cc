// SPDX-License-Identifier: Apache-2.0
// Checks the parts of a tokenizer, which come from files, and builds the tables of
// Tokenizer::State.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "byte_alphabet.h"
#include "cairn/base/limits.h"
#include "split_program.h"
#include "tokenizer_rules.h"
#include "tokenizer_state.h"

namespace cairn::text {
namespace {

// The longest real pieces are runs of some hundred spaces; searches walk this far at most.
constexpr std::size_t kTokenBytesMax = 4096;

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "tokenizer: " + std::move(message),
                      "the model file is damaged or was made by a faulty converter");
}

Status check_id(const char* name, TokenId id, std::size_t count) {
    if (id >= kNoToken && id < static_cast<std::int64_t>(count)) return {};
    return invalid(fmt::format("expected {} below {} (or -1 for none), found {}", name, count, id));
}

Status check_ids(const TokenizerParts& parts) {
    const std::size_t count = parts.tokens.size();
    CAIRN_TRY(check_id("bos id", parts.bos, count));
    CAIRN_TRY(check_id("eos id", parts.eos, count));
    CAIRN_TRY(check_id("eot id", parts.eot, count));
    CAIRN_TRY(check_id("unknown id", parts.unknown, count));
    CAIRN_TRY(check_id("padding id", parts.padding, count));
    CAIRN_TRY(check_id("separator id", parts.separator, count));
    CAIRN_TRY(check_id("cls id", parts.cls, count));
    CAIRN_TRY(check_id("mask id", parts.mask, count));
    const auto known = [&](TokenId id) { return id >= 0 && id < static_cast<std::int64_t>(count); };
    for (const AddedToken& added : parts.added) {
        if (!known(added.id)) return check_id("ids of added tokens", added.id, count);
    }
    for (const auto& merge : parts.merge_ids) {
        if (!std::ranges::all_of(merge, known)) return invalid("expected merges of known tokens");
    }
    if (!parts.rules) return {};
    for (const auto* pieces : {&parts.rules->single, &parts.rules->pair}) {
        for (const TemplatePiece& piece : *pieces) {
            if (piece.kind == TemplatePiece::Kind::kToken && !known(piece.id))
                return check_id("ids of the template", piece.id, count);
        }
    }
    return {};
}

Status check_sizes(const TokenizerParts& parts) {
    const std::size_t count = parts.tokens.size();
    if (count == 0 || count > static_cast<std::size_t>(limits::kVocabularyMax)) {
        return invalid(
            fmt::format("expected 1 to {} tokens, found {}", limits::kVocabularyMax, count));
    }
    if (!parts.types.empty() && parts.types.size() != count) {
        return invalid(fmt::format("expected {} token types, found {}", count, parts.types.size()));
    }
    for (const TokenType type : parts.types) {
        if (type < TokenType::kUndefined || type > TokenType::kByte) {
            return invalid(
                fmt::format("expected token types 0 to 6, found {}", static_cast<int>(type)));
        }
    }
    for (const std::string& token : parts.tokens) {
        if (token.size() > kTokenBytesMax) {
            return invalid(fmt::format("expected tokens of at most {} bytes, found one of {}",
                                       kTokenBytesMax, token.size()));
        }
    }
    if (std::ranges::any_of(parts.scores, [](float score) { return std::isnan(score); })) {
        return invalid("expected scores that are numbers, found NaN");
    }
    return check_ids(parts);
}

/// "<0x0A>" -> 10; anything else, signs and wrong lengths included, is -1.
int parse_byte_token(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    int value = 0;
    for (const char c : token.substr(3, 2)) {
        const std::size_t digit = std::string_view("0123456789ABCDEF").find(c);
        if (digit == std::string_view::npos) return -1;
        value = value * 16 + static_cast<int>(digit);
    }
    return value;
}

std::string spaces_from_marks(std::string_view piece) {
    std::string bytes;
    while (!piece.empty()) {
        const bool mark = piece.starts_with(kSpaceMark);
        bytes.push_back(mark ? ' ' : piece[0]);
        piece.remove_prefix(mark ? kSpaceMark.size() : 1);
    }
    return bytes;
}

bool looks_like_marker(std::string_view token) {
    return (token.size() > 4 && token.starts_with("<|") && token.ends_with("|>")) ||
           (token.starts_with("<\xEF\xBD\x9C") && token.ends_with("\xEF\xBD\x9C>"));
}

/// Markers of reasoning and tools are shown to programs, but a user must not write them.
bool is_guarded_name(std::string_view token) {
    constexpr std::string_view kNames[] = {
        "think",     "tool_call",     "tool_response", "tool_calls",    "tools",
        "tool",      "tool_result",   "tool_results",  "arg_key",       "arg_value",
        "reasoning", "function_call", "observation",   "start_of_turn", "end_of_turn"};
    constexpr std::string_view kBrackets[] = {
        "[INST]",          "[/INST]",           "[SYSTEM_PROMPT]",
        "[TOOL_CALLS]",    "[/SYSTEM_PROMPT]",  "[TOOL_RESULTS]",
        "[/TOOL_RESULTS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
        "[THINK]",         "[/THINK]"};
    if (std::ranges::find(kBrackets, token) != std::end(kBrackets)) return true;
    if (!token.starts_with('<') || !token.ends_with('>')) return false;
    token = token.substr(1, token.size() - 2);
    if (token.starts_with('/')) token.remove_prefix(1);
    if (const std::size_t colon = token.find(':'); colon != std::string_view::npos) {
        token.remove_prefix(colon + 1);
    }
    return std::ranges::find(kNames, token) != std::end(kNames);
}

bool ends_turn_by_name(std::string_view token) {
    constexpr std::string_view kNames[] = {"<|im_end|>",
                                           "<|endoftext|>",
                                           "<|eot_id|>",
                                           "<|eom_id|>",
                                           "<|return|>",
                                           "<|end_of_text|>",
                                           "<end_of_turn>",
                                           "<|end|>",
                                           "[EOT]",
                                           "<|call|>",
                                           "<|user|>",
                                           "<|observation|>",
                                           "[e~[",
                                           "<turn|>",
                                           "<|eot|>",
                                           "<\xEF\xBD\x9C"
                                           "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};
    return std::ranges::find(kNames, token) != std::end(kNames);
}

}  // namespace

struct TokenizerBuilder {
    using State = Tokenizer::State;
    using Model = TokenizerRules::Model;
    using Decoder = TokenizerRules::Decoder;

    /// Names, classes and bytes of all tokens.
    static Status index_tokens(State& state) {
        const TokenizerParts& parts = state.parts;
        const auto count = static_cast<TokenId>(parts.tokens.size());
        state.byte_ids.fill(kNoToken);
        state.bytes.resize(parts.tokens.size());
        state.special.resize(parts.tokens.size());
        state.guarded.resize(parts.tokens.size());
        state.end.resize(parts.tokens.size());
        state.ids.reserve(parts.tokens.size());
        for (TokenId id = 0; id < count; ++id) {
            state.ids.emplace(parts.tokens[static_cast<std::size_t>(id)], id);
        }
        // <|end|> ends a part of a turn, not the turn, where <|return|> does that.
        const bool has_return = state.ids.contains("<|return|>") && state.ids.contains("<|call|>");
        for (TokenId id = 0; id < count; ++id) {
            const auto index = static_cast<std::size_t>(id);
            const std::string& token = parts.tokens[index];
            const TokenType type = state.type(id);
            const bool named = id == parts.bos || id == parts.eos || id == parts.eot ||
                               id == parts.cls || id == parts.separator || id == parts.mask;
            const bool user = type == TokenType::kUserDefined;
            const bool special = named || (user && looks_like_marker(token)) ||
                                 type == TokenType::kControl || type == TokenType::kUnknown;
            state.special[index] = special;
            state.guarded[index] = special || (user && is_guarded_name(token));
            const bool by_name =
                special && ends_turn_by_name(token) && !(has_return && token == "<|end|>");
            state.end[index] = id == parts.eos || id == parts.eot || by_name;
            if (!special) CAIRN_TRY(index_plain_token(state, id, token, type));
        }
        return {};
    }

    static Status index_plain_token(State& state, TokenId id, const std::string& token,
                                    TokenType type) {
        std::string& bytes = state.bytes[static_cast<std::size_t>(id)];
        if (type == TokenType::kByte) {
            const int byte = parse_byte_token(token);
            if (byte < 0) {
                return invalid(fmt::format("expected a byte token like <0x0A> at id {}, found '{}'",
                                           id, token.substr(0, 32)));
            }
            bytes.assign(1, static_cast<char>(byte));
            state.byte_ids[static_cast<std::size_t>(byte)] = id;
            return {};
        }
        const bool user = type == TokenType::kUserDefined;
        switch (state.rules.decoder) {
            case Decoder::kBytes:
                bytes = user ? token : bytes_from_alphabet(token).value_or(token);
                break;
            case Decoder::kMarks:
                bytes = spaces_from_marks(token);
                break;
            case Decoder::kWordPiece:
                bytes = word_piece_bytes(state.rules, token);
                break;
            case Decoder::kPlain:
                bytes = token;
                break;
        }
        if (!user && state.rules.byte_level && bytes.size() == 1 &&
            token == byte_alphabet()[static_cast<std::uint8_t>(bytes[0])]) {
            state.byte_ids[static_cast<std::uint8_t>(bytes[0])] = id;
        }
        return {};
    }

    static std::string word_piece_bytes(const TokenizerRules& rules, std::string_view token) {
        const std::string& inside = rules.continuing_prefix;
        if (!inside.empty() && token.starts_with(inside)) {
            return std::string(token.substr(inside.size()));
        }
        if (inside.empty() && !token.starts_with(rules.word_prefix)) return std::string(token);
        return " " + std::string(token.substr(rules.word_prefix.size()));
    }

    /// A token that cutting a word may give; the others are found whole or not at all.
    static bool is_piece(const State& state, TokenId id) {
        const TokenType type = state.type(id);
        return !state.guarded[static_cast<std::size_t>(id)] && type != TokenType::kByte &&
               type != TokenType::kUnused && type != TokenType::kUserDefined;
    }

    /// As tokenizer.json has it: every token but the guarded ones.
    static bool is_word(const State& state, TokenId id) {
        return !state.guarded[static_cast<std::size_t>(id)] &&
               (state.parts.rules ? state.type(id) != TokenType::kByte : is_piece(state, id));
    }

    static void index_added(State& state) {
        std::vector<AddedToken> flags(state.parts.tokens.size());
        for (const AddedToken& added : state.parts.added) {
            flags[static_cast<std::size_t>(added.id)] = added;
        }
        std::vector<AddedMatcher::Token> raw;
        std::vector<AddedMatcher::Token> normal;
        state.normal_texts.resize(state.parts.tokens.size());
        for (std::size_t index = 0; index < flags.size(); ++index) {
            AddedToken added = flags[index];
            added.id = static_cast<TokenId>(index);
            const bool user = state.type(added.id) == TokenType::kUserDefined;
            if (!user && !state.special[index]) continue;
            const bool shown = user && !state.special[index];
            std::string_view text = state.parts.tokens[index];
            if (shown && state.rules.decoder == Decoder::kMarks) text = state.bytes[index];
            if (added.normalized && !state.normalizer.empty()) {
                state.normal_texts[index] = state.normalizer.apply(text);
                text = state.normal_texts[index];
            }
            auto& place = added.normalized ? normal : raw;
            if (!text.empty()) place.push_back({text, added, state.guarded[index]});
        }
        state.raw_added = AddedMatcher(std::move(raw));
        state.normal_added = AddedMatcher(std::move(normal));
    }

    static Result<std::array<TokenId, 3>> named_merge(const State& state, std::size_t rank) {
        const std::string_view merge = state.parts.merges[rank];
        const auto wrong = [&] {
            return invalid(
                fmt::format("expected merge {} to be two tokens whose union is a token, found '{}'",
                            rank, merge.substr(0, 64)));
        };
        const std::size_t space = merge.find(' ', 1);
        if (space == std::string_view::npos) return wrong();
        std::string joined(merge.substr(0, space));
        joined += merge.substr(space + 1);
        const auto left = state.ids.find(merge.substr(0, space));
        const auto right = state.ids.find(merge.substr(space + 1));
        const auto both = state.ids.find(joined);
        if (left == state.ids.end() || right == state.ids.end() || both == state.ids.end()) {
            return wrong();
        }
        return std::array{left->second, right->second, both->second};
    }

    /// The list of merges; none of them may give a guarded token.
    static Status index_merges(State& state) {
        const TokenizerParts& parts = state.parts;
        const bool by_id = !parts.merge_ids.empty();
        const std::size_t count = by_id ? parts.merge_ids.size() : parts.merges.size();
        state.merges.reserve(count);
        for (std::size_t rank = 0; rank < count; ++rank) {
            const auto [left, right, both] =
                by_id ? parts.merge_ids[rank] : CAIRN_TRY(named_merge(state, rank));
            if (state.guarded[static_cast<std::size_t>(both)]) continue;
            state.merges.put(left, right, static_cast<std::uint32_t>(rank), both, by_id);
        }
        return {};
    }

    /// Begin of each character behind the first; of each byte in byte-level kinds.
    static std::vector<std::size_t> borders(const State& state, std::string_view piece) {
        std::vector<std::size_t> places;
        for (std::size_t at = 0; at < piece.size();) {
            char32_t c = 0;
            at += state.rules.byte_level ? 1 : decode_utf8(piece, at, c);
            if (at < piece.size()) places.push_back(at);
        }
        return places;
    }

    /// Kinds without a list: two symbols merge when their union is a piece; the best piece first.
    static void index_unions(State& state) {
        const auto count = static_cast<TokenId>(state.parts.tokens.size());
        std::unordered_map<std::string_view, TokenId> pieces;
        pieces.reserve(state.parts.tokens.size());
        const bool ranks = state.rules.model == Model::kRanks;
        const auto text_of = [&](TokenId id) -> std::string_view {
            return ranks ? state.bytes[static_cast<std::size_t>(id)] : state.token(id);
        };
        std::size_t pairs = 0;
        for (TokenId id = 0; id < count; ++id) {
            if (!is_piece(state, id)) continue;
            pieces.emplace(text_of(id), id);
            pairs += text_of(id).size();
        }
        if (!ranks) add_inner_characters(state, pieces);
        const std::vector<std::uint32_t> rank_of = piece_ranks(state);
        state.merges.reserve(pairs);
        for (TokenId id = 0; id < count; ++id) {
            const std::string_view piece = text_of(id);
            const auto self = pieces.find(piece);
            if (self == pieces.end() || self->second != id) continue;
            for (const std::size_t border : borders(state, piece)) {
                const auto left = pieces.find(piece.substr(0, border));
                if (left == pieces.end()) continue;
                const auto right = pieces.find(piece.substr(border));
                if (right == pieces.end()) continue;
                state.merges.put(left->second, right->second, rank_of[static_cast<std::size_t>(id)],
                                 id, false);
            }
        }
    }

    /// Characters that no token has alone, but pieces hold: merging begins with them.
    static void add_inner_characters(State& state,
                                     std::unordered_map<std::string_view, TokenId>& pieces) {
        const auto count = static_cast<TokenId>(state.parts.tokens.size());
        std::vector<std::string_view> inner;
        for (TokenId id = 0; id < count; ++id) {
            if (!is_piece(state, id)) continue;
            const std::string_view piece = state.token(id);
            std::size_t begin = 0;
            for (const std::size_t border : borders(state, piece)) {
                if (!pieces.contains(piece.substr(begin, border - begin))) {
                    inner.push_back(piece.substr(begin, border - begin));
                }
                begin = border;
            }
            if (begin > 0 && !pieces.contains(piece.substr(begin))) {
                inner.push_back(piece.substr(begin));
            }
        }
        for (const std::string_view character : inner) {
            const auto id = count + static_cast<TokenId>(state.inner_characters.size());
            if (pieces.emplace(character, id).second)
                state.inner_characters.emplace_back(character);
        }
    }

    /// Rank of each token: its id (tiktoken), or its place among the scores; equal scores share it.
    static std::vector<std::uint32_t> piece_ranks(const State& state) {
        std::vector<std::uint32_t> ranks(state.parts.tokens.size());
        std::vector<float> sorted = state.parts.scores;
        std::ranges::sort(sorted, std::greater<>());
        for (std::size_t id = 0; id < ranks.size(); ++id) {
            const auto place = sorted.empty()
                                   ? id
                                   : static_cast<std::size_t>(
                                         std::ranges::lower_bound(sorted, state.parts.scores[id],
                                                                  std::greater<>()) -
                                         sorted.begin());
            ranks[id] = static_cast<std::uint32_t>(place);
        }
        return ranks;
    }

    static void index_symbols(State& state) {
        const auto count = static_cast<TokenId>(state.parts.tokens.size());
        std::vector<std::pair<std::string_view, std::int32_t>> characters;
        for (TokenId id = 0; id < count && !state.rules.byte_level; ++id) {
            const std::string_view token = state.token(id);
            char32_t c = 0;
            const bool single = !token.empty() && decode_utf8(token, 0, c) == token.size();
            if (single && is_word(state, id)) characters.emplace_back(token, id);
        }
        for (std::size_t i = 0; i < state.inner_characters.size(); ++i) {
            characters.emplace_back(state.inner_characters[i],
                                    count + static_cast<std::int32_t>(i));
        }
        state.characters = ByteTrie(std::move(characters));
        for (TokenId id = 0; id < count && state.rules.whole_words; ++id) {
            const auto index = static_cast<std::size_t>(id);
            if (!is_word(state, id)) continue;
            state.words.emplace(
                state.rules.byte_level ? state.bytes[index] : state.parts.tokens[index], id);
        }
    }

    static Status index_unigram(State& state) {
        const TokenizerParts& parts = state.parts;
        std::vector<std::pair<std::string_view, std::int32_t>> pieces;
        double lowest = std::numeric_limits<double>::max();
        state.scores.assign(parts.scores.begin(), parts.scores.end());
        for (std::size_t index = 0; index < parts.tokens.size(); ++index) {
            const auto id = static_cast<TokenId>(index);
            if (!std::isfinite(state.scores[index])) {
                return invalid("expected scores that are finite, found another");
            }
            if (state.parts.rules || is_piece(state, id)) {
                lowest = std::min(lowest, state.scores[index]);
            }
            if (is_word(state, id)) pieces.emplace_back(parts.tokens[index], id);
        }
        constexpr double kUnknownPenalty = 10;  // SentencePiece's
        state.unknown_score = lowest - kUnknownPenalty;
        state.pieces = ByteTrie(std::move(pieces));
        return {};
    }

    static void index_word_pieces(State& state) {
        const TokenizerRules& rules = state.rules;
        std::vector<std::pair<std::string_view, std::int32_t>> begin;
        std::vector<std::pair<std::string_view, std::int32_t>> inside;
        for (std::size_t index = 0; index < state.parts.tokens.size(); ++index) {
            const auto id = static_cast<TokenId>(index);
            const std::string_view token = state.parts.tokens[index];
            if (!is_word(state, id)) continue;
            const bool continues = rules.continuing_prefix.empty()
                                       ? !token.starts_with(rules.word_prefix)
                                       : token.starts_with(rules.continuing_prefix);
            if (continues) inside.emplace_back(token.substr(rules.continuing_prefix.size()), id);
            // tokenizer.json: a word may begin with the text of any token.
            if (token.starts_with(rules.word_prefix)) {
                begin.emplace_back(token.substr(rules.word_prefix.size()), id);
            }
        }
        state.pieces = ByteTrie(std::move(begin));
        state.inside_pieces = ByteTrie(std::move(inside));
    }

    /// See State::joins_mark.
    static void index_marks(State& state) {
        if (state.rules.byte_level || state.rules.model == Model::kWordPiece) return;
        if (!state.ids.contains(kSpaceMark) || state.rules.whole_words) return;
        state.cut_at_marks = true;
        for (const std::string& token : state.parts.tokens) {
            for (std::size_t mark = token.find(kSpaceMark, 1); mark != std::string::npos;
                 mark = token.find(kSpaceMark, mark + 1)) {
                const std::string_view before = std::string_view(token).substr(0, mark);
                if (before.ends_with(kSpaceMark)) continue;
                state.joins_mark[static_cast<std::uint8_t>(before.back())] = true;
            }
        }
    }

    /// Rare bytes may be missing: Falcon's and DeepSeek's vocabularies lack control characters and
    /// some that begin rare scripts. They are dropped from texts, as those models had it.
    static Status check_bytes(const State& state) {
        const bool replaced = !state.rules.byte_level && state.parts.unknown != kNoToken;
        if (replaced || state.parts.rules) return {};
        for (std::size_t byte = 0x20; byte < 0x7F; ++byte) {
            if (state.byte_ids[byte] != kNoToken) continue;
            return invalid(fmt::format(
                "expected a token for each byte, found none for {}", byte));
        }
        return {};
    }

    static Status index_model(State& state) {
        const Model model = state.rules.model;
        if ((model == Model::kPieces || model == Model::kUnigram) &&
            state.parts.scores.size() != state.parts.tokens.size()) {
            return invalid(fmt::format("expected {} scores, found {}", state.parts.tokens.size(),
                                       state.parts.scores.size()));
        }
        index_marks(state);
        if (model == Model::kUnigram) return index_unigram(state);
        if (model == Model::kWordPiece) {
            index_word_pieces(state);
            return {};
        }
        if (model == Model::kMerges) {
            CAIRN_TRY(index_merges(state));
        } else {
            index_unions(state);
        }
        index_symbols(state);
        return {};
    }
};

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<Tokenizer> Tokenizer::from_parts(TokenizerParts parts) {
    static std::atomic<std::uint64_t> serials = 0;
    TokenizerRules rules = parts.rules ? *parts.rules : CAIRN_TRY(rules_of_kind(parts));
    CAIRN_TRY(check_sizes(parts));
    auto state = std::make_shared<State>();
    state->parts = std::move(parts);
    state->rules = std::move(rules);
    state->serial = ++serials;
    state->normalizer = CAIRN_TRY(Normalizer::compile(state->rules.normalizers));
    state->pre = CAIRN_TRY(PreTokenizer::compile(state->rules.cuts));
    CAIRN_TRY(TokenizerBuilder::index_tokens(*state));
    TokenizerBuilder::index_added(*state);
    CAIRN_TRY(TokenizerBuilder::index_model(*state));
    CAIRN_TRY(TokenizerBuilder::check_bytes(*state));
    return Tokenizer(std::move(state));
}

}  // namespace cairn::text
