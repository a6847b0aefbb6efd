// SPDX-License-Identifier: Apache-2.0
// The steps of published tokenizer.json files get their names in GGUF, and a tokenizer that is
// built from the name gives the same ids.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/text/tokenizer_json.h"
#include "random_text.h"

namespace cairn::text {
namespace {

using nlohmann::json;

/// Llama 3's expression with its numbers, as published.
std::string llama3(const std::string& numbers) {
    return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + numbers +
           R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

json split(const std::string& expression) {
    return {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}};
}

json byte_level(bool cuts) {
    return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", cuts}};
}

json sequence(json steps) {
    return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

/// A vocabulary of bytes and few words behind the given cuts.
json with_cuts(json cuts) {
    const auto path = std::filesystem::path(CAIRN_SOURCE_DIR) / "src/text/testdata/byte_bpe.json";
    json file = json::parse(read_file(path, 1 << 20).value());
    file["pre_tokenizer"] = std::move(cuts);
    return file;
}

json nfc(json file) {
    file["normalizer"] = {{"type", "NFC"}};
    return file;
}

TokenizerParts parts_of(const json& file, const std::string& config = "") {
    const std::string text = file.dump();
    return read_tokenizer_parts({.tokenizer_json = text, .tokenizer_config = config}).value();
}

void expect_same_ids(const TokenizerParts& parts, const std::string& pre) {
    TokenizerParts named = parts;
    named.rules.reset();
    named.steps_json.clear();
    named.added.clear();
    named.pre = pre;
    const Tokenizer first = Tokenizer::from_parts(parts).value();
    const Tokenizer second = Tokenizer::from_parts(named).value();
    RandomText random(5);
    for (int i = 0; i < 2000; ++i) {
        const std::string text = random.text();
        const auto ids = first.encode(text, {.parse_special = true});
        ASSERT_EQ(ids, second.encode(text, {.parse_special = true})) << pre << ": " << text;
        ASSERT_EQ(first.with_template(ids).ids, second.with_template(ids).ids) << pre;
    }
}

TEST(Names, StepsOfPublishedFilesGetTheirNames) {
    const json digits = {{"type", "Digits"}, {"individual_digits", true}};
    json llama = with_cuts(sequence({split(llama3(R"(\p{N}{1,3})")), byte_level(false)}));
    llama["model"]["ignore_merges"] = true;
    const json deepseek =
        with_cuts(sequence({split(R"(\p{N}{1,3})"), split("[一-龥぀-ゟ゠-ヿ]+"),
                            split(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)"
                                  R"([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
                                  R"(\s*[\r\n]+|\s+(?!\S)|\s+)"),
                            byte_level(false)}));
    const std::pair<const char*, json> files[] = {
        {"gpt-2", with_cuts(byte_level(true))},
        {"mpt", nfc(with_cuts(byte_level(true)))},
        {"starcoder", with_cuts(sequence({digits, byte_level(true)}))},
        {"command-r", nfc(with_cuts(sequence({digits, byte_level(true)})))},
        {"llama-bpe", llama},
        {"dbrx", with_cuts(sequence({split(llama3(R"(\p{N}{1,3})")), byte_level(false)}))},
        {"qwen2", nfc(with_cuts(sequence({split(llama3(R"(\p{N})")), byte_level(false)})))},
        {"stablelm2", with_cuts(sequence({split(llama3(R"(\p{N})")), byte_level(false)}))},
        {"deepseek-v3", deepseek},
    };
    for (const auto& [name, file] : files) {
        for (const char* config : {"", R"({"bos_token": "<|im_start|>", "add_bos_token": true})"}) {
            const TokenizerParts parts = parts_of(file, config);
            const StepsName found = name_steps(parts);
            EXPECT_EQ(found.pre, name);
            EXPECT_TRUE(found.complete) << name;
            expect_same_ids(parts, found.pre);
        }
    }
}

TEST(Names, WhatNoNameSaysIsNotComplete) {
    EXPECT_EQ(name_steps(parts_of(with_cuts({{"type", "Whitespace"}}))).pre, "");
    EXPECT_EQ(name_steps(parts_of(with_cuts(sequence({split("[a-c]+"), byte_level(true)})))).pre,
              "");
    const auto incomplete = [](const json& file, const std::string& config = "") {
        const StepsName found = name_steps(parts_of(file, config));
        EXPECT_EQ(found.pre, "gpt-2");
        EXPECT_FALSE(found.complete);
    };
    json flags = with_cuts(byte_level(true));
    flags["added_tokens"][0]["lstrip"] = true;
    incomplete(flags);
    json lower = with_cuts(byte_level(true));
    lower["normalizer"] = {{"type", "Lowercase"}};
    incomplete(lower);
    json unknown = with_cuts(byte_level(true));
    unknown["model"]["unk_token"] = "<|endoftext|>";
    EXPECT_TRUE(name_steps(parts_of(unknown)).complete);
    unknown["model"]["vocab"]["no such byte"] = unknown["model"]["vocab"]["\u0106"];
    unknown["model"]["vocab"].erase("\u0106");
    incomplete(unknown);
    json dressed = with_cuts(byte_level(true));
    dressed["post_processor"] = {
        {"type", "RobertaProcessing"}, {"cls", {"<|im_start|>", 1}}, {"sep", {"<|im_end|>", 2}}};
    incomplete(dressed);
}

}  // namespace
}  // namespace cairn::text
