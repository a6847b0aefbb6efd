// SPDX-License-Identifier: Apache-2.0
// Chats as the model was trained to read them: its own template, rendered with marks, so that what
// users write can never become a special token; as text, or as ids with what training learns.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/span.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;  ///< a JSON object as text
    bool operator==(const ToolCall&) const = default;
};

struct ChatMessage {
    std::string role;  ///< system, user, assistant or tool
    std::string content;
    std::string reasoning = {};             ///< what an assistant thought before it answered
    std::vector<ToolCall> tool_calls = {};  ///< of an assistant
    std::string tool_call_id = {};          ///< of a tool: the call that it answers
    std::string name = {};                  ///< of a tool
};

struct ChatOptions {
    std::string tools = {};      ///< a JSON list in OpenAI's form; empty: none
    std::string documents = {};  ///< a JSON list; empty: none
    /// A JSON object of the template's own switches, e.g. {"enable_thinking": false}.
    std::string switches = {};
    bool add_generation_prompt = true;
    std::int64_t now_s = 0;  ///< the date that a template may show, in UTC
};

struct ChatText {
    std::string text;
    std::vector<Span> user;        ///< what no special token may touch
    std::vector<Span> generation;  ///< what the template itself marks as the assistant's
};

/// What a template does with the parts of a chat, found by rendering it.
struct ChatAbilities {
    bool system_role = false;       ///< else the system's text goes in front of the first user's
    bool tools = false;             ///< shows the tools
    bool tool_calls = false;        ///< shows calls of earlier turns
    bool tool_results = false;      ///< shows messages of the role tool
    bool parallel_calls = false;    ///< several calls in one message
    bool object_arguments = false;  ///< wants arguments as an object, not as text
    bool null_content = false;      ///< wants null as the content of calls, not an empty text
    bool typed_content = false;     ///< wants content as a list of parts
    bool reasoning = false;         ///< shows the reasoning of a message with calls or the last
    bool alternates = false;        ///< refuses two users' turns in a row
    bool opens_reasoning = false;   ///< the generation prompt ends inside of the reasoning
    /// Switches that change the prompt: enable_thinking, thinking, reasoning_effort.
    std::vector<std::string> switches;
};

/// Thread-safe; copies share one compiled template.
class ChatTemplate {
  public:
    /// `bos` and `eos` are the texts of the model's tokens. Errors as JinjaTemplate::compile, or
    /// kInvalid when it renders not even one user's message.
    static Result<ChatTemplate> compile(std::string_view source, std::string_view bos,
                                        std::string_view eos);
    /// One of builtin_templates(), for models that bring none. Errors: kNotFound with the names.
    static Result<ChatTemplate> named(std::string_view name, std::string_view bos,
                                      std::string_view eos);
    /// The model's own; ChatML where it has none but the tokens of ChatML. Compiled once for each
    /// model. Errors: kUnsupported for a base model.
    static Result<ChatTemplate> of(const Tokenizer& tokenizer);

    /// Errors: kInvalid for no messages, an unknown role, JSON that is none, or what the template
    /// refuses (in its words); kUnsupported for tools that it does not know.
    Result<ChatText> render(std::span<const ChatMessage> messages,
                            const ChatOptions& options = {}) const;

    const ChatAbilities& abilities() const;
    const std::string& source() const;

    struct State;  ///< opaque

  private:
    explicit ChatTemplate(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

/// chatml, llama2, llama3, mistral, gemma, phi3, zephyr, deepseek, vicuna.
std::vector<std::string_view> builtin_templates();
/// The source of one of them; empty for another name.
std::string_view builtin_template(std::string_view name);

/// Ids of a rendered chat. The template alone decides about bos.
std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const ChatText& chat);

struct RenderedChat {
    std::vector<TokenId> ids;
    std::vector<std::uint8_t>
        trainable;  ///< one per id: 1 for what an assistant says and the token that ends its turn
};

/// True when the vocabulary has <|im_start|> and <|im_end|> as special tokens.
bool has_chat_tokens(const Tokenizer& tokenizer);

/// By the model's own template. Begins with bos where the model was trained so.
/// `add_generation_prompt` ends with an opened assistant turn. Errors: kUnsupported for a base
/// model without template and chat tokens, kInvalid for an unknown role (named) or no messages.
Result<RenderedChat> render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                                 bool add_generation_prompt);

}  // namespace cairn::text
