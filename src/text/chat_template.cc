// SPDX-License-Identifier: Apache-2.0
// One turn at a time: marker id, role and line end, content, marker id, line end. Header and
// content are encoded apart, as they are when the model generates behind an opened turn.
#include "cairn/text/chat_template.h"

#include <fmt/format.h>

namespace cairn::text {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";

std::optional<TokenId> marker(const Tokenizer& tokenizer, std::string_view name) {
    const auto id = tokenizer.id_of(name);
    return id && tokenizer.is_special(*id) ? id : std::nullopt;
}

void append(RenderedChat& chat, std::span<const TokenId> ids, bool trainable) {
    chat.ids.insert(chat.ids.end(), ids.begin(), ids.end());
    chat.trainable.insert(chat.trainable.end(), ids.size(), trainable ? 1 : 0);
}

}  // namespace

bool has_chat_tokens(const Tokenizer& tokenizer) {
    return marker(tokenizer, kStart) && marker(tokenizer, kEnd);
}

Result<RenderedChat> render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                                 bool add_generation_prompt) {
    const auto start = marker(tokenizer, kStart);
    const auto end = marker(tokenizer, kEnd);
    if (!start || !end) {
        return make_error(Code::kUnsupported,
                          "expected a model with the special tokens <|im_start|> and <|im_end|>, "
                          "found a base model",
                          "use it for plain completion, or take a model that was tuned for chat");
    }
    if (messages.empty())
        return make_error(Code::kInvalid, "expected at least one message, found none");
    RenderedChat chat;
    if (tokenizer.parts().add_bos && tokenizer.bos() != kNoToken)
        append(chat, {{tokenizer.bos()}}, false);
    const std::vector<TokenId> line_end = tokenizer.encode("\n");
    for (const ChatMessage& message : messages) {
        if (message.role != "system" && message.role != "user" && message.role != "assistant") {
            return make_error(Code::kInvalid,
                              fmt::format("expected the role system, user or assistant, found '{}'",
                                          message.role.substr(0, 64)));
        }
        const bool trainable = message.role == "assistant";
        append(chat, {{*start}}, false);
        append(chat, tokenizer.encode(message.role + "\n"), false);
        append(chat, tokenizer.encode(message.content), trainable);
        append(chat, {{*end}}, trainable);
        append(chat, line_end, false);
    }
    if (add_generation_prompt) {
        append(chat, {{*start}}, false);
        append(chat, tokenizer.encode("assistant\n"), false);
    }
    return chat;
}

}  // namespace cairn::text
