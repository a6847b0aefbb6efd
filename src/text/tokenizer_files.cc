// SPDX-License-Identifier: Apache-2.0
// A reader of the few fields of SentencePiece's protocol buffer that matter, and of tiktoken's
// lines. Every length is checked against what is left of the file.
#include "tokenizer_files.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <optional>

#include "byte_alphabet.h"
#include "cairn/base/limits.h"
#include "charsmap.h"

namespace cairn::text {
namespace {

/// Fields of one message, in order.
class Message {
  public:
    explicit Message(std::string_view bytes) : rest_(bytes) {}

    /// False at the end or where the message is malformed; `failed` tells which.
    bool next() {
        if (rest_.empty() || failed_) return false;
        const auto key = varint();
        if (!key) return fail();
        field = static_cast<int>(*key >> 3 & 0x1FFF'FFFF);
        bytes = {};
        number = 0;
        switch (*key & 7) {
            case 0: {
                const auto value = varint();
                if (!value) return fail();
                number = *value;
                return true;
            }
            case 1:
                return take(8);
            case 2: {
                const auto length = varint();
                return length ? take(*length) : fail();
            }
            case 5:
                return take(4);
            default:
                return fail();
        }
    }
    bool failed() const { return failed_; }

    float as_float() const {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4 && i < bytes.size(); ++i) {
            bits |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
        }
        return std::bit_cast<float>(bits);
    }
    /// Negative numbers are stored in 64 bits.
    TokenId as_id() const {
        const auto value = static_cast<std::int64_t>(number);
        return value < 0 || value > limits::kVocabularyMax ? kNoToken : static_cast<TokenId>(value);
    }

    int field = 0;
    std::uint64_t number = 0;
    std::string_view bytes;

  private:
    bool fail() {
        failed_ = true;
        return false;
    }
    bool take(std::uint64_t length) {
        if (length > rest_.size()) return fail();
        bytes = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return true;
    }
    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
            const auto byte = static_cast<std::uint8_t>(rest_[0]);
            rest_.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
            if (byte < 128) return value;
        }
        return std::nullopt;
    }

    std::string_view rest_;
    bool failed_ = false;
};

Error damaged() {
    return make_error(Code::kInvalid,
                      "tokenizer.model: expected a SentencePiece model, found a damaged file");
}

Status read_piece(std::string_view bytes, TokenizerParts& parts) {
    Message message(bytes);
    std::string piece;
    float score = 0;
    std::uint64_t type = 1;
    while (message.next()) {
        if (message.field == 1) piece = message.bytes;
        if (message.field == 2) score = message.as_float();
        if (message.field == 3) type = message.number;
    }
    if (message.failed() || type < 1 || type > 6) return damaged();
    if (parts.tokens.size() >= static_cast<std::size_t>(limits::kVocabularyMax)) {
        return make_error(Code::kTooLarge, "tokenizer.model: expected a smaller vocabulary");
    }
    // SentencePiece: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte: GGUF's.
    parts.tokens.push_back(std::move(piece));
    parts.scores.push_back(score);
    parts.types.push_back(static_cast<TokenType>(type));
    return {};
}

Status read_trainer(std::string_view bytes, TokenizerParts& parts) {
    Message message(bytes);
    std::uint64_t model = 1;
    while (message.next()) {
        if (message.field == 3) model = message.number;
        if (message.field == 40) parts.unknown = message.as_id();
        if (message.field == 41) parts.bos = message.as_id();
        if (message.field == 42) parts.eos = message.as_id();
        if (message.field == 43) parts.padding = message.as_id();
    }
    if (message.failed()) return damaged();
    if (model != 1 && model != 2) {
        return make_error(
            Code::kUnsupported,
            fmt::format("tokenizer.model: expected model type 1 (Unigram) or 2 (BPE), found {}",
                        model));
    }
    parts.kind = model == 1 ? "t5" : "llama";
    return {};
}

Status read_normalizer_spec(std::string_view bytes, TokenizerParts& parts) {
    Message message(bytes);
    while (message.next()) {
        if (message.field == 2) parts.charsmap = message.bytes;
        if (message.field == 3) parts.add_space_prefix = message.number != 0;
        if (message.field == 4) parts.remove_extra_spaces = message.number != 0;
    }
    if (message.failed()) return damaged();
    return {};
}

}  // namespace

Result<TokenizerParts> read_sentence_piece(std::string_view bytes) {
    TokenizerParts parts;
    parts.kind = "t5";  // the defaults of the format
    parts.unknown = 0;
    parts.bos = 1;
    parts.eos = 2;
    parts.add_space_prefix = true;
    parts.remove_extra_spaces = true;
    Message message(bytes);
    while (message.next()) {
        if (message.field == 1) CAIRN_TRY(read_piece(message.bytes, parts));
        if (message.field == 2) CAIRN_TRY(read_trainer(message.bytes, parts));
        if (message.field == 3) CAIRN_TRY(read_normalizer_spec(message.bytes, parts));
    }
    if (message.failed() || parts.tokens.empty()) return damaged();
    const auto count = static_cast<TokenId>(parts.tokens.size());
    for (TokenId* id : {&parts.unknown, &parts.bos, &parts.eos, &parts.padding}) {
        if (*id >= count) *id = kNoToken;
    }
    parts.add_bos = parts.kind == "llama" && parts.bos != kNoToken;
    return parts;
}

Result<TokenizerParts> read_tiktoken(std::string_view text, std::string_view pre) {
    TokenizerParts parts;
    parts.kind = "gpt2";
    parts.pre = pre;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty()) continue;
        const std::size_t space = std::min(line.find(' '), line.size());
        const auto bytes = decode_base64(line.substr(0, space));
        const std::string_view rank_text = line.substr(std::min(space + 1, line.size()));
        std::int64_t rank = -1;
        const auto parsed =
            std::from_chars(rank_text.data(), rank_text.data() + rank_text.size(), rank);
        if (!bytes || bytes->empty() || parsed.ec != std::errc() || rank < 0 ||
            rank >= limits::kVocabularyMax) {
            return make_error(
                Code::kInvalid,
                fmt::format("tiktoken file, line {}: expected a token in base64 and its rank, "
                            "found '{}'",
                            number, line.substr(0, 64)));
        }
        const auto index = static_cast<std::size_t>(rank);
        if (index >= parts.tokens.size()) {
            parts.tokens.resize(index + 1);
            parts.types.resize(index + 1, TokenType::kUnused);
        }
        parts.tokens[index] = bytes_to_alphabet(*bytes);
        parts.types[index] = TokenType::kNormal;
    }
    if (parts.tokens.empty()) {
        return make_error(Code::kInvalid, "tiktoken file: expected ranks, found none");
    }
    return parts;
}

void add_reserved_tokens(TokenizerParts& parts) {
    constexpr std::size_t kReserved = 256;
    std::size_t ranks = 0;
    while (ranks < parts.types.size() && parts.types[ranks] == TokenType::kNormal) {
        ++ranks;
    }
    const std::size_t count = std::max(parts.tokens.size(), ranks + kReserved);
    parts.tokens.resize(count);
    parts.types.resize(count, TokenType::kUnused);
    for (std::size_t id = ranks; id < count; ++id) {
        if (parts.types[id] != TokenType::kUnused) continue;
        parts.tokens[id] = fmt::format("<|reserved_token_{}|>", id);
        parts.types[id] = TokenType::kControl;
    }
}

}  // namespace cairn::text
