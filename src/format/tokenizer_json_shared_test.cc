// SPDX-License-Identifier: Apache-2.0
// Real tokenizer.json files against the ids that their own library gives. Needs ../shared.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/text/tokenizer_json.h"
#include "random_text.h"

namespace cairn::format {
namespace {

using text::TokenId;

std::filesystem::path folder() {
    const char* named = std::getenv("CAIRN_SHARED");
    const auto shared =
        named != nullptr ? named : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
    return shared / "testdata" / "tokenizers" / "hf";
}

text::Tokenizer load(const std::string& name) {
    const std::string packed =
        read_file(folder() / (name + ".tokenizer.json.zst"), 64 << 20).value();
    std::string json(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
    EXPECT_EQ(ZSTD_decompress(json.data(), json.size(), packed.data(), packed.size()), json.size());
    auto tokenizer = text::read_tokenizer({.tokenizer_json = json});
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return tokenizer.value();
}

class SharedJson : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(folder())) {
            GTEST_SKIP() << "SKIPPED: " << folder() << " is absent";
        }
    }
};

nlohmann::json entries(const std::string& name) {
    const std::string file = read_file(folder() / (name + ".encodings.json"), 1 << 20).value();
    return nlohmann::json::parse(file)["entries"];
}

TEST_F(SharedJson, MistralGivesTheIdsOfItsOwnLibrary) {
    const text::Tokenizer tokenizer = load("spm-bpe.mistral-7b-v0.3");
    for (const auto& entry : entries("spm-bpe.mistral-7b-v0.3")) {
        const std::string text = entry["text"];
        const auto ids = tokenizer.encode(text, {.parse_special = true});
        EXPECT_EQ(ids, entry["ids"].get<std::vector<TokenId>>()) << text;
        EXPECT_EQ(tokenizer.with_template(ids).ids,
                  entry["ids_special"].get<std::vector<TokenId>>())
            << text;
        EXPECT_EQ(tokenizer.decode(ids, false), entry["decode"].get<std::string>());
    }
}

TEST_F(SharedJson, T5GivesTheIdsOfItsOwnLibrary) {
    const text::Tokenizer tokenizer = load("unigram.t5-small");
    const auto entry = entries("unigram.t5-small").at(0);
    auto expected = entry["ids_special"].get<std::vector<TokenId>>();
    // The stored ids are SentencePiece's; tokenizer.json's WhitespaceSplit drops the lone space
    // before <extra_id_0>, as the library `tokenizers` confirms.
    ASSERT_EQ(expected[1], 3);
    expected.erase(expected.begin() + 1);
    const auto ids = tokenizer.encode(entry["text"].get<std::string>(), {.parse_special = true});
    EXPECT_EQ(tokenizer.with_template(ids).ids, expected);
}

/// A conversion names the cuts, as other programs expect them, or else keeps all steps.
TEST_F(SharedJson, ConversionsNameTheirCuts) {
    const std::pair<const char*, const char*> cases[] = {{"gpt2-bpe.phi-2", "gpt-2"},
                                                         {"spm-bpe.mistral-7b-v0.3", ""}};
    for (const auto& [name, pre] : cases) {
        const text::Tokenizer tokenizer = load(name);
        GgufWriter writer;
        writer.set("general.architecture", std::string("llama"));
        write_tokenizer(writer, tokenizer);
        const std::string bytes = writer.to_bytes();
        const auto file = GgufFile::parse(std::as_bytes(std::span(bytes))).value();
        EXPECT_EQ(file.get_string_or("tokenizer.ggml.pre", "").value(), pre);
        EXPECT_EQ(file.has("tokenizer.cairn.steps"), std::string(pre).empty());
        const auto read = tokenizer_from_gguf(file);
        ASSERT_TRUE(read) << read.error().to_string();
        text::RandomText random(3);
        for (int i = 0; i < 2000; ++i) {
            const std::string text = random.text();
            ASSERT_EQ(tokenizer.encode(text, {.parse_special = true}),
                      read->encode(text, {.parse_special = true}))
                << name << ": " << text;
        }
    }
}

/// 100,000 random strings each; see text/tokenizer_golden_test.cc.
TEST_F(SharedJson, RandomStringsGiveTheIdsOfTheReference) {
    const auto file = std::filesystem::path(CAIRN_SOURCE_DIR) / "src/text/testdata/digests.json";
    const auto golden = nlohmann::json::parse(read_file(file, 1 << 20).value());
    int tokenizers = 0;
    for (const auto& [name, digests] : golden["digests"].items()) {
        if (!name.starts_with("shared:")) continue;
        const text::Tokenizer tokenizer = load(name.substr(7));
        text::RandomText random(golden["seed"].get<std::uint64_t>());
        std::size_t wrong = 0;
        for (const auto& expected : digests) {
            text::IdDigest digest;
            for (int i = 0; i < golden["batch"].get<int>(); ++i) {
                digest.add(tokenizer.encode(random.text(), {.parse_special = true}));
            }
            wrong += fmt::format("{:016x}", digest.value()) != expected.get<std::string>();
        }
        EXPECT_EQ(wrong, 0U) << name << ": batches of " << digests.size();
        ++tokenizers;
    }
    EXPECT_EQ(tokenizers, 4);
}

TEST_F(SharedJson, PairsAreDressedForCrossEncoders) {
    const text::Tokenizer tokenizer = load("wordpiece.all-minilm-l6-v2");
    const auto encoding =
        tokenizer.with_template(tokenizer.encode("How big?"), tokenizer.encode("Very big"));
    // [CLS] how big ? [SEP] very big [SEP], as BertTokenizer gives it.
    EXPECT_EQ(encoding.ids, (std::vector<TokenId>{101, 2129, 2502, 1029, 102, 2200, 2502, 102}));
    EXPECT_EQ(encoding.types, (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 1, 1, 1}));
}

}  // namespace
}  // namespace cairn::format
