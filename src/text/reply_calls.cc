// SPDX-License-Identifier: Apache-2.0
// One reader per way of writing a call. Arguments leave as JSON text with keys in the model's
// order.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "reply_machine.h"

namespace cairn::text {
namespace {

using Json = nlohmann::ordered_json;
using Calls = std::optional<std::vector<ToolCall>>;

constexpr std::size_t kBodyBytesMax = limits::kMiB;
constexpr auto kNone = std::string_view::npos;

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == kNone) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// JSON of bounded depth and size; discarded when it is none.
Json parse(std::string_view text) {
    if (text.size() > kBodyBytesMax || !parse_json(text)) return Json(Json::value_t::discarded);
    return Json::parse(text, nullptr, false);
}

std::string dumped(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const auto found = object.find(name);
        if (found != object.end() && found->is_string()) return found->get<std::string>();
    }
    return {};
}

std::optional<ToolCall> call_of(const Json& object) {
    if (!object.is_object()) return std::nullopt;
    const auto function = object.find("function");
    if (function != object.end() && function->is_object()) return call_of(*function);
    ToolCall call;
    call.name = text_of(object, {"name", "tool_name", "function"});
    call.id = text_of(object, {"id", "tool_call_id"});
    Json arguments = Json::object();
    for (const char* name : {"arguments", "parameters"}) {
        if (object.contains(name)) arguments = object[name];
    }
    if (arguments.is_string()) arguments = parse(arguments.get<std::string>());
    if (call.name.empty()) {  // {"name of the tool": {its arguments}}
        if (object.size() != 1 || !object.begin()->is_object()) return std::nullopt;
        call.name = object.begin().key();
        arguments = object.begin().value();
    }
    if (call.name.empty() || !arguments.is_object()) return std::nullopt;
    call.arguments = dumped(arguments);
    return call;
}

/// What lies between `begin` and `end` from `at` on, and moves `at` behind it.
std::optional<std::string_view> between(std::string_view text, std::size_t& at,
                                        std::string_view begin, std::string_view end) {
    const std::size_t first = text.find(begin, at);
    if (first == kNone) return std::nullopt;
    const std::size_t from = first + begin.size();
    const std::size_t last = text.find(end, from);
    if (last == kNone) return std::nullopt;
    at = last + end.size();
    return text.substr(from, last - from);
}

std::string_view without_line_ends(std::string_view text) {
    if (text.starts_with('\n')) text.remove_prefix(1);
    if (text.ends_with('\n')) text.remove_suffix(1);
    return text;
}

/// <function=name>\n<parameter=key>\nvalue\n</parameter>...</function>
Calls read_parameters(std::string_view body, const ToolSchemas& schemas) {
    std::size_t at = 0;
    const auto name = between(body, at, "<function=", ">");
    if (!name) return std::nullopt;
    ToolCall call;
    call.name = trimmed(*name);
    if (call.name.empty()) return std::nullopt;
    Json arguments = Json::object();
    while (true) {
        const auto key = between(body, at, "<parameter=", ">");
        if (!key) break;
        const std::size_t end = std::min(body.find("</parameter>", at), body.size());
        const std::string_view value = body.substr(at, end - at);
        at = end;
        const std::string parameter(trimmed(*key));
        arguments[parameter] = schemas.value(call.name, parameter, without_line_ends(value));
    }
    call.arguments = dumped(arguments);
    return std::vector{call};
}

/// name\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>...
Calls read_arg_keys(std::string_view body, const ToolSchemas& schemas) {
    const std::size_t first = body.find("<arg_key>");
    ToolCall call;
    call.name = trimmed(body.substr(0, first));
    if (call.name.empty() || call.name.find_first_of(" \n<{") != std::string::npos) {
        return std::nullopt;
    }
    Json arguments = Json::object();
    for (std::size_t at = 0;;) {
        const auto key = between(body, at, "<arg_key>", "</arg_key>");
        if (!key) break;
        const auto value = between(body, at, "<arg_value>", "</arg_value>");
        if (!value) return std::nullopt;
        const std::string parameter(trimmed(*key));
        arguments[parameter] = schemas.value(call.name, parameter, *value);
    }
    call.arguments = dumped(arguments);
    return std::vector{call};
}

/// Gemma 4's own notation: texts between <|"|>, everything else as in JSON but keys without quotes.
class GemmaReader {
  public:
    explicit GemmaReader(std::string_view text) : text_(text) {}

    /// Discarded when it is no value.
    Json value(int depth = 0) {
        skip_space();
        if (depth > kGemmaDepthMax) return nothing();
        if (takes(kQuote)) return quoted();
        if (takes("{")) return object(depth);
        if (takes("[")) return list(depth);
        const std::string_view word = until(",]}");
        Json parsed = parse(trimmed(word));
        return parsed.is_discarded() && !trimmed(word).empty() ? Json(std::string(trimmed(word)))
                                                               : parsed;
    }
    bool at_end() {
        skip_space();
        return text_.empty();
    }

  private:
    static constexpr std::string_view kQuote = "<|\"|>";
    static constexpr int kGemmaDepthMax = 64;

    static Json nothing() { return Json(Json::value_t::discarded); }
    void skip_space() {
        const std::size_t begin = text_.find_first_not_of(" \t\r\n");
        text_.remove_prefix(std::min(begin, text_.size()));
    }
    bool takes(std::string_view mark) {
        skip_space();
        if (!text_.starts_with(mark)) return false;
        text_.remove_prefix(mark.size());
        return true;
    }
    std::string_view until(std::string_view marks) {
        const std::string_view found = text_.substr(0, text_.find_first_of(marks));
        text_.remove_prefix(found.size());
        return found;
    }
    Json quoted() {
        const std::size_t end = text_.find(kQuote);
        if (end == kNone) return nothing();
        Json text = std::string(text_.substr(0, end));
        text_.remove_prefix(end + kQuote.size());
        return text;
    }
    Json list(int depth) {
        Json items = Json::array();
        if (takes("]")) return items;
        do {
            items.push_back(value(depth + 1));
            if (items.back().is_discarded()) return nothing();
        } while (takes(","));
        return takes("]") ? items : nothing();
    }
    Json object(int depth) {
        Json members = Json::object();
        if (takes("}")) return members;
        do {
            const Json key = takes(kQuote) ? quoted() : Json(std::string(trimmed(until(":,{}"))));
            if (!key.is_string() || key == "" || !takes(":")) return nothing();
            Json member = value(depth + 1);
            if (member.is_discarded()) return nothing();
            members[key.get<std::string>()] = std::move(member);
        } while (takes(","));
        return takes("}") ? members : nothing();
    }

    std::string_view text_;
};

/// The value of name="..." in a tag.
std::string attribute(std::string_view tag, std::string_view name) {
    std::size_t at = 0;
    const auto value = between(tag, at, std::string(name) + "=\"", "\"");
    return std::string(value.value_or(""));
}

}  // namespace

ToolSchemas::ToolSchemas(const std::string& tools) : tools_(std::make_unique<nlohmann::json>()) {
    auto parsed = parse_json(tools);
    if (parsed && parsed->is_array()) *tools_ = std::move(*parsed);
}
ToolSchemas::~ToolSchemas() = default;

bool ToolSchemas::empty() const {
    return tools_->empty();
}

nlohmann::ordered_json ToolSchemas::value(const std::string& function, const std::string& parameter,
                                          std::string_view text) const {
    bool is_text = false;
    for (const auto& tool : *tools_) {
        if (!tool.is_object()) continue;
        const auto& shape = tool.contains("function") ? tool["function"] : tool;
        if (!shape.is_object() || shape.value("name", nlohmann::json()) != function) continue;
        const nlohmann::json::json_pointer where("/parameters/properties");
        if (!shape.contains(where) || !shape[where].is_object()) continue;
        const auto& properties = shape[where];
        if (!properties.contains(parameter) || !properties[parameter].is_object()) continue;
        is_text = properties[parameter].value("type", nlohmann::json()) == "string";
    }
    if (is_text) return std::string(text);
    const std::string_view word = trimmed(text);
    if (word == "True" || word == "False") return word == "True";
    if (word == "None") return nullptr;
    Json parsed = parse(word);
    return parsed.is_discarded() ? Json(std::string(text)) : parsed;
}

Calls read_json_calls(std::string_view body, const ToolSchemas&) {
    const Json value = parse(trimmed(body));
    std::vector<ToolCall> calls;
    if (value.is_array()) {
        for (const Json& item : value) {
            auto call = call_of(item);
            if (!call) return std::nullopt;
            calls.push_back(std::move(*call));
        }
    } else if (auto call = call_of(value)) {
        calls.push_back(std::move(*call));
    }
    return calls.empty() ? std::nullopt : Calls(std::move(calls));
}

Calls read_tag_call(std::string_view body, const ToolSchemas& schemas) {
    const std::string_view inner = trimmed(body);
    if (inner.starts_with('{') || inner.starts_with('[')) return read_json_calls(inner, schemas);
    if (inner.starts_with("<function=")) return read_parameters(inner, schemas);
    return read_arg_keys(inner, schemas);
}

Calls read_invokes(std::string_view body, const ToolSchemas& schemas) {
    // <invoke name="f"><parameter name="k" string="true">v</parameter></invoke>, with a prefix of
    // the family's inside of each tag.
    const std::string prefix = body.find("<｜DSML｜") == kNone ? "" : "｜DSML｜";
    std::vector<ToolCall> calls;
    for (std::size_t at = 0;;) {
        const auto invoke = between(body, at, "<" + prefix + "invoke ", "</" + prefix + "invoke>");
        if (!invoke) break;
        ToolCall call;
        call.name = attribute(invoke->substr(0, invoke->find('>')), "name");
        Json arguments = Json::object();
        for (std::size_t inner = 0;;) {
            const auto parameter =
                between(*invoke, inner, "<" + prefix + "parameter ", "</" + prefix + "parameter>");
            if (!parameter) break;
            const std::size_t end = parameter->find('>');
            if (end == kNone) return std::nullopt;
            const std::string_view tag = parameter->substr(0, end);
            const std::string_view value = parameter->substr(end + 1);
            const std::string name = attribute(tag, "name");
            arguments[name] = attribute(tag, "string") == "true"
                                  ? Json(std::string(value))
                                  : schemas.value(call.name, name, value);
        }
        if (call.name.empty()) return std::nullopt;
        call.arguments = dumped(arguments);
        calls.push_back(std::move(call));
    }
    return calls.empty() ? std::nullopt : Calls(std::move(calls));
}

std::optional<ToolCall> named_call(std::string_view name, std::string_view body) {
    ToolCall call;
    call.name = trimmed(name);
    const Json arguments = parse(trimmed(body).empty() ? "{}" : trimmed(body));
    if (call.name.empty() || !arguments.is_object()) return std::nullopt;
    call.arguments = dumped(arguments);
    return call;
}

Calls read_deepseek_call(std::string_view body, const ToolSchemas&) {
    constexpr std::string_view kSeparator = "<｜tool▁sep｜>";
    const std::size_t cut = body.find(kSeparator);
    if (cut == kNone) return std::nullopt;
    std::string_view name = trimmed(body.substr(0, cut));
    std::string_view rest = body.substr(cut + kSeparator.size());
    std::size_t at = 0;
    // V3 and R1: function<sep>name\n```json\n{...}\n```; V3.1: name<sep>{...}.
    if (const auto fenced = between(rest, at, "```json", "```")) {
        name = trimmed(rest.substr(0, rest.find("```json")));
        rest = *fenced;
    }
    const auto call = named_call(name, rest);
    return call ? Calls(std::vector{*call}) : std::nullopt;
}

Calls read_kimi_call(std::string_view body, const ToolSchemas&) {
    constexpr std::string_view kSeparator = "<|tool_call_argument_begin|>";
    const std::size_t cut = body.find(kSeparator);
    if (cut == kNone) return std::nullopt;
    const std::string_view id = trimmed(body.substr(0, cut));  // functions.name:0
    std::string_view name = id.substr(0, id.rfind(':'));
    if (name.starts_with("functions.")) name.remove_prefix(10);
    auto call = named_call(name, body.substr(cut + kSeparator.size()));
    if (!call) return std::nullopt;
    call->id = id;
    return std::vector{*call};
}

Calls read_mistral_calls(std::string_view body, const ToolSchemas& schemas) {
    const std::string_view inner = trimmed(body);
    if (inner.starts_with('[')) return read_json_calls(inner, schemas);
    // name[ARGS]{...} or name[CALL_ID]id[ARGS]{...}; without [ARGS] the object follows the name.
    std::size_t arguments = inner.find("[ARGS]");
    const std::size_t object = arguments == kNone ? inner.find('{') : arguments + 6;
    if (object == kNone) return std::nullopt;
    const std::string_view head = inner.substr(0, arguments == kNone ? object : arguments);
    const std::size_t id = head.find("[CALL_ID]");
    auto call = named_call(head.substr(0, id), inner.substr(object));
    if (!call) return std::nullopt;
    if (id != kNone) call->id = trimmed(head.substr(id + 9));
    return std::vector{*call};
}

Calls read_gemma_call(std::string_view body, const ToolSchemas&) {
    std::string_view rest = trimmed(body);
    const std::size_t open = rest.find('{');
    if (!rest.starts_with("call:") || open == kNone || rest.size() > kBodyBytesMax) {
        return std::nullopt;
    }
    GemmaReader reader(rest.substr(open));
    const Json arguments = reader.value();
    ToolCall call;
    call.name = trimmed(rest.substr(5, open - 5));
    if (call.name.empty() || !arguments.is_object() || !reader.at_end()) return std::nullopt;
    call.arguments = dumped(arguments);
    return std::vector{call};
}

Calls read_function_tag(std::string_view body, const ToolSchemas&) {
    const std::size_t cut = body.find('>');
    if (cut == kNone) return std::nullopt;
    const auto call = named_call(body.substr(0, cut), body.substr(cut + 1));
    return call ? Calls(std::vector{*call}) : std::nullopt;
}

}  // namespace cairn::text
