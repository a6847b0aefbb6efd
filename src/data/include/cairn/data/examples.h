// SPDX-License-Identifier: Apache-2.0
// Conversations as training examples, read from and written to the formats that people have: OpenAI
// chat JSONL, ShareGPT, Alpaca. A line that does not fit is reported with line and key, never lost
// silently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/chat_template.h"

namespace cairn::data {

struct Example {
    std::string id;  ///< "e_" + first 16 hex of the messages' SHA-256
    std::int64_t line = 0;
    std::vector<text::ChatMessage> messages;

    /// The user turns before the last assistant turn, joined by line ends.
    std::string prompt() const;
    /// The last assistant turn.
    const std::string& reply() const;
};

enum class ExampleFormat { kOpenAi, kShareGpt, kAlpaca };
/// "openai", "sharegpt", "alpaca".
std::string_view example_format_name(ExampleFormat format);
Result<ExampleFormat> parse_example_format(std::string_view name);

struct LineProblem {
    std::int64_t line = 0;
    std::string reason;  ///< expected and found, naming the key
};

struct ExampleFile {
    std::vector<Example> examples;
    std::vector<LineProblem> problems;  ///< lines that are no examples
};

/// One example from one JSON value; the format is recognised by its keys. Errors: kInvalid naming
/// the key.
Result<Example> parse_example(const nlohmann::json& value);
nlohmann::json to_json(const Example& example, ExampleFormat format);

/// JSON lines, or one JSON array (as ShareGPT and Alpaca files are). Errors: those of the file
/// itself; kInvalid when not one line is an example (names the first problem).
Result<ExampleFile> read_examples(const std::filesystem::path& path);
Status write_examples(const std::filesystem::path& path, std::span<const Example> examples,
                      ExampleFormat format);

}  // namespace cairn::data
