// SPDX-License-Identifier: Apache-2.0
// A compiled template with what it can do; models share one compilation.
#include "cairn/text/chat_template.h"

#include <fmt/format.h>

#include <mutex>

#include "chat_context.h"

namespace cairn::text {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";
constexpr std::size_t kKeptMax = 16;  // compiled templates of models in memory

std::string token_text(const Tokenizer& tokenizer, TokenId id) {
    if (id < 0 || id >= tokenizer.vocabulary_size()) return {};
    return tokenizer.parts().tokens[static_cast<std::size_t>(id)];
}

}  // namespace

struct ChatTemplate::State {
    std::string source;
    std::string bos;
    std::string eos;
    JinjaTemplate compiled;
    ChatAbilities abilities;
};

ChatTemplate::ChatTemplate(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<ChatTemplate> ChatTemplate::compile(std::string_view source, std::string_view bos,
                                           std::string_view eos) {
    JinjaTemplate compiled = CAIRN_TRY(JinjaTemplate::compile(source));
    ChatAbilities abilities = CAIRN_TRY(probe_abilities(compiled, bos, eos));
    return ChatTemplate(
        std::make_shared<const State>(State{std::string(source), std::string(bos), std::string(eos),
                                            std::move(compiled), std::move(abilities)}));
}

Result<ChatTemplate> ChatTemplate::named(std::string_view name, std::string_view bos,
                                         std::string_view eos) {
    const std::string_view source = builtin_template(name);
    if (!source.empty()) return compile(source, bos, eos);
    std::string names;
    for (const std::string_view known : builtin_templates()) {
        names += (names.empty() ? "" : ", ") + std::string(known);
    }
    return make_error(Code::kNotFound, fmt::format("there is no chat template '{}'", name),
                      "there are: " + names);
}

Result<ChatTemplate> ChatTemplate::of(const Tokenizer& tokenizer) {
    const TokenizerParts& parts = tokenizer.parts();
    if (parts.chat_template.empty() && !has_chat_tokens(tokenizer)) {
        return make_error(Code::kUnsupported,
                          "expected a model with a chat template or with the special tokens "
                          "<|im_start|> and <|im_end|>, found a base model",
                          "use it for plain completion, or take a model that was tuned for chat");
    }
    const std::string_view source =
        parts.chat_template.empty() ? builtin_template("chatml") : parts.chat_template;
    const std::string bos = token_text(tokenizer, tokenizer.bos());
    const std::string eos = token_text(tokenizer, tokenizer.eos());
    static std::mutex mutex;
    static std::vector<ChatTemplate> kept;
    const std::lock_guard lock(mutex);
    for (const ChatTemplate& known : kept) {
        const State& state = *known.state_;
        if (state.source == source && state.bos == bos && state.eos == eos) return known;
    }
    ChatTemplate compiled = CAIRN_TRY(compile(source, bos, eos));
    if (kept.size() == kKeptMax) kept.erase(kept.begin());
    kept.push_back(compiled);
    return compiled;
}

Result<ChatText> ChatTemplate::render(std::span<const ChatMessage> messages,
                                      const ChatOptions& options) const {
    if (messages.empty()) {
        return make_error(Code::kInvalid, "expected at least one message, found none");
    }
    if (!options.tools.empty() && !abilities().tools) {
        return make_error(Code::kUnsupported, "the model's chat template knows no tools",
                          "leave 'tools' out, or take a model that was tuned for tools");
    }
    const JinjaContext context =
        CAIRN_TRY(chat_context(messages, options, abilities(), state_->bos, state_->eos));
    JinjaOutput output = CAIRN_TRY(state_->compiled.render(context));
    return ChatText{std::move(output.text), std::move(output.user), std::move(output.generation)};
}

const ChatAbilities& ChatTemplate::abilities() const {
    return state_->abilities;
}

const std::string& ChatTemplate::source() const {
    return state_->source;
}

std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const ChatText& chat) {
    return tokenizer.encode(chat.text, {.parse_special = true, .untrusted = chat.user});
}

bool has_chat_tokens(const Tokenizer& tokenizer) {
    for (const std::string_view name : {kStart, kEnd}) {
        const auto id = tokenizer.id_of(name);
        if (!id || !tokenizer.is_special(*id)) return false;
    }
    return true;
}

}  // namespace cairn::text
