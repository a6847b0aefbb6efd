// SPDX-License-Identifier: Apache-2.0
// The body of POST /v1/chat/completions, checked field by field: what is not understood is refused
// by name, so that no client believes in an option that does nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/sampler.h"
#include "cairn/text/chat_template.h"

namespace cairn::serve {

struct ChatRequest {
    std::string model;
    std::vector<text::ChatMessage> messages;  ///< the last one is the user's or a tool's
    std::string tools;                        ///< a JSON list as the client wrote it; empty: none
    bool parallel_calls = true;
    std::string switches;  ///< of the chat template, a JSON object; empty: none
    bool stream = false;
    bool include_usage = false;
    std::optional<std::int64_t> max_tokens;
    engine::SamplingOptions sampling;  ///< greedy unless the client asks for more
    std::optional<std::uint64_t> seed;
    std::vector<std::string> stops;
    bool json = false;        ///< the answer has to be JSON
    std::string json_schema;  ///< as the client wrote it; empty: any object
    /// Names of the sampling fields that the client sent with a value that is not OpenAI's default.
    std::vector<std::string> sampling_fields;
};

/// Errors: kInvalid; `param` then names the field at fault ("messages[2].content") or is empty.
Result<ChatRequest> parse_chat_request(std::string_view body, std::string& param);

}  // namespace cairn::serve
