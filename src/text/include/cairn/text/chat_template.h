// SPDX-License-Identifier: Apache-2.0
// Chats as token ids: "<|im_start|>role\ncontent<|im_end|>\n". The markers are put in as ids and
// the content is never parsed for special tokens, so that no user can forge a turn.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct ChatMessage {
    std::string role;  ///< system, user or assistant
    std::string content;
};

struct RenderedChat {
    std::vector<TokenId> ids;
    std::vector<std::uint8_t>
        trainable;  ///< one per id: 1 for an assistant's content and its <|im_end|>
};

/// True when the vocabulary has <|im_start|> and <|im_end|> as special tokens.
bool has_chat_tokens(const Tokenizer& tokenizer);

/// Begins with bos where the model was trained so. `add_generation_prompt` ends with an opened
/// assistant turn. Errors: kUnsupported for a base model without chat tokens, kInvalid for an
/// unknown role (named) or no messages.
Result<RenderedChat> render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                                 bool add_generation_prompt);

}  // namespace cairn::text
