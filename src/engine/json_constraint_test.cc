// SPDX-License-Identifier: Apache-2.0
// Whatever the logits are, a finished answer is JSON and fits its schema; what a schema says and
// nobody would check is refused.
#include "cairn/engine/json_constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/base/rng.h"
#include "cairn/engine/sampler.h"
#include "cairn/text/json.h"
#include "json_grammar.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const text::Tokenizer& tokenizer() {
    static const text::Tokenizer made = testing::test_tokenizer(testing::TestModelOptions().pieces);
    return made;
}

std::shared_ptr<JsonConstraint> constraint(std::string_view schema) {
    static const auto trie = std::make_shared<const TokenTrie>(tokenizer());
    auto made = JsonConstraint::create(trie, schema);
    EXPECT_TRUE(made) << made.error().to_string();
    return *made;
}

/// Random logits, with some favour for what closes, so that texts end.
std::string random_text(JsonConstraint& rules, Rng& rng) {
    const auto vocabulary = static_cast<std::size_t>(tokenizer().vocabulary_size());
    SamplingOptions options;
    options.temperature = 1;
    options.seed = rng.next();
    Sampler sampler(options);
    std::vector<float> logits(vocabulary);
    TokenMask mask;
    std::string text;
    for (int step = 0; step < 4000 && !rules.finished(); ++step) {
        for (std::size_t i = 0; i < vocabulary; ++i) {
            const std::string_view bytes = tokenizer().token_bytes(static_cast<TokenId>(i));
            const bool closes = bytes == "\"" || bytes == "}" || bytes == "]";
            logits[i] = static_cast<float>(rng.normal() + (closes ? 5 : 0));
        }
        mask.reset(static_cast<std::int64_t>(vocabulary));
        rules.fill(mask);
        EXPECT_GT(mask.count(), 0) << "dead end behind: " << text;
        if (mask.count() == 0) return text;
        const TokenId token = sampler.next(logits, &mask).token;
        EXPECT_TRUE(rules.accept(token));
        if (!tokenizer().is_end(token)) text += tokenizer().token_bytes(token);
    }
    EXPECT_TRUE(rules.finished()) << text;
    return text;
}

/// Does this machine read the text to its end?
bool reads(std::string_view schema, std::string_view text) {
    const auto grammar = compile_json_schema(schema);
    EXPECT_TRUE(grammar) << grammar.error().to_string();
    JsonMachine machine(grammar->root);
    for (const char byte : text) {
        if (!machine.step(*grammar, static_cast<std::uint8_t>(byte))) return false;
    }
    return machine.complete(*grammar);
}

TEST(JsonConstraint, AnyObjectIsValidJson) {
    Rng rng(1);
    for (int i = 0; i < 200; ++i) {
        const std::string text = random_text(*constraint(""), rng);
        const auto parsed = text::parse_json(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().to_string();
        EXPECT_TRUE(parsed->is_object()) << text;
    }
}

constexpr std::string_view kTicket = R"({"type":"object","additionalProperties":false,
    "required":["title","priority","lines"],
    "properties":{"title":{"type":"string"},"priority":{"enum":["low","lower","high"]},
      "urgent":{"type":"boolean"},"count":{"type":"integer"},
      "owner":{"anyOf":[{"$ref":"#/$defs/person"},{"type":"null"}]},
      "lines":{"type":"array","items":{"type":"number"},"minItems":1,"maxItems":3}},
    "$defs":{"person":{"type":"object","required":["name"],"additionalProperties":false,
      "properties":{"name":{"type":"string"},"chief":{"$ref":"#/$defs/person"}}}}})";

TEST(JsonConstraint, AnswersFitTheirSchema) {
    Rng rng(2);
    for (int i = 0; i < 200; ++i) {
        const std::string text = random_text(*constraint(kTicket), rng);
        const auto parsed = text::parse_json(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().to_string();
        const json& ticket = *parsed;
        EXPECT_TRUE(ticket.at("title").is_string());
        EXPECT_THAT((std::vector<std::string>{"low", "lower", "high"}),
                    ::testing::Contains(ticket.at("priority").get<std::string>()));
        const json& lines = ticket.at("lines");
        EXPECT_GE(lines.size(), 1U);
        EXPECT_LE(lines.size(), 3U);
        for (const json& line : lines)
            EXPECT_TRUE(line.is_number()) << text;
        if (ticket.contains("count")) {
            EXPECT_TRUE(ticket["count"].is_number_integer()) << text;
        }
        if (ticket.contains("owner") && !ticket["owner"].is_null()) {
            EXPECT_TRUE(ticket["owner"].at("name").is_string()) << text;
        }
        for (const auto& [key, value] : ticket.items()) {
            EXPECT_THAT(kTicket, HasSubstr("\"" + key + "\"")) << text;
        }
    }
}

TEST(JsonConstraint, ReadsWhatFitsAndNothingElse) {
    struct Case {
        std::string_view schema;
        std::string_view text;
        bool fits;
    };
    const Case cases[] = {
        {"", R"({"a": [1, -0.5, true, null, "x\n\u00e9"], "b": {}})", true},
        {"", "[1]", false},
        {"", R"({"a": 01})", false},
        {"", R"({"a": 1,})", false},
        {"", R"({"a" 1})", false},
        {"", R"({"a": "\ud800"})", false},
        {"", "{\"a\": \"line\nend\"}", false},
        {"", R"({"a": 1} )", false},
        {R"({"type":"array","items":{"type":"integer"}})", "[1, 2]", true},
        {R"({"type":"array","items":{"type":"integer"}})", "[]", true},
        {R"({"type":"array","items":{"type":"integer"}})", "[1.5]", false},
        {R"({"type":"array","minItems":2})", "[1]", false},
        {R"({"type":"array","maxItems":1})", "[1,2]", false},
        {R"({"type":["string","null"]})", "null", true},
        {R"({"type":["string","null"]})", "1", false},
        {R"({"enum":[1,10,"ten"]})", "10", true},
        {R"({"enum":[1,10,"ten"]})", "1", true},
        {R"({"enum":[1,10,"ten"]})", "100", false},
        {R"({"const":"yes"})", R"("yes")", true},
        {kTicket, R"({"title":"t","priority":"low","lines":[1]})", true},
        {kTicket, R"({"priority":"low","lines":[1]})", false},
        {kTicket, R"({"title":"t","priority":"low"})", false},
        {kTicket, R"({"title":"t","priority":"low","lines":[1],"other":1})", false},
        {kTicket,
         R"({"title":"t","priority":"low","owner":{"name":"a","chief":{"name":"b"}},)"
         R"("lines":[1]})",
         true},
        {R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"x": 1})", true},
        {R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"x": "1"})", false},
        {R"({"type":"object","additionalProperties":false})", R"({"x": 1})", false},
    };
    for (const Case& c : cases)
        EXPECT_EQ(reads(c.schema, c.text), c.fits) << c.schema << " " << c.text;
}

TEST(JsonConstraint, SchemasThatAreNotUnderstoodAreRefusedByName) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {R"({"type":"string","pattern":"^a"})", "pattern"},
        {R"({"type":"object","properties":{"a":{"type":"integer","minimum":1}}})", "minimum"},
        {R"({"type":"objekt"})", "type"},
        {R"({"type":"object","required":["a"]})", "required"},
        {R"({"$ref":"#/$defs/none"})", "#/$defs/none"},
        {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}})", "themselves"},
        {R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},
             "b":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}}})",
         "themselves"},
        {R"({"anyOf":[{"type":"object"},{"type":"object"}]})", "anyOf"},
        {R"({"enum":[]})", "enum"},
        {"[1]", "object"},
        {"{", "JSON"},
    };
    for (const auto& [schema, message] : cases) {
        const auto made = compile_json_schema(schema);
        ASSERT_FALSE(made) << schema;
        EXPECT_THAT(made.error().to_string(), HasSubstr(std::string(message))) << schema;
    }
    std::string deep = "{}";
    for (int i = 0; i < 100; ++i)
        deep = R"({"type":"array","items":)" + deep + "}";
    EXPECT_FALSE(compile_json_schema(deep));
}

}  // namespace
}  // namespace cairn::engine
