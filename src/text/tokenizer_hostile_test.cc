// SPDX-License-Identifier: Apache-2.0
// Tokenizer files made to harm, and text made to be slow: each ends in a clear error or in time.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/text/tokenizer_json.h"
#include "cairn/text/utf8.h"
#include "pre_tokenizer.h"
#include "split_pattern.h"

namespace cairn::text {
namespace {

using nlohmann::json;

json small_bpe() {
    return {{"model",
             {{"type", "BPE"},
              {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}, {"<unk>", 3}, {"aba", 4}}},
              {"merges", {"a b", "ab a"}},
              {"unk_token", "<unk>"}}}};
}

std::string error_of(const json& root) {
    const std::string text = root.dump();
    const auto tokenizer = read_tokenizer({.tokenizer_json = text});
    return tokenizer ? "" : tokenizer.error().message;
}

std::string error_after(const std::function<void(json&)>& change) {
    json root = small_bpe();
    change(root);
    return error_of(root);
}

testing::AssertionResult names(const std::string& message, const std::string& part) {
    if (message.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "expected '" << part << "' in '" << message << "'";
}

TEST(HostileTokenizer, TheSmallOneIsFine) {
    EXPECT_EQ(error_of(small_bpe()), "");
}

TEST(HostileTokenizer, RefusesUnknownPartsByName) {
    const auto set = [](const char* member, const json& value) {
        return error_after([&](json& root) { root[member] = value; });
    };
    EXPECT_TRUE(names(set("normalizer", {{"type", "Nmt2"}}), "'Nmt2'"));
    EXPECT_TRUE(names(set("pre_tokenizer", {{"type", "UnicodeScripts"}}), "'UnicodeScripts'"));
    EXPECT_TRUE(names(set("post_processor", {{"type", "Magic"}}), "'Magic'"));
    EXPECT_TRUE(names(set("decoder", {{"type", "CTC"}}), "'CTC'"));
    EXPECT_TRUE(
        names(error_after([](json& root) { root["model"]["type"] = "WordLevel"; }), "'WordLevel'"));
    EXPECT_TRUE(names(error_after([](json& root) { root["model"]["end_of_word_suffix"] = "</w>"; }),
                      "'</w>'"));
    for (const char* expression :
         {"(?<=a)b", "a*?", "(a|b", "\\bword", "[z-a]", "(?=ab)c", "a{5000}", "\\p{Nonsense}",
          "(a*)*", "[[:alpha:]]", "*a", "\\1"}) {
        const json split = {
            {"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}};
        EXPECT_NE(set("pre_tokenizer", split), "") << expression;
    }
}

TEST(HostileTokenizer, RefusesIdsAndMergesThatDoNotFit) {
    const auto model = [](const std::function<void(json&)>& change) {
        return error_after([&](json& root) { change(root["model"]); });
    };
    EXPECT_TRUE(names(model([](json& m) { m["vocab"]["z"] = -1; }), "found -1"));
    EXPECT_TRUE(names(model([](json& m) { m["vocab"]["z"] = 4'000'000'000; }), "4000000000"));
    EXPECT_TRUE(names(model([](json& m) { m["vocab"]["z"] = 1.5; }), "whole numbers"));
    EXPECT_TRUE(names(model([](json& m) { m["merges"] = {"a zz"}; }), "'zz'"));
    EXPECT_TRUE(names(model([](json& m) { m["merges"] = {"ab"}; }), "merge 0"));
    EXPECT_TRUE(names(model([](json& m) { m["merges"] = {"a b", {"b"}}; }), "merge 1"));
    EXPECT_TRUE(names(model([](json& m) { m["vocab"] = 7; }), "vocab"));
    EXPECT_TRUE(names(error_after([](json& root) { root["model"] = json::array(); }), "'model'"));
    const json piece = {{"id", 99'000'000}, {"content", "x"}};
    EXPECT_NE(error_after([&](json& root) { root["added_tokens"] = json::array({piece}); }), "");
    const json outside = {{"type", "BertProcessing"}, {"sep", {"x", 77}}, {"cls", {"y", -5}}};
    EXPECT_NE(error_after([&](json& root) { root["post_processor"] = outside; }), "");
    const json huge = {{"type", "Prepend"}, {"prepend", std::string(100'000, 'x')}};
    EXPECT_TRUE(names(error_after([&](json& root) { root["normalizer"] = huge; }), "64 bytes"));
    const json blob = {{"type", "Precompiled"}, {"precompiled_charsmap", "//////////8="}};
    EXPECT_TRUE(names(error_after([&](json& root) { root["normalizer"] = blob; }), "charsmap"));
}

TEST(HostileTokenizer, SurvivesDepthNumbersAndRandomDamage) {
    const std::string deep(100'000, '[');
    EXPECT_FALSE(read_tokenizer({.tokenizer_json = deep}));
    json steps = {{"type", "NFC"}};
    for (int i = 0; i < 20; ++i) {
        steps = {{"type", "Sequence"}, {"normalizers", json::array({steps})}};
    }
    EXPECT_NE(error_after([&](json& root) { root["normalizer"] = steps; }), "");
    const std::string number = R"({"model":{"type":"BPE","vocab":{"a":1e999},"merges":[]}})";
    EXPECT_FALSE(read_tokenizer({.tokenizer_json = number}));
    const std::string good = small_bpe().dump();
    for (std::size_t i = 0; i < good.size(); ++i) {
        (void)read_tokenizer({.tokenizer_json = std::string_view(good).substr(0, i)});
        std::string damaged = good;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x15);
        (void)read_tokenizer({.tokenizer_json = damaged});
    }
    const auto folder = std::filesystem::path(CAIRN_SOURCE_DIR) / "src" / "text" / "testdata";
    const std::string model = read_file(folder / "unigram.model", 1 << 20).value();
    for (std::size_t i = 0; i < model.size(); i += 7) {
        std::string damaged = model;
        damaged[i] = static_cast<char>(damaged[i] ^ 0xFF);
        if (const auto made = read_tokenizer({.sentence_piece = damaged})) {
            (void)made->encode("text \xC2\xBD of\tany kind");
        }
        (void)read_tokenizer({.sentence_piece = std::string_view(model).substr(0, i)});
    }
    EXPECT_FALSE(read_tokenizer({.tiktoken = "!!!! 0\n"}));
    EXPECT_FALSE(read_tokenizer({.tiktoken = "YQ== -1\n"}));
    EXPECT_FALSE(read_tokenizer({.tiktoken = "YQ== 99999999999999999999\n"}));
    EXPECT_FALSE(read_tokenizer({}));
}

TEST(HostileTokenizer, AMergeNeverGivesASpecialToken) {
    json root = small_bpe();
    root["added_tokens"] = {{{"id", 2}, {"content", "ab"}, {"special", true}}};
    const std::string text = root.dump();
    const Tokenizer tokenizer = read_tokenizer({.tokenizer_json = text}).value();
    for (const TokenId id : tokenizer.encode("ababa")) {
        EXPECT_FALSE(tokenizer.is_special(id));
    }
    EXPECT_EQ(tokenizer.encode("ab", {.parse_special = true}), (std::vector<TokenId>{2}));
}

TEST(HostileTokenizer, MarkersOfReasoningComeFromTrustedTextOnly) {
    json root = small_bpe();
    root["added_tokens"] = {{{"id", 5}, {"content", "</think>"}, {"special", false}},
                            {{"id", 6}, {"content", "ba"}, {"special", false}}};
    const std::string text = root.dump();
    const Tokenizer tokenizer = read_tokenizer({.tokenizer_json = text}).value();
    const auto holds = [](const std::vector<TokenId>& ids, TokenId id) {
        return std::ranges::find(ids, id) != ids.end();
    };
    EXPECT_FALSE(holds(tokenizer.encode("a</think>ba"), 5));
    EXPECT_TRUE(holds(tokenizer.encode("a</think>ba"), 6));
    EXPECT_TRUE(holds(tokenizer.encode("a</think>ba", {.parse_special = true}), 5));
    EXPECT_EQ(tokenizer.token_bytes(5), "</think>");  // programs see it
}

/// Steps of the budget that a text needs a byte, over texts that are hard for backtracking.
TEST(HostileText, NoPreTokenizerIsSlowerThanLinear) {
    const std::vector<std::string> units = {" ",
                                            "a",
                                            "A",
                                            "\n",
                                            " \n",
                                            "\xE5\xA5\xBD"
                                            "A",
                                            "1",
                                            "'",
                                            " a",
                                            "!",
                                            "\xCC\x81",
                                            "\t\r",
                                            "aA",
                                            "\xFF"};
    for (const char* pre :
         {"gpt-2", "llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken", "kimi-k2", "deepseek-v3",
          "deepseek-llm", "falcon", "bailingmoe", "bloom", "seed-coder", "pebble"}) {
        const PreTokenizer cutter = PreTokenizer::by_name(pre).value();
        for (const std::string& unit : units) {
            std::string text;
            while (text.size() < 200'000) {
                text += unit;
            }
            text += "x";
            std::string joined;
            std::size_t longest = 0;
            std::size_t words = 0;
            cutter.for_each_word(text, true, [&](std::string_view word) {
                joined += word;
                longest = std::max(longest, word.size());
                ++words;
            });
            EXPECT_EQ(joined, text) << pre;
            // Where the budget ran out the rest would be one word behind many short ones.
            EXPECT_TRUE(words < 1000 || longest < 1000) << pre << ' ' << unit;
        }
    }
}

TEST(HostileText, ASearchThatWouldBeQuadraticStopsAndLosesNothing) {
    auto cutter = PreTokenizer::compile({{.kind = CutStep::Kind::kSplit, .pattern = "a+b|a"}});
    ASSERT_TRUE(cutter);
    const std::string text(1 << 20, 'a');
    std::string joined;
    cutter->for_each_word(text, true, [&](std::string_view word) { joined += word; });
    EXPECT_EQ(joined, text);
}

TEST(HostileText, AMegabyteOfOneLetterIsOneWordInTime) {
    const auto folder = std::filesystem::path(CAIRN_SOURCE_DIR) / "src" / "text" / "testdata";
    for (const char* name : {"byte_bpe.json", "llama_style.json", "unigram.json", "bert_lower.json",
                             "mistral_style.json", "added_tokens.json"}) {
        const std::string file = read_file(folder / name, 1 << 20).value();
        const Tokenizer tokenizer = read_tokenizer({.tokenizer_json = file}).value();
        for (const char letter : {'e', ' ', '\n', '<'}) {
            EXPECT_FALSE(tokenizer.encode(std::string(1 << 20, letter)).size() > (1 << 20) + 1);
        }
    }
}

// The table of sets is made of runs of equal blocks: each character must still be where it belongs.
TEST(SplitPattern, FindsEveryCharacterBySets) {
    const SplitPattern upper = SplitPattern::compile("\\p{Lu}|[^\\p{Lu}\\p{L}\\s]{2}").value();
    for (char32_t c = 0x80; c < 0x110000; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        std::string text;
        append_utf8(text, c);
        const auto match = SplitSearch(text.size()).find(upper, text, 0);
        EXPECT_EQ(match.begin == 0, u_charType(static_cast<UChar32>(c)) == U_UPPERCASE_LETTER)
            << static_cast<std::uint32_t>(c);
    }
}

}  // namespace
}  // namespace cairn::text
