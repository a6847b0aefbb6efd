// SPDX-License-Identifier: Apache-2.0
// Two tables say what a chat request may hold: fields that are read, and fields that are accepted
// with the values that change nothing.
#include "chat_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "cairn/text/utf8.h"
#include "chat_tools.h"

namespace cairn::serve {

namespace {

using nlohmann::json;

constexpr std::size_t kFoundBytesMax = 60;
constexpr double kTemperatureMax = 2;

/// What was found, short enough for an error message.
std::string shown(const json& value) {
    std::string text = text::dump_json(value);
    if (text.size() <= kFoundBytesMax) return text;
    text.resize(text::complete_utf8_prefix(std::string_view(text).substr(0, kFoundBytesMax)));
    return text + "...";
}

Error wrong(std::string_view name, std::string_view expected, const json& found) {
    return make_error(Code::kInvalid, "'" + std::string(name) + "': expected " +
                                          std::string(expected) + ", found " + shown(found));
}

Status read_text(std::string_view name, const json& value, std::string& out) {
    if (!value.is_string()) return wrong(name, "a string", value);
    out = value.get<std::string>();
    return {};
}

Status read_flag(std::string_view name, const json& value, bool& out) {
    if (!value.is_boolean()) return wrong(name, "true or false", value);
    out = value.get<bool>();
    return {};
}

Status read_number(std::string_view name, const json& value, double low, double high, float& out) {
    if (!value.is_number() || !(value.get<double>() >= low) || !(value.get<double>() <= high)) {
        json range = {low, high};
        return wrong(name, "a number in " + shown(range), value);
    }
    out = value.get<float>();
    return {};
}

Status read_count(std::string_view name, const json& value, std::int64_t low, std::int64_t& out) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < low ||
        value.get<std::int64_t>() > limits::kContextMax) {
        return wrong(name,
                     "a whole number from " + std::to_string(low) + " to " +
                         std::to_string(limits::kContextMax),
                     value);
    }
    out = value.get<std::int64_t>();
    return {};
}

Result<std::string> read_content(const std::string& name, const json& content) {
    if (content.is_string()) return content.get<std::string>();
    if (!content.is_array() || content.empty()) {
        return wrong(name, "a string or a list of {\"type\": \"text\", \"text\": ...}", content);
    }
    std::string text;
    for (const json& part : content) {
        if (!part.is_object() || part.value("type", json()) != "text" || part.size() != 2 ||
            !part.contains("text") || !part["text"].is_string()) {
            return wrong(name, "parts of the form {\"type\": \"text\", \"text\": ...} only", part);
        }
        text += part["text"].get<std::string>();
    }
    return text;
}

/// What this server puts into its own answers and clients send back in the next turn.
bool is_echo(std::string_view role, const std::string& name, const json& value) {
    return role == "assistant" &&
           (name == "cairn" || value.is_null() || (value.is_array() && value.empty()));
}

/// Members beside role and content. Errors: not known for this role.
Status read_member(const std::string& name, const json& value, text::ChatMessage& out,
                   std::string& param) {
    if (out.role == "assistant" && name == "tool_calls") {
        out.tool_calls = CAIRN_TRY(read_tool_calls(value, param));
        return {};
    }
    if (out.role == "assistant" && name == "reasoning_content") {
        return read_text(param, value, out.reasoning);
    }
    if (out.role == "tool" && name == "tool_call_id") {
        return read_text(param, value, out.tool_call_id);
    }
    if (out.role == "tool" && name == "name") return read_text(param, value, out.name);
    return make_error(Code::kInvalid, "'" + param + "' is not supported here", "leave it out");
}

Result<text::ChatMessage> read_message(const std::string& at, const json& message,
                                       std::string& param) {
    param = at;
    if (!message.is_object()) return wrong(at, "an object with role and content", message);
    text::ChatMessage out;
    param = at + ".role";
    out.role = message.contains("role") && message["role"].is_string()
                   ? message["role"].get<std::string>()
                   : std::string();
    if (out.role == "developer") out.role = "system";
    if (out.role != "system" && out.role != "user" && out.role != "assistant" &&
        out.role != "tool") {
        return wrong(param, "system, developer, user, assistant or tool",
                     message.value("role", json()));
    }
    for (const auto& [name, value] : message.items()) {
        if (name == "role" || name == "content" || is_echo(out.role, name, value)) continue;
        param = at + "." + name;
        CAIRN_TRY(read_member(name, value, out, param));
    }
    param = at + ".content";
    const json content = message.value("content", json());
    if (content.is_null() && !out.tool_calls.empty()) return out;  // nothing but calls
    out.content = CAIRN_TRY(read_content(param, content));
    return out;
}

/// Each tool's message answers a call that stands before it.
Status check_tool_messages(const std::vector<text::ChatMessage>& messages, std::string& param) {
    std::set<std::string> calls;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        for (const text::ToolCall& call : messages[i].tool_calls) {
            calls.insert(call.id);
        }
        if (messages[i].role != "tool" || calls.contains(messages[i].tool_call_id)) continue;
        param = "messages[" + std::to_string(i) + "].tool_call_id";
        return make_error(Code::kInvalid, "'" + param +
                                              "': expected the id of a call in an "
                                              "assistant's message before it");
    }
    return {};
}

Status read_messages(const json& value, ChatRequest& request, std::string& param) {
    if (!value.is_array() || value.empty()) {
        return wrong("messages", "a list with at least one message", value);
    }
    if (value.size() > limits::kMessagesMax) {
        return make_error(Code::kInvalid, "'messages': expected at most " +
                                              std::to_string(limits::kMessagesMax) + ", found " +
                                              std::to_string(value.size()));
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
        request.messages.push_back(
            CAIRN_TRY(read_message("messages[" + std::to_string(i) + "]", value[i], param)));
    }
    CAIRN_TRY(check_tool_messages(request.messages, param));
    param = "messages";
    const std::string& last = request.messages.back().role;
    if (last != "user" && last != "tool") {
        return make_error(Code::kInvalid,
                          "'messages': expected the last message to be the user's, found " + last);
    }
    return {};
}

Status read_stops(const json& value, ChatRequest& request) {
    const json list = value.is_string() ? json::array({value}) : value;
    const std::string expected = "a string or a list of 1 to " +
                                 std::to_string(limits::kStopStringsMax) +
                                 " strings that are not empty";
    if (!list.is_array() || list.empty() || list.size() > limits::kStopStringsMax) {
        return wrong("stop", expected, value);
    }
    for (const json& stop : list) {
        if (!stop.is_string() || stop.get_ref<const std::string&>().empty()) {
            return wrong("stop", expected, value);
        }
        request.stops.push_back(stop.get<std::string>());
    }
    return {};
}

Status read_stream_options(const json& value, ChatRequest& request, std::string& param) {
    if (!value.is_object()) return wrong("stream_options", "an object", value);
    for (const auto& [name, option] : value.items()) {
        param = "stream_options." + name;
        if (name == "include_usage") {
            CAIRN_TRY(read_flag(param, option, request.include_usage));
        } else if (name != "include_obfuscation" || option != false) {
            return make_error(Code::kInvalid, "'" + param + "' is not supported", "leave it out");
        }
    }
    return {};
}

Status read_max_tokens(std::string_view name, const json& value, ChatRequest& request) {
    std::int64_t count = 0;
    CAIRN_TRY(read_count(name, value, 1, count));
    if (request.max_tokens && *request.max_tokens != count) {
        return make_error(Code::kInvalid,
                          "'max_tokens' and 'max_completion_tokens' differ; they mean the same",
                          "send one of them");
    }
    request.max_tokens = count;
    return {};
}

Status read_sampling(std::string_view name, const json& value, ChatRequest& request) {
    engine::SamplingOptions& sampling = request.sampling;
    double neutral = 1;
    if (name == "temperature") {
        CAIRN_TRY(read_number(name, value, 0, kTemperatureMax, sampling.temperature));
    } else if (name == "top_p") {
        CAIRN_TRY(read_number(name, value, 0, 1, sampling.top_p));
        if (sampling.top_p == 0) return wrong(name, "a number above 0", value);
    } else if (name == "min_p") {
        CAIRN_TRY(read_number(name, value, 0, 1, sampling.min_p));
        neutral = 0;
    } else {
        std::int64_t count = 0;
        CAIRN_TRY(read_count(name, value, 0, count));
        sampling.top_k = static_cast<std::int32_t>(count);
        neutral = 0;
    }
    const bool greedy = name == "temperature" && value.get<double>() == 0;
    if (!greedy && value.get<double>() != neutral) request.sampling_fields.emplace_back(name);
    return {};
}

Status read_penalty(std::string_view name, const json& value, ChatRequest& request) {
    float& penalty = name == "presence_penalty" ? request.sampling.presence_penalty
                                                : request.sampling.frequency_penalty;
    CAIRN_TRY(read_number(name, value, -2, 2, penalty));
    if (penalty != 0) request.sampling_fields.emplace_back(name);
    return {};
}

/// text, json_object or json_schema; the schema as the client wrote it, because an answer has its
/// properties in that order.
Status read_format(const json& object, std::string_view body, ChatRequest& request,
                   std::string& param) {
    param = "response_format";
    const json format = object.value("response_format", json());
    if (format.is_null()) return {};
    const json type = format.is_object() ? format.value("type", json()) : json();
    if (type != "text" && type != "json_object" && type != "json_schema") {
        return wrong(param, "{\"type\": \"text\", \"json_object\" or \"json_schema\"}", format);
    }
    request.json = type != "text";
    if (type != "json_schema") return {};
    const json described = format.value("json_schema", json());
    if (!described.is_object() || !described.contains("schema") ||
        !described["schema"].is_object()) {
        param += ".json_schema";
        return wrong(param, "{\"name\", \"schema\": {...}}", described);
    }
    request.json_schema =
        raw_member(raw_member(raw_member(body, "response_format"), "json_schema"), "schema");
    return {};
}

Status read_seed(const json& value, ChatRequest& request) {
    if (!value.is_number_integer()) return wrong("seed", "a whole number", value);
    request.seed = value.is_number_unsigned()
                       ? value.get<std::uint64_t>()
                       : static_cast<std::uint64_t>(value.get<std::int64_t>());
    return {};
}

/// Switches of the template come in one object; `reasoning_effort` may also stand alone.
Status read_kwargs(const json& value, ChatRequest& request, std::string& param) {
    const std::string switches = CAIRN_TRY(read_switches(value, param));
    json all = CAIRN_TRY(text::parse_json(request.switches.empty() ? "{}" : request.switches));
    all.update(CAIRN_TRY(text::parse_json(switches)));
    request.switches = all.empty() ? "" : text::dump_json(all);
    return {};
}

Status read_effort(const json& value, ChatRequest& request, std::string& param) {
    return read_kwargs({{"reasoning_effort", value}}, request, param);
}

/// The tools as the client wrote them: a model reads them in that order.
Status read_tools(const json& object, std::string_view body, ChatRequest& request,
                  std::string& param) {
    const json tools = object.value("tools", json());
    param = "tools";
    if (!tools.is_null()) CAIRN_TRY(check_tools(tools, param));
    param = "tool_choice";
    const json choice = object.value("tool_choice", json());
    const bool use = choice.is_null() || CAIRN_TRY(read_tool_choice(choice));
    if (tools.is_null() || tools.empty() || !use) return {};
    request.tools = raw_member(body, "tools");
    return {};
}

using Read = Status (*)(std::string_view name, const json& value, ChatRequest& request,
                        std::string& param);

struct Field {
    std::string_view name;
    Read read;
};

const std::array kFields = {
    Field{"model", [](auto name, auto& v, auto& r, auto&) { return read_text(name, v, r.model); }},
    Field{"messages", [](auto, auto& v, auto& r, auto& p) { return read_messages(v, r, p); }},
    Field{"stream",
          [](auto name, auto& v, auto& r, auto&) { return read_flag(name, v, r.stream); }},
    Field{"stream_options",
          [](auto, auto& v, auto& r, auto& p) { return read_stream_options(v, r, p); }},
    Field{"max_tokens",
          [](auto name, auto& v, auto& r, auto&) { return read_max_tokens(name, v, r); }},
    Field{"max_completion_tokens",
          [](auto name, auto& v, auto& r, auto&) { return read_max_tokens(name, v, r); }},
    Field{"temperature",
          [](auto name, auto& v, auto& r, auto&) { return read_sampling(name, v, r); }},
    Field{"top_p", [](auto name, auto& v, auto& r, auto&) { return read_sampling(name, v, r); }},
    Field{"top_k", [](auto name, auto& v, auto& r, auto&) { return read_sampling(name, v, r); }},
    Field{"min_p", [](auto name, auto& v, auto& r, auto&) { return read_sampling(name, v, r); }},
    Field{"presence_penalty",
          [](auto name, auto& v, auto& r, auto&) { return read_penalty(name, v, r); }},
    Field{"frequency_penalty",
          [](auto name, auto& v, auto& r, auto&) { return read_penalty(name, v, r); }},
    Field{"seed", [](auto, auto& v, auto& r, auto&) { return read_seed(v, r); }},
    Field{"stop", [](auto, auto& v, auto& r, auto&) { return read_stops(v, r); }},
    Field{"parallel_tool_calls",
          [](auto name, auto& v, auto& r, auto&) { return read_flag(name, v, r.parallel_calls); }},
    Field{"chat_template_kwargs",
          [](auto, auto& v, auto& r, auto& p) { return read_kwargs(v, r, p); }},
    Field{"reasoning_effort", [](auto, auto& v, auto& r, auto& p) { return read_effort(v, r, p); }},
};

/// Fields of OpenAI's API with the values (a JSON list) under which they change nothing here. An
/// empty list: any value, the field only labels the request.
struct Neutral {
    std::string_view name;
    std::string_view values;
};

constexpr std::array kNeutral = {
    Neutral{"user", "[]"},
    Neutral{"metadata", "[]"},
    Neutral{"safety_identifier", "[]"},
    Neutral{"prompt_cache_key", "[]"},
    Neutral{"store", "[false]"},
    Neutral{"n", "[1]"},
    Neutral{"repetition_penalty", "[1]"},
    Neutral{"logprobs", "[false]"},
    Neutral{"top_logprobs", "[0]"},
    Neutral{"logit_bias", "[{}]"},
    Neutral{"modalities", R"([["text"]])"},
    Neutral{"functions", "[[]]"},
    Neutral{"function_call", R"(["none", "auto"])"},
    Neutral{"service_tier", R"(["auto", "default"])"},
};

Status check_neutral(const std::string& name, const json& value) {
    const auto* const field = std::find_if(
        kNeutral.begin(), kNeutral.end(), [&](const Neutral& entry) { return entry.name == name; });
    if (field == kNeutral.end()) {
        return make_error(Code::kInvalid, "the field '" + name + "' is not known",
                          "leave it out; docs/formats/http_api.md lists what is understood");
    }
    const json values = json::parse(field->values);
    if (values.empty() || std::find(values.begin(), values.end(), value) != values.end()) return {};
    return make_error(Code::kInvalid,
                      "'" + name + "' is not supported here except as " + shown(values[0]) +
                          ", found " + shown(value),
                      "leave it out");
}

}  // namespace

Result<ChatRequest> parse_chat_request(std::string_view body, std::string& param) {
    param.clear();
    const json object = CAIRN_TRY(text::parse_json(body, {.refuse_duplicate_keys = true}));
    if (!object.is_object()) return wrong("body", "a JSON object", object);
    ChatRequest request;
    CAIRN_TRY(read_tools(object, body, request, param));
    CAIRN_TRY(read_format(object, body, request, param));
    for (const auto& item : object.items()) {
        const std::string& name = item.key();
        const json& value = item.value();
        if (name == "tools" || name == "tool_choice" || name == "response_format") continue;
        param = name;
        const auto* const field = std::find_if(
            kFields.begin(), kFields.end(),
            [wanted = std::string_view(name)](const Field& entry) { return entry.name == wanted; });
        const bool known = field != kFields.end();
        if (value.is_null() &&
            (known || check_neutral(name, value).error().message.find("is not known") ==
                          std::string::npos)) {
            continue;
        }
        CAIRN_TRY(known ? field->read(name, value, request, param) : check_neutral(name, value));
    }
    for (const std::string_view name : {"model", "messages"}) {
        param = name;
        if (!object.contains(name) || object[std::string(name)].is_null()) {
            return make_error(Code::kInvalid, "'" + std::string(name) + "' is missing");
        }
    }
    param = "stream_options";
    if (!request.stream && object.contains("stream_options") &&
        !object["stream_options"].is_null()) {
        return make_error(Code::kInvalid, "'stream_options' needs 'stream': true");
    }
    param.clear();
    return request;
}

}  // namespace cairn::serve
