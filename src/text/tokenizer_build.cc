// SPDX-License-Identifier: Apache-2.0
// Checks the parts of a tokenizer, which come from files, and builds the tables of
// Tokenizer::State.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "byte_alphabet.h"
#include "cairn/base/limits.h"
#include "tokenizer_state.h"

namespace cairn::text {
namespace {

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "tokenizer: " + std::move(message),
                      "the model file is damaged or was made by a faulty converter");
}

Status check_id(const char* name, TokenId id, std::size_t count) {
    if (id >= kNoToken && id < static_cast<std::int64_t>(count)) return {};
    return invalid(fmt::format("expected {} below {} (or -1 for none), found {}", name, count, id));
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
    if (parts.kind == "llama" && parts.scores.size() != count) {
        return invalid(fmt::format("expected {} scores, found {}", count, parts.scores.size()));
    }
    if (std::ranges::any_of(parts.scores, [](float score) { return std::isnan(score); })) {
        return invalid("expected scores that are numbers, found NaN");
    }
    CAIRN_TRY(check_id("bos id", parts.bos, count));
    CAIRN_TRY(check_id("eos id", parts.eos, count));
    CAIRN_TRY(check_id("eot id", parts.eot, count));
    CAIRN_TRY(check_id("unknown id", parts.unknown, count));
    return check_id("padding id", parts.padding, count);
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
    return token.size() > 4 && token.starts_with("<|") && token.ends_with("|>");
}

bool ends_turn_by_name(std::string_view token) {
    constexpr std::string_view kNames[] = {
        "<|im_end|>",      "<|endoftext|>", "<|eot_id|>", "<|eom_id|>",
        "<|end_of_text|>", "<end_of_turn>", "<|end|>",    "[EOT]"};
    return std::ranges::find(kNames, token) != std::end(kNames);
}

}  // namespace

struct TokenizerBuilder {
    using State = Tokenizer::State;

    /// Names, classes and bytes of all tokens.
    static Status index_tokens(State& state) {
        const TokenizerParts& parts = state.parts;
        const auto count = static_cast<TokenId>(parts.tokens.size());
        state.byte_ids.fill(kNoToken);
        state.bytes.resize(parts.tokens.size());
        state.special.resize(parts.tokens.size());
        state.end.resize(parts.tokens.size());
        for (TokenId id = 0; id < count; ++id) {
            const auto index = static_cast<std::size_t>(id);
            const std::string& token = parts.tokens[index];
            const TokenType type = state.type(id);
            state.ids.emplace(token, id);
            const bool named = id == parts.bos || id == parts.eos || id == parts.eot;
            const bool marker = type == TokenType::kUserDefined && looks_like_marker(token);
            const bool special =
                named || marker || type == TokenType::kControl || type == TokenType::kUnknown;
            state.special[index] = special;
            state.end[index] =
                id == parts.eos || id == parts.eot || (special && ends_turn_by_name(token));
            if (special) {
                if (!token.empty())
                    state.control[static_cast<std::uint8_t>(token[0])].push_back(id);
                continue;
            }
            CAIRN_TRY(index_plain_token(state, id, token, type));
        }
        for (std::size_t byte = 0; byte < 256; ++byte) {
            sort_longest_first(state, state.user[byte]);
            sort_longest_first(state, state.control[byte]);
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
        if (type == TokenType::kUserDefined) {
            bytes = state.sentence_piece ? spaces_from_marks(token) : token;
            if (!bytes.empty()) {
                state.user[static_cast<std::uint8_t>(bytes[0])].push_back(id);
                state.has_user = true;
            }
            return {};
        }
        if (state.sentence_piece) {
            bytes = spaces_from_marks(token);
            if (type != TokenType::kUnused) state.pieces.emplace(token, id);
            return {};
        }
        bytes = bytes_from_alphabet(token).value_or(token);
        if (bytes.size() == 1 && token == byte_alphabet()[static_cast<std::uint8_t>(bytes[0])]) {
            state.byte_ids[static_cast<std::uint8_t>(bytes[0])] = id;
        }
        return {};
    }

    static void sort_longest_first(const State& state, std::vector<TokenId>& ids) {
        std::ranges::stable_sort(ids, [&](TokenId a, TokenId b) {
            return state.token(a).size() > state.token(b).size();
        });
    }

    static Status index_merges(State& state) {
        const auto& merges = state.parts.merges;
        state.merges.reserve(merges.size());
        for (std::size_t rank = 0; rank < merges.size(); ++rank) {
            const std::string_view merge = merges[rank];
            const std::size_t space = merge.find(' ', 1);
            const auto wrong = [&] {
                return invalid(fmt::format(
                    "expected merge {} to be two tokens whose union is a token, found '{}'", rank,
                    merge.substr(0, 64)));
            };
            if (space == std::string_view::npos) return wrong();
            std::string joined(merge.substr(0, space));
            joined += merge.substr(space + 1);
            const auto left = state.ids.find(merge.substr(0, space));
            const auto right = state.ids.find(merge.substr(space + 1));
            const auto both = state.ids.find(joined);
            if (left == state.ids.end() || right == state.ids.end() || both == state.ids.end())
                return wrong();
            if (state.special[static_cast<std::size_t>(both->second)]) return wrong();
            state.merges.emplace(State::pair_key(left->second, right->second),
                                 Merge{static_cast<double>(rank), both->second});
        }
        return {};
    }
};

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<Tokenizer> Tokenizer::from_parts(TokenizerParts parts) {
    static std::atomic<std::uint64_t> serials = 0;
    if (parts.kind != "gpt2" && parts.kind != "llama") {
        return make_error(
            Code::kUnsupported,
            fmt::format("expected a tokenizer of kind gpt2 or llama, found '{}'", parts.kind));
    }
    CAIRN_TRY(check_sizes(parts));
    auto state = std::make_shared<State>();
    state->parts = std::move(parts);
    state->serial = ++serials;
    state->sentence_piece = state->parts.kind == "llama";
    if (!state->sentence_piece) state->pre = CAIRN_TRY(pre_tokenizer_by_name(state->parts.pre));
    CAIRN_TRY(TokenizerBuilder::index_tokens(*state));
    if (!state->sentence_piece) CAIRN_TRY(TokenizerBuilder::index_merges(*state));
    const bool bytes_complete =
        std::ranges::find(state->byte_ids, kNoToken) == state->byte_ids.end();
    if (!bytes_complete && state->parts.unknown == kNoToken) {
        return invalid(
            "expected a token for each of the 256 bytes or an unknown token, found neither");
    }
    return Tokenizer(std::move(state));
}

}  // namespace cairn::text
