// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back: BPE (by bytes, characters or ranks), Unigram and WordPiece, as GGUF
// files and tokenizer.json hold them. Used by the engine, training and the apps. A Tokenizer is an
// immutable value: copies share one table.
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
#include "cairn/text/tokenizer_parts.h"

namespace cairn::text {

struct EncodeOptions {
    bool add_bos = false;  ///< puts bos in front if the model was trained so (parts().add_bos)
    bool parse_special =
        false;  ///< true only for trusted text: "<|im_end|>" in it becomes that token
    /// Sorted byte ranges that no special token may touch although parse_special holds: what users
    /// wrote inside a rendered chat (chat_template.h).
    std::span<const Span> untrusted = {};
};

/// Ids with the type of each: 0 for the first text, 1 for the second where the model tells them
/// apart.
struct Encoding {
    std::vector<TokenId> ids;
    std::vector<std::uint8_t> types;
};

/// Thread-safe: all methods are const. Time is n log n in the length of any text.
class Tokenizer {
  public:
    /// Checks the parts (sizes, ids in range, known kind and pre, merges that name tokens) and
    /// builds the tables.
    static Result<Tokenizer> from_parts(TokenizerParts parts);

    /// Byte-level kinds are lossless but for their normal form (NFC where the model was trained
    /// so); others replace what they cannot say by the unknown token. Without `parse_special` no
    /// text can give a special token, nor a marker of reasoning or tools such as <think>.
    std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

    /// Puts the special tokens of the model's template around one or two encoded texts:
    /// [CLS] a [SEP] b [SEP], a </s>, <s> a. The caller cuts texts that are too long before.
    Encoding with_template(std::span<const TokenId> first) const;
    Encoding with_template(std::span<const TokenId> first, std::span<const TokenId> second) const;

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
    TokenId separator() const;
    TokenId mask() const;
    /// Id of a token by its stored text, special tokens too.
    std::optional<TokenId> id_of(std::string_view token) const;
    const TokenizerParts& parts() const;

    struct State;  ///< opaque: the room's own tables

  private:
    explicit Tokenizer(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

}  // namespace cairn::text
