// SPDX-License-Identifier: Apache-2.0
// The parts of a chat request that concern tools and the template's switches.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/text/chat_template.h"

namespace cairn::serve {

/// The value of a member as it stands in the text, so that the order of its keys is kept; empty
/// when it is not there. The text must be a JSON object.
std::string_view raw_member(std::string_view object, std::string_view name);

/// Functions with unique names and object parameters. Errors: kInvalid, with `param`.
Status check_tools(const nlohmann::json& tools, std::string& param);

/// "auto" and "none"; nothing can force a model, so "required" is refused. True for auto.
Result<bool> read_tool_choice(const nlohmann::json& choice);

/// The calls of an assistant's message that a client sends back.
Result<std::vector<text::ToolCall>> read_tool_calls(const nlohmann::json& calls,
                                                    std::string& param);

/// `chat_template_kwargs` as JSON text: switches that published templates know, no others.
Result<std::string> read_switches(const nlohmann::json& switches, std::string& param);

}  // namespace cairn::serve
