// SPDX-License-Identifier: Apache-2.0
// What a model may write, in the marks of every family: the first byte chooses family and state,
// the second the size of the pieces. However it is cut, the same parts come out.
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cairn/text/json.h"
#include "cairn/text/reply_parser.h"

namespace {

using namespace cairn::text;

/// What tells each family in a template.
constexpr std::array<std::string_view, 19> kTemplates = {"",
                                                         "<tool_call> </think>",
                                                         "<tool_calls> [THINK]",
                                                         "seed:tool_call </think>",
                                                         "<minimax:tool_call> </think>",
                                                         "｜DSML｜ </think>",
                                                         "tool▁call▁begin </think>",
                                                         "<|tool_call_begin|>",
                                                         "[TOOL_CALLS] [THINK]",
                                                         "<|python_tag|>",
                                                         "<function=",
                                                         ">>>${recipient}",
                                                         "<|channel|>",
                                                         "<|tool_call|>",
                                                         "<|START_ACTION|> <|START_THINKING|>",
                                                         "<|tools_prefix|>",
                                                         "<|tool_call>call: <channel|>",
                                                         "<|function_call|>",
                                                         "'role': 'function call'"};
constexpr std::string_view kTools =
    R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}}}])";

/// Text and reasoning joined, calls in their places.
std::string parse(const ReplySetup& setup, std::string_view text, std::size_t piece_bytes) {
    ReplyParser parser(setup);
    std::string all;
    ReplyDelta::Kind last = ReplyDelta::Kind::kContent;
    const auto take = [&](const std::vector<ReplyDelta>& deltas) {
        for (const ReplyDelta& delta : deltas) {
            if (delta.kind != last) all += static_cast<char>('0' + static_cast<int>(delta.kind));
            last = delta.kind;
            all += delta.text;
            if (delta.kind != ReplyDelta::Kind::kCall) continue;
            CAIRN_ASSERT(!delta.call.name.empty());
            CAIRN_ASSERT(parse_json(delta.call.arguments).has_value());
            all += delta.call.id + "/" + delta.call.name + "/" + delta.call.arguments + "/";
        }
    };
    for (std::size_t at = 0; at < text.size(); at += piece_bytes)
        take(parser.feed(text.substr(at, piece_bytes)));
    take(parser.finish());
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    ReplySetup setup{.template_source = std::string(kTemplates[data[0] % kTemplates.size()])};
    if ((data[0] & 0x20) == 0) setup.tools = kTools;
    setup.in_reasoning = (data[0] & 0x80) != 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string whole = parse(setup, text, text.size() + 1);
    CAIRN_ASSERT(parse(setup, text, 1) == whole);
    CAIRN_ASSERT(parse(setup, text, 1 + data[1] % 64) == whole);
    return 0;
}
