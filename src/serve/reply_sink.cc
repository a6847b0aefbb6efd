// SPDX-License-Identifier: Apache-2.0
// Our own models keep their turn-by-turn prompt; all others are rendered by their template.
#include "reply_sink.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/hash.h"
#include "cairn/text/json.h"

namespace cairn::serve {
namespace {

using text::ReplyDelta;

/// Nine letters and digits, the shape that the strictest templates ask of an id.
std::string call_id(const std::string& request_id, std::size_t index) {
    static constexpr std::string_view kDigits =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::uint64_t value = hash64(request_id + "/" + std::to_string(index));
    std::string id;
    for (int i = 0; i < 9; ++i) {
        id += kDigits[value % kDigits.size()];
        value /= kDigits.size();
    }
    return id;
}

Error unsupported(std::string what, std::string hint) {
    return make_error(Code::kUnsupported, std::move(what), std::move(hint));
}

/// Switches that this template does not read would silently do nothing.
Status check_switches(const text::ChatTemplate& compiled, const ChatRequest& chat) {
    const auto parsed = text::parse_json(chat.switches.empty() ? "{}" : chat.switches);
    if (!parsed) return parsed.error();
    for (const auto& [name, value] : parsed->items()) {
        if (compiled.source().find(name) != std::string::npos) continue;
        return unsupported("the model's chat template does not know '" + name + "'",
                           "leave it out");
    }
    return {};
}

}  // namespace

Result<ChatPrompt> make_prompt(const engine::Model& model, const ChatRequest& chat,
                               std::int64_t now_s, std::string& param) {
    const text::Tokenizer& tokenizer = model.tokenizer();
    const text::ChatTemplate compiled = CAIRN_TRY(text::ChatTemplate::of(tokenizer));
    const std::string& source = compiled.source();
    ChatPrompt prompt;
    param = "tools";
    if (!chat.tools.empty() &&
        (!compiled.abilities().tools || text::reply_format(source) == text::ReplyFormat::kPlain)) {
        return unsupported("the model '" + chat.model + "' was not tuned for tools",
                           "leave 'tools' out, or serve a model whose chat template has them");
    }
    param = "chat_template_kwargs";
    CAIRN_TRY(check_switches(compiled, chat));
    param = "messages";
    const bool ours =
        text::has_chat_tokens(tokenizer) && source == text::builtin_template("chatml");
    if (ours) {
        prompt.ids = CAIRN_TRY(text::render_chat(tokenizer, chat.messages, true)).ids;
        return prompt;
    }
    const text::ChatText rendered = CAIRN_TRY(compiled.render(
        chat.messages, {.tools = chat.tools, .switches = chat.switches, .now_s = now_s}));
    prompt.ids = text::encode_chat(tokenizer, rendered);
    text::ReplySetup setup{source, chat.tools, false};
    const std::string_view open = rendered.text;
    const std::size_t end = open.find_last_not_of(" \n");
    const std::string_view tail = end == std::string_view::npos ? open : open.substr(0, end + 1);
    setup.in_reasoning =
        tail.ends_with("<think>") || tail.ends_with("<seed:think>") || tail.ends_with("[THINK]");
    prompt.reply = std::move(setup);
    return prompt;
}

ReplySink::ReplySink(const std::optional<text::ReplySetup>& setup, std::string request_id,
                     bool one_call)
    : request_id_(std::move(request_id)), one_call_(one_call) {
    if (setup) parser_.emplace(*setup);
}

std::vector<text::TokenId> ReplySink::shown_tokens(const text::Tokenizer& tokenizer) const {
    std::vector<text::TokenId> ids;
    if (!parser_) return ids;
    for (const std::string& mark : parser_->marks()) {
        const auto id = tokenizer.id_of(mark);
        if (id && tokenizer.is_special(*id)) ids.push_back(*id);
    }
    return ids;
}

std::vector<ReplyDelta> ReplySink::taken(std::vector<ReplyDelta> deltas) {
    std::vector<ReplyDelta> out;
    for (ReplyDelta& delta : deltas) {
        if (full()) break;
        switch (delta.kind) {
            case ReplyDelta::Kind::kContent:
                message_.content += delta.text;
                break;
            case ReplyDelta::Kind::kReasoning:
                message_.reasoning += delta.text;
                break;
            case ReplyDelta::Kind::kCall:
                if (delta.call.id.empty()) {
                    delta.call.id = call_id(request_id_, message_.calls.size());
                }
                message_.calls.push_back(delta.call);
                break;
        }
        out.push_back(std::move(delta));
    }
    return out;
}

std::vector<ReplyDelta> ReplySink::feed(std::string_view text) {
    if (parser_) return taken(parser_->feed(text));
    if (text.empty()) return {};
    return taken({{ReplyDelta::Kind::kContent, std::string(text), {}}});
}

std::vector<ReplyDelta> ReplySink::finish() {
    return parser_ ? taken(parser_->finish()) : std::vector<ReplyDelta>();
}

}  // namespace cairn::serve
