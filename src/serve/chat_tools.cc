// SPDX-License-Identifier: Apache-2.0
// Checks before anything reaches a template: names are short and plain, arguments are objects.
#include "chat_tools.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/text/json.h"
#include "cairn/text/utf8.h"

namespace cairn::serve {
namespace {

using nlohmann::json;

constexpr std::size_t kToolsMax = 128;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kCallsMax = 64;
constexpr std::size_t kSwitchBytesMax = 64;

Error invalid(std::string_view name, std::string_view expected) {
    return make_error(Code::kInvalid,
                      "'" + std::string(name) + "': expected " + std::string(expected));
}

bool is_name(const json& value) {
    if (!value.is_string()) return false;
    const auto& name = value.get_ref<const std::string&>();
    return !name.empty() && name.size() <= kNameBytesMax &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
           });
}

/// Behind the JSON value that begins at `at`.
std::size_t value_end(std::string_view text, std::size_t at) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = at; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
            if (!in_string && depth == 0) return i + 1;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return i;  // of the object around a number or a word
            if (--depth == 0) return i + 1;
        } else if (c == ',' && depth == 0) {
            return i;
        }
    }
    return text.size();
}

}  // namespace

std::string_view raw_member(std::string_view object, std::string_view name) {
    const auto skip = [&](std::size_t at, std::string_view what) {
        return std::min(object.find_first_not_of(what, at), object.size());
    };
    for (std::size_t at = skip(0, " \t\r\n{"); at < object.size() && object[at] == '"';) {
        const std::size_t key_end = value_end(object, at);
        const std::string_view key = object.substr(at, key_end - at);
        const std::size_t begin = skip(key_end, " \t\r\n:");
        const std::size_t end = value_end(object, begin);
        const auto parsed = text::parse_json(key);
        if (parsed && parsed->is_string() && *parsed == name) {
            return object.substr(begin, end - begin);
        }
        at = skip(end, " \t\r\n,");
    }
    return {};
}

Status check_tools(const json& tools, std::string& param) {
    if (!tools.is_array() || tools.size() > kToolsMax) {
        return invalid(param, "a list of at most " + std::to_string(kToolsMax) + " tools");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < tools.size(); ++i) {
        param = "tools[" + std::to_string(i) + "]";
        const json& tool = tools[i];
        if (!tool.is_object() || tool.value("type", json()) != "function" ||
            !tool.contains("function") || !tool["function"].is_object()) {
            return invalid(param, "{\"type\": \"function\", \"function\": {...}}");
        }
        const json& function = tool["function"];
        param += ".function";
        if (!is_name(function.value("name", json()))) {
            return invalid(param + ".name", "1 to 64 letters, digits, '_', '-' or '.'");
        }
        if (!names.insert(function["name"].get<std::string>()).second) {
            return invalid(param + ".name", "a name that no other tool has");
        }
        if (function.contains("description") && !function["description"].is_string()) {
            return invalid(param + ".description", "a string");
        }
        if (function.contains("parameters") && !function["parameters"].is_object()) {
            return invalid(param + ".parameters", "a JSON schema of an object");
        }
    }
    return {};
}

Result<bool> read_tool_choice(const json& choice) {
    if (choice == "auto" || choice == "none") return choice == "auto";
    return make_error(Code::kInvalid,
                      "'tool_choice': a call cannot be forced here; expected auto or none, found " +
                          text::repair_utf8(text::dump_json(choice).substr(0, 60)).text,
                      "leave it out and say in the messages what is to be called");
}

Result<std::vector<text::ToolCall>> read_tool_calls(const json& calls, std::string& param) {
    if (!calls.is_array() || calls.size() > kCallsMax) {
        return invalid(param, "a list of at most " + std::to_string(kCallsMax) + " calls");
    }
    std::vector<text::ToolCall> out;
    const std::string at = param;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        param = at + "[" + std::to_string(i) + "]";
        const json& call = calls[i];
        if (!call.is_object() || !call.value("id", json()).is_string() ||
            call.value("type", json("function")) != "function" || !call.contains("function") ||
            !call["function"].is_object()) {
            return invalid(param, "{\"id\", \"type\": \"function\", \"function\": {...}}");
        }
        const json& function = call["function"];
        const json arguments = function.value("arguments", json());
        param += ".function";
        if (!is_name(function.value("name", json()))) return invalid(param + ".name", "a name");
        const auto parsed = arguments.is_string()
                                ? text::parse_json(arguments.get_ref<const std::string&>())
                                : Result<json>(json());
        if (!parsed || !parsed->is_object()) {
            return invalid(param + ".arguments", "a JSON object as a string");
        }
        out.push_back({call["id"].get<std::string>(), function["name"].get<std::string>(),
                       arguments.get<std::string>()});
    }
    return out;
}

Result<std::string> read_switches(const json& switches, std::string& param) {
    static constexpr std::array<std::string_view, 7> kKnown = {
        "enable_thinking", "thinking",      "reasoning_effort", "preserve_thinking",
        "clear_thinking",  "drop_thinking", "model_identity"};
    if (!switches.is_object()) return invalid(param, "an object");
    for (const auto& [name, value] : switches.items()) {
        param = "chat_template_kwargs." + name;
        if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
            return make_error(Code::kInvalid, "'" + param + "' is not known",
                              "known are enable_thinking, thinking, reasoning_effort and others "
                              "in docs/formats/http_api.md");
        }
        const bool text =
            value.is_string() && value.get_ref<const std::string&>().size() <= kSwitchBytesMax;
        if (!text && !value.is_boolean()) {
            return invalid(param, "true, false or a text of at most 64 bytes");
        }
    }
    return text::dump_json(switches);
}

}  // namespace cairn::serve
