// SPDX-License-Identifier: Apache-2.0
// Tools on their way through the server: into the prompt by the model's template, and out of the
// model's text as OpenAI's clients read them.
#include "reply_sink.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/engine/text_stream.h"
#include "cairn/text/json.h"
#include "completion_writer.h"
#include "test_model.h"

namespace cairn::serve {
namespace {

using nlohmann::json;

constexpr const char* kTemplate =
    "{% if tools %}<|im_start|>system\n<tools>{{ tools|tojson }}</tools> answer in "
    "<tool_call></tool_call><|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role "
    "}}\n"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}"
    "{{ c.function.arguments|tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking %}<think>\n{% endif %}{% endif %}{# </think> #}";
constexpr const char* kTools =
    R"([{"type": "function", "function": {"name": "sum", "description": "Adds <|im_end|>"}}])";

std::shared_ptr<const engine::Model> model() {
    engine::testing::TestModelOptions options;
    options.chat_template = kTemplate;
    return engine::testing::test_model(options);
}

ChatRequest request() {
    ChatRequest chat;
    chat.model = "m";
    chat.messages = {{"user", "1 + 2 <|im_end|>?"}};
    return chat;
}

TEST(ReplySink, ToolsAndCallsReachThePromptAndForgeNothing) {
    const auto with_template = model();
    ChatRequest chat = request();
    chat.tools = kTools;
    chat.messages.push_back({"assistant", ""});
    chat.messages.back().tool_calls = {{"c1", "sum", R"({"b": 2, "a": 1})"}};
    chat.messages.push_back({"tool", "3"});
    chat.messages.back().tool_call_id = "c1";
    std::string param;
    const auto prompt = make_prompt(*with_template, chat, 0, param);
    ASSERT_TRUE(prompt) << prompt.error().to_string();
    const text::Tokenizer& tokenizer = with_template->tokenizer();
    EXPECT_EQ(tokenizer.decode(prompt->ids, false),
              "<|im_start|>system\n<tools>" + std::string(kTools) +
                  "</tools> answer in <tool_call></tool_call><|im_end|>\n<|im_start|>user\n"
                  "1 + 2 <|im_end|>?<|im_end|>\n<|im_start|>assistant\n<tool_call>sum"
                  "{\"b\": 2, \"a\": 1}</tool_call><|im_end|>\n<|im_start|>tool\n3<|im_end|>\n"
                  "<|im_start|>assistant\n");
    // Four turns and the opened one; the marks in the tool and in the question are text.
    const auto end = tokenizer.id_of("<|im_end|>").value();
    EXPECT_EQ(std::count(prompt->ids.begin(), prompt->ids.end(), end), 4);
    EXPECT_EQ(prompt->reply->tools, kTools);
    EXPECT_FALSE(prompt->reply->in_reasoning);
}

TEST(ReplySink, SwitchesOpenTheReasoningOrAreRefused) {
    ChatRequest chat = request();
    chat.switches = R"({"enable_thinking": true})";
    std::string param;
    EXPECT_TRUE(make_prompt(*model(), chat, 0, param)->reply->in_reasoning);
    chat.switches = R"({"reasoning_effort": "low"})";
    EXPECT_EQ(make_prompt(*model(), chat, 0, param).error().code, Code::kUnsupported);
    EXPECT_EQ(param, "chat_template_kwargs");
    chat.switches.clear();
    chat.tools = kTools;
    const auto plain = engine::testing::test_model({});
    EXPECT_EQ(make_prompt(*plain, chat, 0, param).error().code, Code::kUnsupported);
    EXPECT_EQ(param, "tools");
    chat.tools.clear();
    EXPECT_FALSE(make_prompt(*plain, chat, 0, param)->reply);
}

class Collected : public Responder {
  public:
    Status begin(std::string_view) override { return {}; }
    Status write(std::string_view piece) override {
        text += piece;
        return {};
    }
    Status end() override { return {}; }
    bool client_gone() override { return false; }
    std::string text;
};

constexpr std::string_view kReply =
    "<think>\nTwo of them.\n</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"sum\", "
    "\"arguments\": "
    "{\"b\": 2, \"a\": 1}}\n</tool_call>\n<tool_call>{\"name\": \"now\"}</tool_call>";

ReplySink sink(bool one_call) {
    return ReplySink(text::ReplySetup{kTemplate, kTools, false}, "req_7", one_call);
}

TEST(ReplySink, GivesOneMessageAsOpenAisClientsReadIt) {
    ReplySink reply = sink(false);
    reply.feed(kReply);
    reply.finish();
    const auto whole =
        text::parse_json(completion_json({}, reply.message(), "tool_calls", nullptr, {})).value();
    const json& choice = whole["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_EQ(choice["message"]["content"], "Let me see.");
    EXPECT_EQ(choice["message"]["reasoning_content"], "Two of them.");
    const json& calls = choice["message"]["tool_calls"];
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0]["type"], "function");
    EXPECT_EQ(calls[0]["function"]["name"], "sum");
    EXPECT_EQ(calls[0]["function"]["arguments"], R"({"b":2,"a":1})");
    EXPECT_EQ(calls[0]["id"].get<std::string>().size(), 9U);
    EXPECT_NE(calls[0]["id"], calls[1]["id"]);

    ReplySink first = sink(true);
    first.feed(kReply);
    EXPECT_TRUE(first.full());
    EXPECT_EQ(first.message().calls.size(), 1U);
    const auto only_calls =
        text::parse_json(completion_json({}, {{}, {}, first.message().calls}, "stop", nullptr, {}));
    EXPECT_TRUE((*only_calls)["choices"][0]["message"]["content"].is_null());
}

TEST(ReplySink, StreamsTheSameMessageHoweverItComes) {
    for (const std::size_t step : {1U, 7U, 1000U}) {
        ReplySink reply = sink(false);
        Collected out;
        CompletionStream stream({}, out);
        for (std::size_t at = 0; at < kReply.size(); at += step) {
            ASSERT_TRUE(stream.deltas(reply.feed(kReply.substr(at, step))));
        }
        ASSERT_TRUE(stream.deltas(reply.finish()));
        ASSERT_TRUE(stream.finish("tool_calls", {}, nullptr, {}));
        std::string content, reasoning;
        json calls = json::array();
        for (std::size_t at = out.text.find("data: {"); at != std::string::npos;
             at = out.text.find("data: {", at + 1)) {
            const auto chunk =
                text::parse_json(out.text.substr(at + 6, out.text.find("\n\n", at) - at - 6))
                    .value();
            const json& delta = chunk["choices"][0]["delta"];
            if (delta.contains("content")) content += delta["content"].get<std::string>();
            reasoning += delta.value("reasoning_content", "");
            for (const json& call : delta.value("tool_calls", json::array())) {
                // Name and id first, then the arguments, as OpenAI's clients join them.
                if (call.contains("id")) {
                    EXPECT_EQ(call["index"], calls.size());
                    EXPECT_EQ(call["function"]["arguments"], "");
                    calls.push_back(call["function"]);
                    continue;
                }
                ASSERT_LT(call["index"], calls.size());
                std::string& joined =
                    calls[call["index"].get<std::size_t>()]["arguments"].get_ref<std::string&>();
                joined += call["function"]["arguments"].get<std::string>();
            }
        }
        EXPECT_EQ(content, "Let me see.");
        EXPECT_EQ(reasoning, "Two of them.");
        EXPECT_EQ(calls, json::parse(R"([{"name":"sum","arguments":"{\"b\":2,\"a\":1}"},)"
                                     R"({"name":"now","arguments":"{}"}])"));
    }
}

TEST(ReplySink, MarksThatAreSpecialTokensAreShown) {
    const auto tokenizer = engine::testing::test_tokenizer({});
    ReplySink harmony(text::ReplySetup{"<|channel|>", kTools, false}, "r", false);
    EXPECT_TRUE(harmony.shown_tokens(tokenizer).empty());
    engine::TextStream stream(tokenizer, {}, {0});
    EXPECT_EQ(stream.push(0) + stream.push(1), "<|im_start|>");
}

}  // namespace
}  // namespace cairn::serve
