// SPDX-License-Identifier: Apache-2.0
// Every field of a chat request: read, accepted because it changes nothing, or refused by name.
#include "chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cairn/text/utf8.h"

namespace cairn::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kMinimal = R"("model":"m","messages":[{"role":"user","content":"Hi"}])";

std::string with(const std::string& more) {
    return std::string("{") + kMinimal + (more.empty() ? "" : ",") + more + "}";
}

Result<ChatRequest> parse(const std::string& body) {
    std::string param;
    return parse_chat_request(body, param);
}

TEST(ChatRequestTest, ReadsTheFieldsThatMatter) {
    const auto request = parse(with(
        R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"temperature":0.5,)"
        R"("top_p":0.9,"top_k":40,"min_p":0.05,"seed":-3,"stop":["END","\n\n"])"));
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->model, "m");
    EXPECT_TRUE(request->stream);
    EXPECT_TRUE(request->include_usage);
    EXPECT_EQ(request->max_tokens, 7);
    EXPECT_FLOAT_EQ(request->sampling.temperature, 0.5F);
    EXPECT_FLOAT_EQ(request->sampling.top_p, 0.9F);
    EXPECT_EQ(request->sampling.top_k, 40);
    EXPECT_FLOAT_EQ(request->sampling.min_p, 0.05F);
    EXPECT_EQ(request->seed, static_cast<std::uint64_t>(-3));
    EXPECT_THAT(request->stops, ElementsAre("END", "\n\n"));
    EXPECT_THAT(request->sampling_fields, ElementsAre("min_p", "temperature", "top_k", "top_p"));
}

TEST(ChatRequestTest, ReadsTheShapeOfTheAnswer) {
    EXPECT_FALSE(parse(with(R"("response_format":{"type":"text"})"))->json);
    const auto any = parse(with(R"("response_format":{"type":"json_object"})"));
    ASSERT_TRUE(any) << any.error().to_string();
    EXPECT_TRUE(any->json);
    EXPECT_EQ(any->json_schema, "");
    const auto fitted = parse(
        with(R"("response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,)"
             R"("schema":{"z":1,"a":2}}},"frequency_penalty":0.5,"presence_penalty":-1)"));
    ASSERT_TRUE(fitted) << fitted.error().to_string();
    EXPECT_EQ(fitted->json_schema, R"({"z":1,"a":2})") << "the writer's order";
    EXPECT_FLOAT_EQ(fitted->sampling.frequency_penalty, 0.5F);
    EXPECT_FLOAT_EQ(fitted->sampling.presence_penalty, -1.0F);
    EXPECT_THAT(fitted->sampling_fields, ElementsAre("frequency_penalty", "presence_penalty"));
}

TEST(ChatRequestTest, IsGreedyUnlessAskedOtherwise) {
    const auto request = parse(with(""));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->sampling.temperature, 0);
    EXPECT_FALSE(request->max_tokens);
    EXPECT_TRUE(request->sampling_fields.empty());
}

TEST(ChatRequestTest, ReadsContentInBothForms) {
    const auto request = parse(
        R"({"model":"m","messages":[{"role":"developer","content":"Be brief."},)"
        R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]})");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->messages[0].role, "system");
    EXPECT_EQ(request->messages[1].content, "ab");
}

TEST(ChatRequestTest, TakesItsOwnAnswersBack) {
    EXPECT_TRUE(parse(
        R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":)"
        R"("a","refusal":null,"tool_calls":[],"cairn":{"refused":false}},)"
        R"({"role":"user","content":"r"}]})"));
}

TEST(ChatRequestTest, ReadsToolsInTheirOrderAndTheirCalls) {
    const auto request = parse(
        R"({"model":"m", "tools" : [ {"type":"function","function":{"name":"sum","parameters":)"
        R"({"type":"object","properties":{"z":{"a":"}"},"b":{}}}}}], "parallel_tool_calls":false,)"
        R"("chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low",)"
        R"("messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,)"
        R"("reasoning_content":"r","tool_calls":[{"id":"c1","type":"function","function":)"
        R"({"name":"sum","arguments":"{\"z\":1}"}}]},)"
        R"({"role":"tool","tool_call_id":"c1","content":"3"}]})");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->tools, R"([ {"type":"function","function":{"name":"sum","parameters":)"
                              R"({"type":"object","properties":{"z":{"a":"}"},"b":{}}}}}])");
    EXPECT_FALSE(request->parallel_calls);
    EXPECT_EQ(request->switches, R"({"enable_thinking":false,"reasoning_effort":"low"})");
    EXPECT_EQ(request->messages[1].tool_calls,
              (std::vector<text::ToolCall>{{"c1", "sum", R"({"z":1})"}}));
    EXPECT_EQ(request->messages[1].reasoning, "r");
    EXPECT_EQ(request->messages[2].tool_call_id, "c1");
    const char* tools = R"("tools":[{"type":"function","function":{"name":"a"}}])";
    EXPECT_NE(parse(with(tools))->tools, "");
    EXPECT_EQ(parse(with((std::string(tools) + R"(,"tool_choice":"none")").c_str()))->tools, "");
}

TEST(ChatRequestTest, AcceptsFieldsThatChangeNothing) {
    for (const char* more :
         {R"("n":1)", R"("frequency_penalty":0.0)", R"("presence_penalty":0)",
          R"("logprobs":false)", R"("response_format":{"type":"text"})", R"("tools":[])",
          R"("user":"u-7")", R"("metadata":{"a":"b"})", R"("store":false)", R"("logit_bias":{})",
          R"("stop":null)", R"("tool_choice":"none")", R"("tools":null)",
          R"("service_tier":"auto")"}) {
        const auto request = parse(with(more));
        EXPECT_TRUE(request) << more << ": " << request.error().to_string();
    }
}

struct Refusal {
    const char* more;
    const char* param;
    const char* message;
};

TEST(ChatRequestTest, RefusesByName) {
    for (const Refusal& refusal : {
             Refusal{R"("n":2)", "n", "'n' is not supported here except as 1, found 2"},
             Refusal{R"("tools":{})", "tools", "a list of at most 128"},
             Refusal{R"("tools":[{"type":"function"}])", "tools[0]", "\"function\": {...}"},
             Refusal{R"("tools":[{"type":"function","function":{"name":"a b"}}])",
                     "tools[0].function", "letters, digits"},
             Refusal{R"("tools":[{"type":"function","function":{"name":"a","parameters":1}}])",
                     "tools[0].function", "a JSON schema"},
             Refusal{R"("tool_choice":"required")", "tool_choice", "cannot be forced"},
             Refusal{R"("tool_choice":{"type":"function","function":{"name":"a"}})", "tool_choice",
                     "cannot be forced"},
             Refusal{R"("parallel_tool_calls":1)", "parallel_tool_calls", "true or false"},
             Refusal{R"("chat_template_kwargs":{"messages":[]})", "chat_template_kwargs.messages",
                     "not known"},
             Refusal{R"("chat_template_kwargs":{"thinking":7})", "chat_template_kwargs.thinking",
                     "true, false or a text"},
             Refusal{R"("response_format":{"type":"xml"})", "response_format", "json_schema"},
             Refusal{R"("response_format":{"type":"json_schema"})", "response_format.json_schema",
                     "schema"},
             Refusal{R"("presence_penalty":2.5)", "presence_penalty", "a number in [-2.0,2.0]"},
             Refusal{R"("repetition_penalty":1.1)", "repetition_penalty", "except as 1"},
             Refusal{R"("logprobs":true)", "logprobs", "except as false"},
             Refusal{R"("temprature":0.5)", "temprature", "'temprature' is not known"},
             Refusal{R"("unheard":null)", "unheard", "not known"},
             Refusal{R"("temperature":2.5)", "temperature", "found 2.5"},
             Refusal{R"("temperature":"hot")", "temperature", "expected a number"},
             Refusal{R"("top_p":0)", "top_p", "above 0"},
             Refusal{R"("max_tokens":0)", "max_tokens", "a whole number from 1"},
             Refusal{R"("max_tokens":1.5)", "max_tokens", "found 1.5"},
             Refusal{R"("max_tokens":18446744073709551615)", "max_tokens", "whole number"},
             Refusal{R"("max_tokens":5,"max_completion_tokens":6)", "max_tokens", "differ"},
             Refusal{R"("stop":[""])", "stop", "not empty"},
             Refusal{R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15",)"
                     R"("16","17"])",
                     "stop", "1 to 16"},
             Refusal{R"("stream":"yes")", "stream", "true or false"},
             Refusal{R"("stream_options":{"include_usage":true})", "stream_options", "'stream'"},
             Refusal{R"("stream":true,"stream_options":{"x":1})", "stream_options.x", "supported"},
             Refusal{R"("seed":1.5)", "seed", "whole number"},
         }) {
        std::string param;
        const auto request = parse_chat_request(with(refusal.more), param);
        ASSERT_FALSE(request) << refusal.more;
        EXPECT_EQ(request.error().code, Code::kInvalid);
        EXPECT_EQ(param, refusal.param) << refusal.more;
        EXPECT_THAT(request.error().to_string(), HasSubstr(refusal.message)) << refusal.more;
    }
}

TEST(ChatRequestTest, RefusesMessagesThatItWouldMisread) {
    for (const auto& [messages, param] : std::vector<std::pair<std::string, std::string>>{
             {"[]", "messages"},
             {R"("hi")", "messages"},
             {R"([7])", "messages[0]"},
             {R"([{"role":"wizard","content":"x"}])", "messages[0].role"},
             {R"([{"role":"tool","content":"x"}])", "messages[0].tool_call_id"},
             {R"([{"role":"assistant","tool_calls":[{"id":"c"}]}])", "messages[0].tool_calls[0]"},
             {R"([{"role":"assistant","tool_calls":[{"id":"c","type":"function",)"
              R"("function":{"name":"f","arguments":"[1]"}}]}])",
              "messages[0].tool_calls[0].function"},
             {R"([{"role":"user","content":"x","tool_calls":[1]}])", "messages[0].tool_calls"},
             {R"([{"content":"x"}])", "messages[0].role"},
             {R"([{"role":"user"}])", "messages[0].content"},
             {R"([{"role":"user","content":null}])", "messages[0].content"},
             {R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])",
              "messages[0].content"},
             {R"([{"role":"user","content":"x","name":"bob"}])", "messages[0].name"},
             {R"([{"role":"user","content":"x"},{"role":"assistant","content":"y"}])", "messages"},
         }) {
        std::string param_found;
        EXPECT_FALSE(
            parse_chat_request(R"({"model":"m","messages":)" + messages + "}", param_found))
            << messages;
        EXPECT_EQ(param_found, param) << messages;
    }
}

TEST(ChatRequestTest, RefusesWhatIsNoRequest) {
    for (const char* body : {"", "{", "[]", "null", R"({"model":"m"})", R"({"messages":[]})",
                             R"({"model":"a","model":"b","messages":[]})", "\xFF"}) {
        EXPECT_FALSE(parse(body)) << body;
    }
    EXPECT_FALSE(parse(std::string(100'000, '[')));
}

// What was found is quoted in part: the cut must not go through a character.
TEST(ChatRequestTest, QuotesWholeCharactersOnly) {
    for (std::size_t begin = 0; begin < 4; ++begin) {
        std::string text(begin, 'x');
        while (text.size() < 100)
            text += "\xF0\x9F\x98\x80";
        for (const std::string field : {"stream", "tool_choice", "stop"}) {
            const auto request = parse(with("\"" + field + "\":[\"" + text + "\",1]"));
            ASSERT_FALSE(request);
            EXPECT_TRUE(text::is_valid_utf8(request.error().message)) << request.error().message;
        }
    }
}

// Ids were cut to 64 bytes on one side only, so that the answer to a call with a longer id was
// refused.
TEST(ChatRequestTest, KeepsIdsOfCallsWhole) {
    const std::string id(80, 'i');
    const auto request =
        parse(R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant",)"
              R"("tool_calls":[{"id":")" +
              id +
              R"(","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
              R"({"role":"tool","content":"1","tool_call_id":")" +
              id + R"("}]})");
    ASSERT_TRUE(request) << request.error().to_string();
    EXPECT_EQ(request->messages[1].tool_calls[0].id, id);
}

}  // namespace
}  // namespace cairn::serve
