// SPDX-License-Identifier: Apache-2.0
// JSON is put together as text, because the order of keys in tools and arguments is the model's
// business and must stay.
#include "chat_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cairn/text/json.h"

namespace cairn::text {
namespace {

std::string json_text(std::string_view text) {
    return dump_json(nlohmann::json(text));
}

/// JSON from outside, as it stands. Errors: kInvalid when it is not of this type.
Result<std::string> checked_json(const std::string& text, nlohmann::json::value_t type,
                                 std::string_view what) {
    const auto parsed = parse_json(text);
    if (parsed && parsed->type() == type) return text;
    return make_error(Code::kInvalid,
                      fmt::format("{}: expected a JSON {}, found {}", what,
                                  type == nlohmann::json::value_t::array ? "list" : "object",
                                  parsed ? parsed->type_name() : parsed.error().message));
}

std::string content_json(std::string_view content, bool typed) {
    if (!typed) return json_text(content);
    return R"([{"type": "text", "text": )" + json_text(content) + "}]";
}

Result<std::string> call_json(const ToolCall& call, bool as_object) {
    std::string arguments = call.arguments.empty() ? "{}" : call.arguments;
    if (as_object) {
        arguments = CAIRN_TRY(checked_json(arguments, nlohmann::json::value_t::object,
                                           "arguments of '" + call.name + "'"));
    } else {
        arguments = json_text(arguments);
    }
    return fmt::format(
        R"({{"id": {}, "type": "function", "function": {{"name": {}, "arguments": {}}}}})",
        json_text(call.id), json_text(call.name), arguments);
}

Result<std::string> message_json(const ChatMessage& message, std::string_view content,
                                 const ChatAbilities& abilities) {
    static constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant",
                                                               "tool"};
    if (std::find(kRoles.begin(), kRoles.end(), message.role) == kRoles.end()) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected the role system, user, assistant or tool, found '{}'",
                        message.role.substr(0, 64)));
    }
    const bool none = abilities.null_content && content.empty() && !message.tool_calls.empty();
    std::string json = "{\"role\": " + json_text(message.role) + ", \"content\": ";
    json +=
        none ? "null" : content_json(content, abilities.typed_content && message.role != "tool");
    if (!message.reasoning.empty()) {  // under the names that templates read
        const std::string reasoning = json_text(message.reasoning);
        json += ", \"reasoning_content\": " + reasoning + ", \"thinking\": " + reasoning;
    }
    if (!message.tool_calls.empty()) {
        json += ", \"tool_calls\": [";
        for (std::size_t i = 0; i < message.tool_calls.size(); ++i) {
            json += (i > 0 ? ", " : "") +
                    CAIRN_TRY(call_json(message.tool_calls[i], abilities.object_arguments));
        }
        json += "]";
    }
    if (!message.tool_call_id.empty()) {
        json += ", \"tool_call_id\": " + json_text(message.tool_call_id);
    }
    if (!message.name.empty()) json += ", \"name\": " + json_text(message.name);
    return json + "}";
}

/// The texts of all messages; a system text that the template would not show goes in front of the
/// first user's.
std::vector<std::string> contents(std::span<const ChatMessage> messages, bool system_role) {
    std::vector<std::string> texts;
    std::string system;
    for (const ChatMessage& message : messages) {
        std::string text = message.content;
        if (!system_role && message.role == "system") {
            system += text + "\n\n";
        } else if (message.role == "user") {
            text = std::exchange(system, {}) + text;
        }
        texts.push_back(std::move(text));
    }
    return texts;
}

}  // namespace

Result<JinjaContext> chat_context(std::span<const ChatMessage> messages, const ChatOptions& options,
                                  const ChatAbilities& abilities, std::string_view bos,
                                  std::string_view eos) {
    using Type = nlohmann::json::value_t;
    const bool has_user = std::any_of(messages.begin(), messages.end(),
                                      [](const ChatMessage& m) { return m.role == "user"; });
    const bool system_role = abilities.system_role || !has_user;
    const std::vector<std::string> texts = contents(messages, system_role);
    std::string list;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const std::string json = CAIRN_TRY(message_json(messages[i], texts[i], abilities));
        if (messages[i].role == "system" && !system_role) continue;
        list += (list.empty() ? "" : ", ") + json;
    }
    JinjaContext context;
    context.user_json = "{\"messages\": [" + list + "]";
    if (!options.tools.empty()) {
        context.user_json +=
            ", \"tools\": " + CAIRN_TRY(checked_json(options.tools, Type::array, "tools"));
    } else {
        context.user_json += ", \"tools\": null";
    }
    if (!options.documents.empty()) {
        context.user_json += ", \"documents\": " +
                             CAIRN_TRY(checked_json(options.documents, Type::array, "documents"));
    }
    if (!options.switches.empty()) {
        const std::string switches =
            CAIRN_TRY(checked_json(options.switches, Type::object, "switches of the template"));
        const auto parsed = CAIRN_TRY(parse_json(switches));
        for (const char* taken : {"messages", "tools", "documents"}) {
            if (!parsed.contains(taken)) continue;
            return make_error(Code::kInvalid,
                              fmt::format("'{}' is no switch of a chat template", taken));
        }
        const std::size_t first = switches.find_first_not_of(" \t\r\n", switches.find('{') + 1);
        if (switches[first] != '}') {
            context.user_json += ", " + switches.substr(first, switches.rfind('}') - first);
        }
    }
    context.user_json += "}";
    context.trusted_json =
        fmt::format(R"({{"bos_token": {}, "eos_token": {}, "add_generation_prompt": {}}})",
                    json_text(bos), json_text(eos), options.add_generation_prompt);
    context.now_s = options.now_s;
    return context;
}

}  // namespace cairn::text
