// SPDX-License-Identifier: Apache-2.0
// Small templates against jinja2's own output (testdata/jinja/units.json, made by
// tools/golden/make_jinja_golden.py), marks of origin, and limits.
#include "cairn/text/jinja.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cairn::text {
namespace {

constexpr std::int64_t kNow = 1795442709;  // 2026-11-23 14:05:09 UTC, as in make_jinja_golden.py

std::string read(const std::string& path) {
    std::ifstream file(std::string(CAIRN_SOURCE_DIR) + "/" + path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

Result<JinjaOutput> render(std::string_view source, std::string user = "{}",
                           const JinjaLimits& limits = {}) {
    const JinjaTemplate compiled = CAIRN_TRY(JinjaTemplate::compile(source));
    return compiled.render(
        {.user_json = std::move(user), .trusted_json = R"({"bos_token": "<s>"})", .now_s = kNow},
        limits);
}

TEST(Jinja, RendersAsJinja2) {
    const auto golden = nlohmann::ordered_json::parse(read("src/text/testdata/jinja/units.json"));
    const std::string context = golden["context"].dump();
    ASSERT_GT(golden["units"].size(), 350U);
    int errors = 0;
    for (const auto& unit : golden["units"]) {
        const auto source = unit["template"].get<std::string>();
        const auto output = render(source, context);
        if (unit["text"].is_null()) {
            EXPECT_FALSE(output.has_value()) << source << "\n gives: " << output->text;
            ++errors;
            continue;
        }
        ASSERT_TRUE(output.has_value()) << source << "\n" << output.error().to_string();
        EXPECT_EQ(output->text, unit["text"].get<std::string>()) << source;
    }
    EXPECT_GT(errors, 70);
}

/// The text with what users wrote in [ ].
std::string marked(std::string_view source, std::string user) {
    const auto output = render(source, std::move(user));
    if (!output) return output.error().message;
    std::string text;
    std::int64_t at = 0;
    for (const Span& span : output->user) {
        text += output->text.substr(static_cast<std::size_t>(at),
                                    static_cast<std::size_t>(span.begin - at));
        text += "[" + std::string(span.of(output->text)) + "]";
        at = span.end;
    }
    return text + output->text.substr(static_cast<std::size_t>(at));
}

TEST(Jinja, EveryOperationKeepsTheMarksOfTheUser) {
    const std::string user = R"({"u": "Ab cd", "l": ["x", "y"], "d": {"k": "v<"}, "n": 5})";
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"a{{ u }}b", "a[Ab cd]b"},
        {"{{ bos_token + u + '|' }}", "<s>[Ab cd]|"},
        {"{{ 'a' ~ u ~ n }}", "a[Ab cd]5"},
        {"{{ u|upper }}{{ u|lower }}{{ u|title }}{{ u|capitalize }}{{ u.swapcase() }}",
         "[AB CDab cdAb CdAb cdaB CD]"},
        {"{{ u[1:] }}-{{ u[0] }}-{{ u[::-1] }}-{{ u|reverse }}", "[b cd]-[A]-[dc bA]-[dc bA]"},
        {"{{ u.split(' ')|join('+') }}", "[Ab]+[cd]"},
        {"{{ u.replace('b', '<im>') }}", "[A]<im>[ cd]"},
        {"{{ 'a<b>c'.replace('<b>', u) }}", "a[Ab cd]c"},
        {"{{ '<' + u.strip('A') + '>' }}{{ u|trim }}", "<[b cd]>[Ab cd]"},
        {"{{ l|join('|') }}{{ l }}", "[x]|[y]['[x]', '[y]']"},
        {"{{ d|tojson }}", "{\"[k]\": \"[v<]\"}"},
        {"{{ '%s=%5s' % (u, l[0]) }}", "[Ab cd]=    [x]"},
        {"{{ '{}:{:>3}'.format(u, l[0]) }}", "[Ab cd]:  [x]"},
        {"{% set b %}<{{ u }}>{% endset %}{{ b|upper }}", "<[AB CD]>"},
        {"{% macro m(x) %}({{ x }}){% endmacro %}{{ m(u) }}", "([Ab cd])"},
        {"{% filter replace('c', '~') %}{{ u }}{% endfilter %}", "[Ab ]~[d]"},
        {"{% for c in l[0] + '|' %}{{ c }}{% endfor %}", "[x]|"},
        {"{{ u|escape }}{{ d.k|e }}", "[Ab cdv&lt;]"},
        {"{{ (u * 2)[4:6] }}{{ u|center(7) }}", "[dA] [Ab cd] "},
        {"{{ 'a\nb'|indent(l[0]) }}{{ u|truncate(4, true, '!', 0) }}", "a\n[x]b[Ab ]!"},
        {"{{ u|string|list|first }}{{ d.keys()|first }}{{ (d|items|first)[1] }}", "[Akv<]"},
        {"{% set ns = namespace(s='') %}{% set ns.s = ns.s + u %}{{ '<' ~ ns.s }}", "<[Ab cd]"},
        {"{{ l|map('upper')|sort|last }}{{ u|urlencode }}", "[YAb%20cd]"},
        {"{{ [u, '|']|join }}{{ {'a': u}|string }}", "[Ab cd]|{'a': '[Ab cd]'}"},
    };
    for (const auto& [source, expected] : cases) {
        EXPECT_EQ(marked(source, user), expected) << source;
    }
}

TEST(Jinja, MarksAreNeverEmpty) {
    // Found by the fuzz target: cutting nothing out of a user's text left a mark of no bytes.
    const auto output = render("{{ u.replace('a', '-') }}{{ u[1:1] }}", R"({"u": "caab"})");
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text, "c--b");
    EXPECT_EQ(output->user, (std::vector<Span>{{0, 1}, {3, 4}}));
}

std::string failure(std::string_view source, const JinjaLimits& limits = {}) {
    const auto output = render(source, "{}", limits);
    return output ? "no error" : output.error().message;
}

TEST(Jinja, SaysWhatIsWrongAndWhere) {
    EXPECT_EQ(failure("a\nb {{ x | shout }}"),
              "chat template, line 2: the filter 'shout' is not known");
    EXPECT_NE(failure("{{ x is weird }}").find("the test 'weird' is not known"), std::string::npos);
    EXPECT_NE(failure("\n\n{% include 'x' %}").find("line 3: the tag 'include' is not supported"),
              std::string::npos);
    EXPECT_NE(failure("{{ open('/etc/passwd') }}").find("'open' is undefined"), std::string::npos);
    EXPECT_NE(failure("{{ raise_exception('Only user roles') }}").find("Only user roles"),
              std::string::npos);
    EXPECT_NE(failure("{{ (1").find("not closed"), std::string::npos);
    EXPECT_NE(failure("{{ 9223372036854775807 + 1 }}").find("64 bits"), std::string::npos);
}

TEST(Jinja, NothingRunsAway) {
    const auto limited = [](std::string_view source, const JinjaLimits& limits = {}) {
        const auto compiled = JinjaTemplate::compile(source);
        if (!compiled) return compiled.error().code == Code::kTooLarge;
        const auto output = compiled->render({}, limits);
        return !output && output.error().code == Code::kTooLarge;
    };
    EXPECT_TRUE(
        limited("{% for i in range(100000) %}{% for j in range(100000) %}"
                "{% endfor %}{% endfor %}",
                {.steps_max = 1'000'000}));
    EXPECT_TRUE(limited("{{ 'a' * 9000000000000 }}"));
    EXPECT_TRUE(limited("{{ [0] * 9000000000000 }}"));
    EXPECT_TRUE(
        limited("{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}"
                "{% set ns.s = ns.s + ns.s %}{% endfor %}"));
    EXPECT_TRUE(limited("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"));
    // Found by the fuzz target: nested statements between the calls overran the stack.
    std::string ifs;
    std::string ends;
    for (int i = 0; i < 60; ++i) {
        ifs += "{% if 1 %}";
        ends += "{% endif %}";
    }
    EXPECT_TRUE(limited("{% macro f() %}" + ifs + "{{ f() }}" + ends + "{% endmacro %}{{ f() }}"));
    EXPECT_TRUE(
        limited("{% set ns = namespace(l=[]) %}{% for i in range(1000) %}"
                "{% set ns.l = [ns.l] %}{% endfor %}"));
    EXPECT_TRUE(limited("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}"));
    EXPECT_TRUE(limited("{{ 1" + [] {
        std::string sum;
        for (int i = 0; i < 5000; ++i)
            sum += " + 1";
        return sum;
    }() + " }}"));
    EXPECT_TRUE(limited([] {
        std::string deep;
        for (int i = 0; i < 5000; ++i)
            deep += "{% if a %}";
        return deep;
    }()));
    EXPECT_TRUE(limited("{{ '%s'|format('x')|center(99999999999) }}"));
    EXPECT_TRUE(limited("{{ ('a' * 100000).replace('', 'b' * 100000) }}"));
    EXPECT_TRUE(limited("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"));
    EXPECT_TRUE(limited(std::string(2U << 20, 'a')));
    EXPECT_TRUE(limited("{% for i in range(99999) %}{{ 'a' * 9999 }}{% endfor %}",
                        {.output_bytes_max = 1U << 20}));
}

TEST(Jinja, KeepsTheOrderOfKeysAndRefusesWhatItCannotHold) {
    EXPECT_EQ(render("{{ z|tojson }}", R"({"z": {"b": 1, "a": 2, "b": 3}})")->text,
              R"({"b": 3, "a": 2})");
    EXPECT_FALSE(render("{{ z }}", R"({"z": 18446744073709551615})"));
    EXPECT_FALSE(render("{{ z }}", R"({"z": )"));
    EXPECT_FALSE(render("{{ z }}", "[1]"));
    EXPECT_FALSE(
        render("{{ z }}", "{\"z\": " + std::string(200, '[') + std::string(200, ']') + "}"));
}

TEST(Jinja, SaysWhatTheModelIsToWrite) {
    const auto output = render(
        "a{% generation %}bc{% endgeneration %}{% for i in [1, 2] %}"
        "{% generation %}{{ i }}{% endgeneration %}{% endfor %}");
    ASSERT_TRUE(output);
    EXPECT_EQ(output->generation, (std::vector<Span>{{1, 3}, {3, 4}, {4, 5}}));
}

}  // namespace
}  // namespace cairn::text
