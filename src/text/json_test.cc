// SPDX-License-Identifier: Apache-2.0
// JSON from outside: bounded, named errors, no exceptions.
#include "cairn/text/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
    const auto parsed = parse_json(text, limits);
    return parsed ? "" : parsed.error().message;
}

TEST(Json, ParsesAndDumps) {
    EXPECT_EQ(dump_json(parse_json(R"({"b":[1,2.5,null],"a":"ü"})").value()),
              R"({"a":"ü","b":[1,2.5,null]})");
    EXPECT_EQ(dump_json(nlohmann::json("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
}

TEST(Json, RefusesWhatIsNotJson) {
    for (const char* bad :
         {"", "{", "[1,]", "nul", "1e999", "{\"a\":1} x", "\"\\ud800\"", "\"\xFF\"", "{'a':1}"}) {
        EXPECT_NE(error_of(bad), "") << bad;
    }
    EXPECT_NE(error_of("[1,]").find("column"), std::string::npos);
}

TEST(Json, ErrorsAboutWrongBytesAreTextThemselves) {
    const auto value = parse_json("{\"a\": \"\xC3\x28\"}");
    ASSERT_FALSE(value);
    EXPECT_TRUE(is_valid_utf8(value.error().message)) << value.error().message;
}

TEST(Json, BoundsNestingBeforeParsing) {
    EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "");
    EXPECT_NE(error_of(std::string(65, '[') + std::string(65, ']')).find("64 levels"),
              std::string::npos);
    EXPECT_NE(error_of(std::string(1'000'000, '[')).find("64 levels"), std::string::npos);
    EXPECT_EQ(error_of("[\"" + std::string(100, '[') + "\\\"[\"]"), "");  // inside a string
}

TEST(Json, FindsDuplicateKeysWhereAsked) {
    const char* twice = R"({"x":{"a":1,"b":{"a":2},"a":3}})";
    EXPECT_EQ(error_of(twice), "");
    EXPECT_NE(error_of(twice, {.refuse_duplicate_keys = true}).find("'a' twice"),
              std::string::npos);
    EXPECT_EQ(error_of(R"([{"a":1},{"a":{"a":1}}])", {.refuse_duplicate_keys = true}), "");
}

TEST(Json, GettersNameKeyAndType) {
    const auto object =
        parse_json(R"({"s":"x","i":-3,"d":0.5,"b":true,"n":null,"big":18446744073709551615})")
            .value();
    EXPECT_EQ(get_string(object, "s").value(), "x");
    EXPECT_EQ(get_int(object, "i").value(), -3);
    EXPECT_EQ(get_double(object, "i").value(), -3.0);
    EXPECT_TRUE(get_bool(object, "b").value());
    EXPECT_NE(get_string(object, "gone").error().message.find("'gone'"), std::string::npos);
    EXPECT_EQ(get_int(object, "s").error().message, "key 's': expected an integer, found string");
    EXPECT_FALSE(get_int(object, "d"));
    EXPECT_FALSE(get_int(object, "big"));
    EXPECT_FALSE(get_string(nlohmann::json(5), "s"));
    EXPECT_EQ(get_int_or(object, "n", 7).value(), 7);
    EXPECT_EQ(get_string_or(object, "gone", "y").value(), "y");
    EXPECT_FALSE(get_double_or(object, "s", 1));
}

}  // namespace
}  // namespace cairn::text
