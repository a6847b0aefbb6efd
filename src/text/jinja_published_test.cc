// SPDX-License-Identifier: Apache-2.0
// Published chat templates (../shared/testdata/jinja) times the conversations of testdata/jinja:
// the same text as jinja2's, by digest, and an error where jinja2 has one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cairn/base/hash.h"
#include "cairn/text/jinja.h"

namespace cairn::text {
namespace {

constexpr std::int64_t kNow = 1795442709;  // 2026-11-23 14:05:09 UTC, as in make_jinja_golden.py

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::filesystem::path shared_folder() {
    const char* shared = std::getenv("CAIRN_SHARED");
    return std::filesystem::path(shared != nullptr ? shared : CAIRN_SOURCE_DIR "/../shared") /
           "testdata/jinja";
}

TEST(PublishedTemplates, RenderAsJinja2) {
    const std::filesystem::path folder = shared_folder();
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs " << folder;
    const std::filesystem::path golden = CAIRN_SOURCE_DIR "/src/text/testdata/jinja";
    const auto conversations = nlohmann::ordered_json::parse(read(golden / "conversations.json"));
    const auto digests = nlohmann::ordered_json::parse(read(golden / "digests.json"));
    ASSERT_GE(digests.size(), 40U);
    const char* dump = std::getenv("CAIRN_DUMP_JINJA");
    int same = 0;
    for (const auto& [name, words] : digests.items()) {
        const auto compiled = JinjaTemplate::compile(read(folder / name));
        ASSERT_TRUE(compiled) << name << ": " << compiled.error().to_string();
        std::istringstream row(words.get<std::string>());
        for (const auto& conversation : conversations) {
            const auto label = name + " x " + conversation["name"].get<std::string>();
            const auto output =
                compiled->render({.user_json = conversation["context"].dump(),
                                  .trusted_json = R"({"bos_token": "<BOS>", "eos_token": "<EOS>"})",
                                  .now_s = kNow});
            std::string expected;
            row >> expected;
            const std::string found =
                output ? sha256_hex(output->text).substr(0, 16) : std::string("error");
            EXPECT_EQ(found, expected)
                << label << ": "
                << (output ? output->text.substr(0, 2000) : output.error().to_string());
            same += found == expected ? 1 : 0;
            if (dump != nullptr && found != expected && output) {
                std::ofstream(std::filesystem::path(dump) / label) << output->text;
            }
        }
    }
    RecordProperty("same", same);
}

}  // namespace
}  // namespace cairn::text
