// SPDX-License-Identifier: Apache-2.0
// The shapes of chat.completion and chat.completion.chunk: see completion_writer.h.
#include "completion_writer.h"

#include <nlohmann/json.hpp>

#include "cairn/text/json.h"

namespace cairn::serve {

using nlohmann::json;

json usage_json(const engine::Usage& usage) {
    return {{"prompt_tokens", usage.input_tokens},
            {"completion_tokens", usage.output_tokens},
            {"total_tokens", usage.input_tokens + usage.output_tokens},
            {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

namespace {

json call_json(const text::ToolCall& call) {
    return {{"id", call.id},
            {"type", "function"},
            {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

}  // namespace

std::string completion_json(const CompletionHead& head, const ReplyMessage& reply,
                            std::string_view finish, const json& grounding,
                            const engine::Usage& usage) {
    json message = {{"role", "assistant"}, {"content", reply.content}, {"refusal", nullptr}};
    if (!reply.refusal.empty()) message["refusal"] = reply.refusal;
    if (reply.content.empty() && !reply.calls.empty()) message["content"] = nullptr;
    if (!reply.reasoning.empty()) message["reasoning_content"] = reply.reasoning;
    for (const text::ToolCall& call : reply.calls) {
        message["tool_calls"].push_back(call_json(call));
    }
    if (!grounding.is_null()) message["cairn"] = grounding;
    const json choice = {
        {"index", 0}, {"message", message}, {"logprobs", nullptr}, {"finish_reason", finish}};
    return text::dump_json({{"id", head.id},
                            {"object", "chat.completion"},
                            {"created", head.created_s},
                            {"model", head.model},
                            {"system_fingerprint", head.fingerprint},
                            {"choices", json::array({choice})},
                            {"usage", usage_json(usage)}});
}

json CompletionStream::frame() const {
    json frame = {{"id", head_.id},
                  {"object", "chat.completion.chunk"},
                  {"created", head_.created_s},
                  {"model", head_.model},
                  {"system_fingerprint", head_.fingerprint}};
    if (head_.include_usage) frame["usage"] = nullptr;
    return frame;
}

Status CompletionStream::event(const json& data) {
    return responder_->write("data: " + text::dump_json(data) + "\n\n");
}

Status CompletionStream::chunk(const json& delta, std::string_view finish) {
    json data = frame();
    const json reason = finish.empty() ? json(nullptr) : json(finish);
    data["choices"] = json::array(
        {{{"index", 0}, {"delta", delta}, {"logprobs", nullptr}, {"finish_reason", reason}}});
    return event(data);
}

Status CompletionStream::begin() {
    if (begun_) return {};
    begun_ = true;
    CAIRN_TRY(responder_->begin("text/event-stream; charset=utf-8"));
    return chunk({{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, {});
}

Status CompletionStream::text(std::string_view piece) {
    CAIRN_TRY(begin());
    return piece.empty() ? Status() : chunk({{"content", piece}}, {});
}

Status CompletionStream::deltas(const std::vector<text::ReplyDelta>& deltas) {
    CAIRN_TRY(begin());
    for (const text::ReplyDelta& delta : deltas) {
        switch (delta.kind) {
            case text::ReplyDelta::Kind::kContent:
                CAIRN_TRY(text(delta.text));
                break;
            case text::ReplyDelta::Kind::kReasoning:
                CAIRN_TRY(chunk({{"reasoning_content", delta.text}}, {}));
                break;
            case text::ReplyDelta::Kind::kCall: {
                // Clients join the pieces of the arguments; the first names the function.
                json call = call_json(delta.call);
                call["index"] = calls_;
                call["function"]["arguments"] = "";
                CAIRN_TRY(chunk({{"tool_calls", json::array({call})}}, {}));
                call = {{"index", calls_++}, {"function", {{"arguments", delta.call.arguments}}}};
                CAIRN_TRY(chunk({{"tool_calls", json::array({call})}}, {}));
                break;
            }
        }
    }
    return {};
}

Status CompletionStream::finish(std::string_view reason, std::string_view refusal,
                                const json& grounding, const engine::Usage& usage) {
    CAIRN_TRY(begin());
    json delta = json::object();
    if (!refusal.empty()) delta["refusal"] = refusal;
    if (!grounding.is_null()) delta["cairn"] = grounding;
    CAIRN_TRY(chunk(delta, reason));
    if (head_.include_usage) {
        json data = frame();
        data["choices"] = json::array();
        data["usage"] = usage_json(usage);
        CAIRN_TRY(event(data));
    }
    CAIRN_TRY(responder_->write("data: [DONE]\n\n"));
    return responder_->end();
}

Status CompletionStream::fail(const Error& error) {
    CAIRN_TRY(responder_->write("data: " + error_reply(error).body + "\n\n"));
    return responder_->end();
}

}  // namespace cairn::serve
