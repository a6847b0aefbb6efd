// SPDX-License-Identifier: Apache-2.0
// Tokenizer files other than tokenizer.json.
#pragma once

#include <string_view>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer_parts.h"

namespace cairn::text {

/// SentencePiece's ModelProto (tokenizer.model), BPE or Unigram.
Result<TokenizerParts> read_sentence_piece(std::string_view bytes);

/// Lines of a token in base64, a space, its rank.
Result<TokenizerParts> read_tiktoken(std::string_view text, std::string_view pre);

/// Kimi's code names every id that is not named up to 256 behind the ranks.
void add_reserved_tokens(TokenizerParts& parts);

}  // namespace cairn::text
