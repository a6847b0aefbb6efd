// SPDX-License-Identifier: Apache-2.0
// 100,000 random strings a tokenizer against the ids of `tokenizers`, `sentencepiece` and
// `tiktoken` (tools/golden/make_tokenizer_golden.py): equal digests of each 1,000 strings.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cairn/base/files.h"
#include "cairn/text/tokenizer_json.h"
#include "random_text.h"

namespace cairn::text {
namespace {

std::filesystem::path testdata() {
    return std::filesystem::path(CAIRN_SOURCE_DIR) / "src" / "text" / "testdata";
}

std::string read(const std::string& name) {
    return read_file(testdata() / name, 16 << 20).value();
}

const nlohmann::json& golden() {
    static const nlohmann::json file = nlohmann::json::parse(read("digests.json"));
    return file;
}

/// The vocabulary of byte_bpe.json as a GGUF file would hold it, with another way to cut.
TokenizerParts gguf_parts(const std::string& pre) {
    const std::string json = read("byte_bpe.json");
    TokenizerParts parts = read_tokenizer_parts({.tokenizer_json = json}).value();
    parts.rules.reset();
    parts.pre = pre;
    return parts;
}

TokenizerParts parts_of(const std::string& name) {
    if (name.starts_with("pre:")) return gguf_parts(name.substr(4));
    const std::string bytes = read(name.find('.') == std::string::npos ? name + ".json" : name);
    TokenizerFiles files;
    if (name.ends_with(".model")) {
        files.sentence_piece = bytes;
    } else if (name.ends_with(".tiktoken")) {
        files.tiktoken = bytes;
    } else {
        files.tokenizer_json = bytes;
    }
    auto parts = read_tokenizer_parts(files);
    EXPECT_TRUE(parts) << parts.error().message;
    return parts.value();
}

/// Strings with two equally good ways to cut: SentencePiece decides by the rounding of sums over
/// the text before, we word by word.
std::set<std::size_t> ties_of(const std::string& name) {
    std::set<std::size_t> ties;
    if (!golden()["ties"].contains(name)) return ties;
    std::istringstream numbers(golden()["ties"][name].get<std::string>());
    for (std::size_t number = 0; numbers >> number;) {
        ties.insert(number);
    }
    EXPECT_LT(ties.size(), 5000U);  // of 100,000
    return ties;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, GivesTheIdsOfTheReference) {
    auto tokenizer = Tokenizer::from_parts(parts_of(GetParam()));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    // SentencePiece and tiktoken see no special tokens in text; tokenizer.json's library does.
    const EncodeOptions options{.parse_special = GetParam().find('.') == std::string::npos};
    RandomText random(golden()["seed"].get<std::uint64_t>());
    const int count = golden()["batch"];
    // To find the first string that differs: write all ids, one text a line, and compare.
    const char* dump = std::getenv("CAIRN_DUMP_IDS");
    std::ofstream out(dump == nullptr ? "/dev/null" : dump);
    std::size_t batch = 0;
    const std::set<std::size_t> ties = ties_of(GetParam());
    std::size_t number = 0;
    for (const auto& expected : golden()["digests"][GetParam()]) {
        IdDigest digest;
        for (int i = 0; i < count; ++i) {
            auto ids = tokenizer->encode(random.text(), options);
            if (ties.contains(number++)) ids.clear();
            digest.add(ids);
            if (dump != nullptr) out << fmt::format("{}\n", fmt::join(ids, " "));
        }
        EXPECT_EQ(fmt::format("{:016x}", digest.value()), expected.get<std::string>())
            << "in the strings from " << batch * static_cast<std::size_t>(count);
        if (HasFailure() && dump == nullptr) return;
        ++batch;
    }
    EXPECT_GE(batch, 20U);
}

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& [name, digests] : golden()["digests"].items()) {
        const bool elsewhere = name.starts_with("shared:") || name.starts_with("vocabulary:");
        if (!elsewhere) all.push_back(name);
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Tiny, Golden, testing::ValuesIn(names()), [](const auto& info) {
    std::string name = info.param;
    for (char& c : name) {
        if (c == ':' || c == '.' || c == '-') c = '_';
    }
    return name;
});

}  // namespace
}  // namespace cairn::text
