// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back: byte-level BPE ("gpt2") and SentencePiece BPE with scores ("llama"),
// as GGUF files hold them. Used by the engine, training and the apps. A Tokenizer is an immutable
// value: copies share one table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/span.h"

namespace cairn::text {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType : std::int32_t {
    kUndefined = 0,
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,      ///< never made from user text
    kUserDefined = 4,  ///< whole piece, found in any text before merging
    kUnused = 5,
    kByte = 6,
};

/// What a tokenizer is made of, as it is stored in a file.
struct TokenizerParts {
    std::string kind;  ///< "gpt2" (byte-level BPE) or "llama" (SentencePiece BPE)
    std::string pre;   ///< kind gpt2: "gpt-2", "default" or "pebble" (pre_tokenizer.h)
    std::vector<std::string>
        tokens;  ///< by id; kind gpt2: in the GPT-2 byte alphabet; kind llama: U+2581 for space
    std::vector<TokenType> types;     ///< empty, or one per token
    std::vector<float> scores;        ///< kind llama: one per token, the larger merges first
    std::vector<std::string> merges;  ///< kind gpt2: "left right" in order of rank
    TokenId bos = kNoToken;           ///< begin of a sequence
    TokenId eos = kNoToken;           ///< end of a sequence
    TokenId eot = kNoToken;           ///< end of a turn
    TokenId unknown = kNoToken;
    TokenId padding = kNoToken;
    bool add_bos = false;           ///< the model was trained with bos in front
    bool add_space_prefix = false;  ///< kind llama: a space is put in front of the text
    std::string chat_template;      ///< as stored; kept for writing, not executed
};

struct EncodeOptions {
    bool add_bos = false;  ///< puts bos in front if the model was trained so (parts().add_bos)
    bool parse_special =
        false;  ///< true only for trusted text: "<|im_end|>" in it becomes that token
    /// Sorted byte ranges that no special token may touch although parse_special holds: what users
    /// wrote inside a rendered chat (chat_template.h).
    std::span<const Span> untrusted = {};
};

/// Thread-safe: all methods are const.
class Tokenizer {
  public:
    /// Checks the parts (sizes, ids in range, known kind and pre, merges that name tokens) and
    /// builds the tables.
    static Result<Tokenizer> from_parts(TokenizerParts parts);

    /// Kind gpt2 encodes any bytes losslessly; kind llama replaces bytes that it cannot say by the
    /// unknown token.
    std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

    /// Text of whole sequences: kind llama drops the space that encode put in front. Ids out of
    /// range are skipped. May end inside a UTF-8 sequence if the ids do.
    std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

    /// The bytes that this token adds when text is streamed; empty for special tokens and ids out
    /// of range.
    std::string_view token_bytes(TokenId id) const;

    std::int32_t vocabulary_size() const;
    bool is_special(TokenId id) const;  ///< control and unknown tokens
    bool is_end(TokenId id)
        const;  ///< generation stops here: eos, eot and tokens known by name to end a turn
    TokenId bos() const;
    TokenId eos() const;
    TokenId eot() const;
    TokenId padding() const;
    /// Id of a token by its stored text, special tokens too.
    std::optional<TokenId> id_of(std::string_view token) const;
    const TokenizerParts& parts() const;

    struct State;  ///< opaque: the room's own tables

  private:
    explicit Tokenizer(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

}  // namespace cairn::text
