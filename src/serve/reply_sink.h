// SPDX-License-Identifier: Apache-2.0
// From a chat request to the model's prompt, and from what the model writes to the parts of an
// answer: content, reasoning, calls of tools.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/engine/model.h"
#include "cairn/text/reply_parser.h"
#include "chat_request.h"

namespace cairn::serve {

struct ChatPrompt {
    std::vector<text::TokenId> ids;
    /// How to read the reply; nothing when all of it is content.
    std::optional<text::ReplySetup> reply;
};

/// By the model's own template. `now_s` is the date that a template may show. Errors: kInvalid with
/// the template's words; kUnsupported for tools that the model does not know or switches without
/// effect, with `param`.
Result<ChatPrompt> make_prompt(const engine::Model& model, const ChatRequest& chat,
                               std::int64_t now_s, std::string& param);

/// The message of an answer.
struct ReplyMessage {
    std::string content;
    std::string reasoning;
    std::vector<text::ToolCall> calls;
    std::string refusal;  ///< not empty: the content says that there is no sure answer
};

/// Collects the message and gives out what may be shown now.
class ReplySink {
  public:
    /// `request_id` makes ids of calls; `one_call` leaves out all calls but the first.
    ReplySink(const std::optional<text::ReplySetup>& setup, std::string request_id, bool one_call);

    std::vector<text::ReplyDelta> feed(std::string_view text);
    std::vector<text::ReplyDelta> finish();
    const ReplyMessage& message() const { return message_; }
    /// The special tokens of this vocabulary that the parser reads as text.
    std::vector<text::TokenId> shown_tokens(const text::Tokenizer& tokenizer) const;
    /// Nothing that comes now would be used.
    bool full() const { return one_call_ && !message_.calls.empty(); }

  private:
    std::vector<text::ReplyDelta> taken(std::vector<text::ReplyDelta> deltas);

    std::optional<text::ReplyParser> parser_;
    std::string request_id_;
    bool one_call_;
    ReplyMessage message_;
};

}  // namespace cairn::serve
