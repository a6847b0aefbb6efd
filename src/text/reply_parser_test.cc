// SPDX-License-Identifier: Apache-2.0
// One reply per family of models, whole and cut at every byte.
#include "cairn/text/reply_parser.h"

#include <gtest/gtest.h>

namespace cairn::text {
namespace {

constexpr std::string_view kTools =
    R"([{"type": "function", "function": {"name": "sum", "parameters": {"type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}}}])";

/// "(reasoning)content{name id arguments}", in the order in which the parts came.
std::string shown(const std::vector<ReplyDelta>& deltas) {
    std::string text;
    ReplyDelta::Kind last = ReplyDelta::Kind::kContent;
    for (const ReplyDelta& delta : deltas) {
        const bool was = last == ReplyDelta::Kind::kReasoning;
        const bool is = delta.kind == ReplyDelta::Kind::kReasoning;
        if (was != is) text += is ? "(" : ")";
        text += delta.text;
        if (delta.kind == ReplyDelta::Kind::kCall) {
            text += "{" + delta.call.name + " " + delta.call.id + " " + delta.call.arguments + "}";
        }
        last = delta.kind;
    }
    return text + (last == ReplyDelta::Kind::kReasoning ? ")" : "");
}

std::string parsed(const ReplySetup& setup, const std::vector<std::string_view>& pieces) {
    ReplyParser parser(setup);
    std::vector<ReplyDelta> all;
    for (const std::string_view piece : pieces) {
        for (ReplyDelta& delta : parser.feed(piece)) {
            all.push_back(std::move(delta));
        }
    }
    for (ReplyDelta& delta : parser.finish()) {
        all.push_back(std::move(delta));
    }
    return shown(all);
}

struct Case {
    ReplyFormat format;
    std::string_view source;  ///< what a template of the family holds
    std::string_view reply;
    std::string_view expected;
    bool in_reasoning = false;
};

using F = ReplyFormat;
const std::vector<Case> kCases = {
    {F::kPlain, "", "Hello <tool_call> {} ", "Hello <tool_call> {} "},
    {F::kPlain, "</think>", "<think>\nI see.\n\n</think>\n\n Yes. <b> ", "(I see.)Yes. <b> "},
    {F::kPlain, "</think>", "I see.</thin</think>Yes", "(I see.</thin)Yes", true},
    {F::kPlain, "</think>", " No thoughts", "No thoughts"},
    {F::kPlain, "</think>", "<thin", "<thin"},
    {F::kPlain, "</think>", "<think>cut off \n", "(cut off \n)"},
    {F::kPlain, "[/THINK]", "[THINK]a b[/THINK]c [THINK]", "(a b)c [THINK]"},
    // Hermes and Qwen: JSON; broken JSON comes out as it was written.
    {F::kTags, "<tool_call> </think>",
     "<think>x</think>Let me.\n<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"b\": 1, "
     "\"a\": "
     "\"</tool\"}}\n</tool_call>\n<tool_call>{\"name\": \"now\"}</tool_call>\n",
     "(x)Let me.{sum  {\"b\":1,\"a\":\"</tool\"}}{now  {}}"},
    {F::kTags, "<tool_call>", "<tool_call>{\"name\": oops}</tool_call> end",
     "<tool_call>{\"name\": oops}</tool_call> end"},
    {F::kTags, "<tool_call>", "a <tool_cal and <tool_call>{\"name\": \"x\", \"arguments\": {}}",
     "a <tool_cal and{x  {}}"},
    // Nothing can be called that has no name.
    {F::kTags, "<tool_call>", "<tool_call><function= ></function></tool_call>",
     "<tool_call><function= ></function></tool_call>"},
    {F::kLlama, "<|python_tag|>", "{\"\": {}}", "{\"\": {}}"},
    // Qwen3-Coder: no quotes; the tool's schema says that `a` is text.
    {F::kTags, "<tool_call><function=",
     "<tool_call>\n<function=sum>\n<parameter=a>\n12\n</parameter>\n<parameter=b>\n12\n"
     "</parameter>\n<parameter=c>\n[1, \"x\"]\n</parameter>\n<parameter=d>\ntwo\nlines\n"
     "</parameter>\n</function>\n</tool_call>",
     "{sum  {\"a\":\"12\",\"b\":12,\"c\":[1,\"x\"],\"d\":\"two\\nlines\"}}"},
    {F::kTags, "<tool_call><arg_key>",
     "Sure\n<tool_call>sum\n<arg_key>a</arg_key>\n<arg_value>7</arg_value>\n<arg_key>b</"
     "arg_key>"
     "\n<arg_value>7</arg_value>\n</tool_call>",
     "Sure{sum  {\"a\":\"7\",\"b\":7}}"},
    {F::kTagList, "<tool_calls>[",
     "<tool_calls>[{\"name\": \"sum\", \"arguments\": {\"b\": 2}, \"id\": "
     "\"i1\"}]</tool_calls>",
     "{sum i1 {\"b\":2}}"},
    {F::kSeed, "seed:tool_call </seed:think>",
     "<seed:think>hm</seed:think>\n<seed:tool_call>\n<function=sum>\n<parameter=b>3</"
     "parameter>\n"
     "</function>\n</seed:tool_call>",
     "(hm){sum  {\"b\":3}}"},
    {F::kMiniMax, "<minimax:tool_call> </think>",
     "r</think>go<minimax:tool_call>\n<invoke name=\"sum\">\n<parameter "
     "name=\"a\">4</parameter>\n"
     "<parameter name=\"b\">4</parameter>\n</invoke>\n<invoke name=\"now\">\n</invoke>\n"
     "</minimax:tool_call>",
     "(r)go{sum  {\"a\":\"4\",\"b\":4}}{now  {}}", true},
    {F::kDsml, "｜DSML｜tool_calls",
     "Ok\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"sum\">\n<｜DSML｜parameter name=\"a\" "
     "string=\"true\">5</｜DSML｜parameter>\n<｜DSML｜parameter name=\"z\" string=\"false\">[5]"
     "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
     "Ok{sum  {\"a\":\"5\",\"z\":[5]}}"},
    {F::kDeepSeek, "<｜tool▁call▁begin｜> </think>",
     "t</"
     "think>Hi<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>sum\n```json\n"
     "{\"b\": "
     "6}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
     "<｜tool▁calls▁end｜>",
     "(t)Hi{sum  {\"b\":6}}{now  {}}", true},
    {F::kKimi, "<|tool_call_begin|>",
     "Go<|tool_calls_section_begin|><|tool_call_begin|>functions.sum:0"
     "<|tool_call_argument_begin|>{\"b\": 7}<|tool_call_end|><|tool_calls_section_end|>",
     "Go{sum functions.sum:0 {\"b\":7}}"},
    {F::kMistral, "[TOOL_CALLS]",
     "[TOOL_CALLS][{\"name\": \"sum\", \"arguments\": {\"b\": 8}, \"id\": \"abcdefghi\"}]",
     "{sum abcdefghi {\"b\":8}}"},
    {F::kMistral, "[TOOL_CALLS][ARGS]",
     "Hm [TOOL_CALLS]sum[ARGS]{\"b\": 9}[TOOL_CALLS]now[CALL_ID]123456789[ARGS]{}",
     "Hm{sum  {\"b\":9}}{now 123456789 {}}"},
    {F::kLlama, "<|python_tag|>",
     " {\"name\": \"sum\", \"parameters\": {\"b\": 1}}; {\"name\": \"now\", \"parameters\": "
     "{}}",
     "{sum  {\"b\":1}}{now  {}}"},
    {F::kLlama, "<|python_tag|>", "<|python_tag|>{\"name\": \"sum\", \"parameters\": {\"b\": 1}}",
     "{sum  {\"b\":1}}"},
    {F::kLlama, "<|python_tag|>", "{\"just\": \"JSON\"} as asked", "{\"just\": \"JSON\"} as asked"},
    // Gemma 4: texts in marks of their own, keys bare.
    {F::kGemma, "<|tool_call>call: <channel|>",
     "<|channel>thought\nHm.\n<channel|>Wait.<|tool_call>call:sum{a:<|\"|>x, }{\"y\"<|\"|>,b:-1.5,"
     "c:[true,<|\"|>z<|\"|>],d:{<|\"|>k<|\"|>:null},e:[]}<tool_call|><|tool_call>call:now{}<tool_"
     "call|>",
     "(Hm.)Wait.{sum  {\"a\":\"x, }{\\\"y\\\"\",\"b\":-1.5,\"c\":[true,\"z\"],\"d\":{\"k\":null},"
     "\"e\":[]}}{now  {}}"},
    {F::kGemma, "<|tool_call>call:", "<|tool_call>call:sum{a:<|\"|>x}<tool_call|>",
     "<|tool_call>call:sum{a:<|\"|>x}<tool_call|>"},
    // GigaChat 3.1 and 3.
    {F::kGigaChat, "<|function_call|>",
     "I look.<|function_call|>{\"name\": \"sum\", \"arguments\": {\"b\": 1}}",
     "I look.{sum  {\"b\":1}}"},
    {F::kGigaChat, "'role': 'function call'",
     "I look.<|message_sep|>\n\nfunction call<|role_sep|>\n{\"name\": \"sum\", \"arguments\": "
     "{\"b\": 1}}",
     "I look.{sum  {\"b\":1}}"},
    {F::kFunctionTags, "<function=", "Ok <function=sum>{\"b\": 2}</function>",
     "Ok{sum  {\"b\":2}}"},
    {F::kRecipients, ">>>${recipient}", "all\nHello > there\n>>>sum\n{\"b\": 3}>>>python\nx = 1",
     "Hello > there{sum  {\"b\":3}}{python  {\"code\":\"x = 1\"}}"},
    {F::kHarmony, "<|channel|>",
     "<|channel|>analysis<|message|>Need sum.<|end|><|start|>assistant<|channel|>final"
     "<|message|>It is 4.",
     "(Need sum.)It is 4."},
    {F::kHarmony, "<|channel|>",
     "<|channel|>analysis<|message|>Call<|end|><|start|>assistant<|channel|>commentary "
     "to=functions.sum <|constrain|>json<|message|>{\"b\":4}",
     "(Call){sum  {\"b\":4}}"},
    {F::kHarmony, "<|channel|>",
     " to=functions.sum<|channel|>commentary json<|message|>{\"b\":5}<|call|>", "{sum  {\"b\":5}}"},
    {F::kHarmony, "<|channel|>", "No channels at all", "No channels at all"},
    {F::kHarmony, "<|channel|>", "<|channel|>final<|message|>Done<|end|><|start|>assistant<|chan",
     "Done"},
    {F::kGranite, "<|tool_call|>", "<|tool_call|>[{\"name\": \"sum\", \"arguments\": {\"b\": 1}}]",
     "{sum  {\"b\":1}}"},
    {F::kCommandR, "<|START_ACTION|> <|END_THINKING|>",
     "<|START_THINKING|>plan<|END_THINKING|><|START_ACTION|>[{\"tool_call_id\": \"0\", "
     "\"tool_name\": \"sum\", \"parameters\": {\"b\": 1}}]<|END_ACTION|>",
     "(plan){sum 0 {\"b\":1}}"},
    {F::kCommandR, "<|START_ACTION|>", "<|START_RESPONSE|>Hi <|END_RESPONSE|>", "Hi"},
    {F::kApertus, "<|tools_prefix|>", "x <|tools_prefix|>[{\"sum\": {\"b\": 1}}]<|tools_suffix|>",
     "x{sum  {\"b\":1}}"},
};

ReplySetup setup_of(const Case& c) {
    return {std::string(c.source), std::string(kTools), c.in_reasoning};
}

TEST(ReplyParser, TakesEveryFamilysRepliesApart) {
    for (const Case& c : kCases) {
        EXPECT_EQ(reply_format(c.source), c.format) << c.source;
        EXPECT_EQ(parsed(setup_of(c), {c.reply}), c.expected);
    }
}

TEST(ReplyParser, CutsChangeNothing) {
    for (const Case& c : kCases) {
        const std::string_view text = c.reply;
        std::vector<std::string_view> bytes;
        for (std::size_t i = 0; i < text.size(); ++i) {
            bytes.push_back(text.substr(i, 1));
            EXPECT_EQ(parsed(setup_of(c), {text.substr(0, i), text.substr(i)}), c.expected) << i;
            const std::size_t j = (i * 7 + 3) % (text.size() - i) + i;
            EXPECT_EQ(
                parsed(setup_of(c), {text.substr(0, i), text.substr(i, j - i), text.substr(j)}),
                c.expected)
                << i << " " << j;
        }
        EXPECT_EQ(parsed(setup_of(c), bytes), c.expected);
    }
}

TEST(ReplyParser, WhatIsSaidIsNeverTakenBack) {
    for (const Case& c : kCases) {
        std::string content;
        ReplyParser whole(setup_of(c));
        auto all = whole.feed(c.reply);
        for (ReplyDelta& delta : whole.finish()) {
            all.push_back(std::move(delta));
        }
        for (const ReplyDelta& delta : all) {
            if (delta.kind == ReplyDelta::Kind::kContent) content += delta.text;
        }
        for (std::size_t i = 0; i <= c.reply.size(); ++i) {
            ReplyParser parser(setup_of(c));
            std::string so_far;
            for (const ReplyDelta& delta : parser.feed(c.reply.substr(0, i))) {
                if (delta.kind == ReplyDelta::Kind::kContent) so_far += delta.text;
            }
            EXPECT_TRUE(content.starts_with(so_far)) << c.reply.substr(0, i) << " -> " << so_far;
        }
    }
}

TEST(ReplyParser, WithoutToolsNothingIsACall) {
    const std::string call = "<tool_call>{\"name\": \"sum\"}</tool_call>";
    EXPECT_EQ(parsed({"<tool_call>", "", false}, {call}), call);
    EXPECT_TRUE(ReplyParser({"<tool_call>", "", false}).marks().empty());
    const auto marks = ReplyParser({"<tool_call> </think>", std::string(kTools), false}).marks();
    EXPECT_NE(std::find(marks.begin(), marks.end(), "</think>"), marks.end());
}

TEST(ReplyParser, HostileBodiesAreContent) {
    const std::string deep = std::string(5000, '[') + std::string(5000, ']');
    const std::string text =
        "<tool_call>{\"name\": \"x\", \"arguments\": " + deep + "}</tool_call>";
    EXPECT_EQ(parsed({"<tool_call>", std::string(kTools), false}, {text}), text);
    const std::string list = "<tool_call>{\"name\": \"x\", \"arguments\": [1]}</tool_call>";
    EXPECT_EQ(parsed({"<tool_call>", "not JSON", false}, {list}), list);
}

}  // namespace
}  // namespace cairn::text
