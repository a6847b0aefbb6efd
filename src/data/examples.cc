// SPDX-License-Identifier: Apache-2.0
// The three example formats: see examples.h. Each format is one parse and one write function.
#include "cairn/data/examples.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/format/jsonl.h"
#include "cairn/text/json.h"

namespace cairn::data {

namespace {

using nlohmann::json;

constexpr std::uint64_t kArrayFileBytesMax = 256 * limits::kMiB;

std::string example_id(const std::vector<text::ChatMessage>& messages) {
    Sha256 hash;
    for (const text::ChatMessage& message : messages) {
        hash.field(message.role).field(message.content);
    }
    return "e_" + hash.hex().substr(0, 16);
}

/// ShareGPT's speakers as roles; other names pass through and are refused with the roles.
std::string role_of(const std::string& name) {
    if (name == "human") return "user";
    if (name == "gpt") return "assistant";
    return name;
}

bool blank(const std::string& text) {
    return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

Result<std::vector<text::ChatMessage>> parse_turns(const json& turns, const char* list,
                                                   const char* role_key, const char* text_key) {
    if (!turns.is_array()) {
        return make_error(Code::kInvalid, std::string("'") + list + "': expected a list of turns");
    }
    std::vector<text::ChatMessage> messages;
    for (const json& turn : turns) {
        const std::string role = role_of(CAIRN_TRY(text::get_string(turn, role_key)));
        if (role != "system" && role != "user" && role != "assistant") {
            return make_error(Code::kInvalid, std::string("'") + role_key +
                                                  "': expected system, user "
                                                  "or assistant (human, gpt), found '" +
                                                  role + "'");
        }
        messages.push_back({role, CAIRN_TRY(text::get_string(turn, text_key))});
    }
    return messages;
}

Result<std::vector<text::ChatMessage>> parse_alpaca(const json& value) {
    std::vector<text::ChatMessage> messages;
    const std::string system = CAIRN_TRY(text::get_string_or(value, "system", ""));
    if (!blank(system)) messages.push_back({"system", system});
    std::string prompt = CAIRN_TRY(text::get_string(value, "instruction"));
    const std::string input = CAIRN_TRY(text::get_string_or(value, "input", ""));
    if (!blank(input)) prompt += "\n" + input;
    messages.push_back({"user", prompt});
    messages.push_back({"assistant", CAIRN_TRY(text::get_string(value, "output"))});
    return messages;
}

Result<std::vector<text::ChatMessage>> parse_messages(const json& value) {
    if (!value.is_object()) return make_error(Code::kInvalid, "expected a JSON object");
    if (value.contains("messages")) {
        return parse_turns(value["messages"], "messages", "role", "content");
    }
    if (value.contains("conversations")) {
        return parse_turns(value["conversations"], "conversations", "from", "value");
    }
    if (value.contains("instruction")) return parse_alpaca(value);
    return make_error(Code::kInvalid,
                      "expected 'messages' (OpenAI), 'conversations' (ShareGPT) or 'instruction' "
                      "(Alpaca), found none of them");
}

/// Adds the value as an example or as a problem of its line.
void add_value(const Result<json>& value, std::int64_t line, ExampleFile& file) {
    auto example = value ? parse_example(*value) : Result<Example>(value.error());
    if (!example) {
        file.problems.push_back({line, example.error().message});
        return;
    }
    example->line = line;
    file.examples.push_back(*std::move(example));
}

/// The first byte that is not white space.
Result<char> first_character(const std::filesystem::path& path) {
    auto lines = CAIRN_TRY(format::LineReader::open(path));
    std::string line;
    while (CAIRN_TRY(lines.next(line))) {
        const std::size_t at = line.find_first_not_of(" \t\xEF\xBB\xBF");
        if (at != std::string::npos) return line[at];
    }
    return '\0';
}

Result<ExampleFile> read_array(const std::filesystem::path& path) {
    const std::string content = CAIRN_TRY(read_file(path, kArrayFileBytesMax));
    const json values = CAIRN_TRY(text::parse_json(content));
    ExampleFile file;
    std::int64_t number = 0;
    for (const json& value : values) {
        add_value(value, ++number, file);
    }
    return file;
}

Result<ExampleFile> read_lines(const std::filesystem::path& path) {
    auto reader = CAIRN_TRY(format::JsonlReader::open(path));
    ExampleFile file;
    for (;;) {
        json value;
        const auto more = reader.next(value);
        const auto line = static_cast<std::int64_t>(reader.line_number());
        if (!more) {
            if (more.error().code != Code::kInvalid) return more.error();
            add_value(more.error(), line, file);
            continue;
        }
        if (!*more) return file;
        add_value(value, line, file);
    }
}

}  // namespace

std::string Example::prompt() const {
    std::string joined;
    for (const text::ChatMessage& message : messages) {
        if (message.role != "user") continue;
        joined += (joined.empty() ? "" : "\n") + message.content;
    }
    return joined;
}

const std::string& Example::reply() const {
    return messages.back().content;
}

std::string_view example_format_name(ExampleFormat format) {
    switch (format) {
        case ExampleFormat::kOpenAi:
            return "openai";
        case ExampleFormat::kShareGpt:
            return "sharegpt";
        case ExampleFormat::kAlpaca:
            return "alpaca";
    }
    return "openai";
}

Result<ExampleFormat> parse_example_format(std::string_view name) {
    for (const auto format :
         {ExampleFormat::kOpenAi, ExampleFormat::kShareGpt, ExampleFormat::kAlpaca}) {
        if (example_format_name(format) == name) return format;
    }
    return make_error(Code::kInvalid, "expected the format openai, sharegpt or alpaca, found '" +
                                          std::string(name) + "'");
}

Result<Example> parse_example(const json& value) {
    Example example;
    example.messages = CAIRN_TRY(parse_messages(value));
    bool asked = false;
    for (const text::ChatMessage& message : example.messages) {
        asked = asked || (message.role == "user" && !blank(message.content));
    }
    if (!asked) return make_error(Code::kInvalid, "expected a user turn with text, found none");
    const text::ChatMessage& last = example.messages.back();
    if (last.role != "assistant" || blank(last.content)) {
        return make_error(Code::kInvalid,
                          "expected an assistant turn with text at the end, found " +
                              (last.role == "assistant" ? std::string("an empty one")
                                                        : "a " + last.role + " turn"));
    }
    example.id = example_id(example.messages);
    return example;
}

json to_json(const Example& example, ExampleFormat format) {
    json turns = json::array();
    switch (format) {
        case ExampleFormat::kOpenAi:
            for (const text::ChatMessage& message : example.messages) {
                turns.push_back({{"role", message.role}, {"content", message.content}});
            }
            return {{"messages", turns}};
        case ExampleFormat::kShareGpt:
            for (const text::ChatMessage& message : example.messages) {
                const std::string from = message.role == "user"        ? "human"
                                         : message.role == "assistant" ? "gpt"
                                                                       : message.role;
                turns.push_back({{"from", from}, {"value", message.content}});
            }
            return {{"conversations", turns}};
        case ExampleFormat::kAlpaca:
            break;
    }
    json alpaca = {{"instruction", example.prompt()}, {"input", ""}, {"output", example.reply()}};
    if (example.messages.front().role == "system")
        alpaca["system"] = example.messages.front().content;
    return alpaca;
}

Result<ExampleFile> read_examples(const std::filesystem::path& path) {
    ExampleFile file = CAIRN_TRY(first_character(path)) == '[' ? CAIRN_TRY(read_array(path))
                                                               : CAIRN_TRY(read_lines(path));
    if (file.examples.empty()) {
        const std::string why =
            file.problems.empty()
                ? "it is empty"
                : "line " + std::to_string(file.problems[0].line) + ": " + file.problems[0].reason;
        return make_error(
            Code::kInvalid, path.string() + " holds no example: " + why,
            "one JSON object per line: {\"messages\": [{\"role\": \"user\", \"content\": "
            "...}, {\"role\": \"assistant\", \"content\": ...}]}");
    }
    return file;
}

Status write_examples(const std::filesystem::path& path, std::span<const Example> examples,
                      ExampleFormat format) {
    std::vector<json> values;
    for (const Example& example : examples) {
        values.push_back(to_json(example, format));
    }
    return format::write_jsonl(path, values);
}

}  // namespace cairn::data
