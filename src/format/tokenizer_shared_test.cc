// SPDX-License-Identifier: Apache-2.0
// Real vocabularies against the ids that llama.cpp's tests expect, and the stories260K files. Needs
// ../shared.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/format/llama2c.h"
#include "cairn/format/tokenizer_gguf.h"
#include "random_text.h"

namespace cairn::format {
namespace {

std::filesystem::path shared_folder() {
    const char* named = std::getenv("CAIRN_SHARED");
    return named != nullptr ? named : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
}

std::string unpack_zstd(const std::string& packed) {
    std::string out(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
    EXPECT_EQ(ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size()), out.size());
    return out;
}

std::vector<std::string> split(std::string_view text, std::string_view border) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(border, begin), text.size());
        parts.emplace_back(text.substr(begin, end - begin));
        begin = end + border.size();
    }
    return parts;
}

std::vector<text::TokenId> numbers(std::string_view line) {
    std::vector<text::TokenId> ids;
    for (const std::string& word : split(line, " ")) {
        text::TokenId id = 0;
        if (std::from_chars(word.data(), word.data() + word.size(), id).ec == std::errc())
            ids.push_back(id);
    }
    return ids;
}

/// `expected` has one line of ids a text of `texts`.
void expect_ids(const text::Tokenizer& tokenizer, const std::string& inputs,
                const std::string& expected) {
    const auto texts = split(inputs, "\n__ggml_vocab_test__\n");
    const auto lines = split(expected, "\n");
    ASSERT_GT(texts.size(), 40U);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(tokenizer.encode(texts[i]), numbers(lines[i]))
            << "text " << i << ": " << texts[i];
        if (tokenizer.parts().kind == "bert") continue;  // lower case, one space between words
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(texts[i])), texts[i]);
    }
}

class RealVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(RealVocabulary, GivesTheExpectedIds) {
    const auto folder = shared_folder() / "testdata" / "tokenizers" / "gguf";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "SKIPPED: " << folder << " is absent";
    const std::string stem = std::string("ggml-vocab-") + GetParam() + ".gguf";
    const auto read = [&](const std::string& end) {
        return read_file(folder / (stem + end), 64 << 20).value();
    };
    const std::string model = unpack_zstd(read(".zst"));
    const GgufFile file = GgufFile::parse(std::as_bytes(std::span(model))).value();
    const auto tokenizer = tokenizer_from_gguf(file);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    expect_ids(*tokenizer, read(".inp"), read(".out"));
}

INSTANTIATE_TEST_SUITE_P(Shared, RealVocabulary,
                         testing::Values("gpt-2", "llama-spm", "phi-3", "mpt", "refact",
                                         "starcoder", "deepseek-coder", "falcon", "bert-bge"));

/// Vocabularies that may not travel with ../shared: tools/golden/make_tokenizer_golden.py says
/// where they come from. The expected ids, and 100,000 random strings each.
class PublishedVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(PublishedVocabulary, GivesTheIdsOfTheReference) {
    const char* folder = std::getenv("CAIRN_VOCABULARIES");
    if (folder == nullptr) {
        GTEST_SKIP() << "SKIPPED: CAIRN_VOCABULARIES does not name a folder of ggml-vocab-*.gguf";
    }
    const auto path =
        std::filesystem::path(folder) / (std::string("ggml-vocab-") + GetParam() + ".gguf");
    const auto file = GgufFile::open(path);
    ASSERT_TRUE(file) << file.error().to_string();
    const auto tokenizer = tokenizer_from_gguf(*file);
    ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
    const auto beside = [&](const std::string& end) {
        return read_file(path.string() + end, 1 << 20).value();
    };
    expect_ids(*tokenizer, beside(".inp"), beside(".out"));
    const auto digests = std::filesystem::path(CAIRN_SOURCE_DIR) / "src/text/testdata/digests.json";
    const auto golden = nlohmann::json::parse(read_file(digests, 1 << 20).value());
    text::RandomText random(golden["seed"].get<std::uint64_t>());
    const auto& expected = golden["digests"].at(std::string("vocabulary:") + GetParam());
    EXPECT_EQ(expected.size(), 100U);
    for (std::size_t batch = 0; batch < expected.size(); ++batch) {
        text::IdDigest digest;
        for (int i = 0; i < golden["batch"].get<int>(); ++i)
            digest.add(tokenizer->encode(random.text(), {.parse_special = true}));
        ASSERT_EQ(fmt::format("{:016x}", digest.value()), expected[batch].get<std::string>())
            << "in the thousand strings " << batch;
    }
}

INSTANTIATE_TEST_SUITE_P(Peer, PublishedVocabulary,
                         testing::Values("llama-bpe", "qwen2", "command-r", "deepseek-llm"));

TEST(Stories260K, ConvertsAndReadsItsOwnText) {
    const auto folder = shared_folder() / "testdata" / "stories260K";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "SKIPPED: " << folder << " is absent";
    ScopedFolder output("stories");
    const auto path = output.path() / "stories260K.gguf";
    const Status status = convert_llama2c(folder / "stories260K.bin", folder / "tok512.bin", path);
    ASSERT_TRUE(status) << status.error().message;
    const GgufFile file = GgufFile::open(path).value();
    EXPECT_EQ(file.get_u32("llama.block_count").value(), 5U);
    EXPECT_EQ(file.get_u32("llama.embedding_length").value(), 64U);
    EXPECT_EQ(file.tensors().size(), 2U + 5 * 9);
    const text::Tokenizer tokenizer = tokenizer_from_gguf(file).value();
    EXPECT_EQ(tokenizer.vocabulary_size(), 512);
    const std::string story = read_file(folder / "expected-greedy-200steps.txt", 1 << 20).value();
    const auto ids = tokenizer.encode(story, {.add_bos = true});
    EXPECT_EQ(ids.front(), tokenizer.bos());
    EXPECT_LT(ids.size(), 230U);  // 200 steps made it
    EXPECT_EQ(tokenizer.decode(ids), story);
}

}  // namespace
}  // namespace cairn::format
