// SPDX-License-Identifier: Apache-2.0
// Any body of POST /v1/chat/completions: refused in words that can be sent, or a request within its
// limits that a template can render.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "cairn/text/utf8.h"
#include "chat_request.h"

namespace {

using namespace cairn;

void check(const serve::ChatRequest& request) {
    CAIRN_ASSERT(!request.messages.empty());
    const std::string& last = request.messages.back().role;
    CAIRN_ASSERT(last == "user" || last == "tool");
    for (const text::ChatMessage& message : request.messages) {
        CAIRN_ASSERT(text::is_valid_utf8(message.content + message.reasoning + message.name));
        for (const text::ToolCall& call : message.tool_calls) {
            CAIRN_ASSERT(text::is_valid_utf8(call.id) && !call.name.empty());
            CAIRN_ASSERT(text::parse_json(call.arguments)->is_object());
        }
    }
    if (!request.tools.empty()) CAIRN_ASSERT(text::parse_json(request.tools)->is_array());
    if (!request.switches.empty()) CAIRN_ASSERT(text::parse_json(request.switches)->is_object());
    if (request.max_tokens)
        CAIRN_ASSERT(*request.max_tokens >= 1 && *request.max_tokens <= limits::kContextMax);
    CAIRN_ASSERT(request.sampling.temperature >= 0 && request.sampling.temperature <= 2);
    CAIRN_ASSERT(request.sampling.top_p > 0 && request.sampling.top_p <= 1);
    CAIRN_ASSERT(request.stops.size() <= limits::kStopStringsMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto chat = text::ChatTemplate::named("chatml", "<s>", "</s>").value();
    std::string param;
    const auto request =
        serve::parse_chat_request({reinterpret_cast<const char*>(data), size}, param);
    if (!request) {
        CAIRN_ASSERT(!request.error().message.empty());
        CAIRN_ASSERT(text::is_valid_utf8(request.error().message) && text::is_valid_utf8(param));
        return 0;
    }
    CAIRN_ASSERT(param.empty());
    check(*request);
    const auto rendered =
        chat.render(request->messages, {.tools = request->tools, .switches = request->switches});
    CAIRN_ASSERT(!rendered || text::is_valid_utf8(rendered->text));
    return 0;
}
