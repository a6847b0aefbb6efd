// SPDX-License-Identifier: Apache-2.0
// Recall on 1,500 synthetic sentences of microsoft/presidio-research (MIT), read only.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/data/personal_data.h"
#include "cairn/format/lines.h"
#include "cairn/text/json.h"
#include "cairn/text/utf8.h"

namespace cairn::data {
namespace {

using Counts = std::map<std::string, std::pair<int, int>>;  // kind -> found, all

const std::map<std::string, std::string> kKinds = {{"EMAIL_ADDRESS", "EMAIL"},
                                                   {"PHONE_NUMBER", "PHONE"},
                                                   {"CREDIT_CARD", "CARD"},
                                                   {"IBAN_CODE", "IBAN"},
                                                   {"IP_ADDRESS", "IP"}};

/// Adds one sentence to the counts; returns hits where nothing is marked.
int score(const nlohmann::json& item, Counts& recall) {
    std::string text = item["full_text"];
    auto hits = find_personal_data(text);
    std::vector<bool> used(hits.size(), false);
    for (const auto& span : item["spans"]) {
        auto kind = kKinds.find(span["entity_type"]);
        auto begin = static_cast<std::int64_t>(
            text::byte_offset(text, span["start_position"].get<std::size_t>()));
        bool found = false;
        for (std::size_t i = 0; i < hits.size(); ++i) {
            bool overlaps = hits[i].span.begin < begin + 4 && hits[i].span.end > begin;
            used[i] = used[i] || overlaps;
            found = found || (overlaps && kind != kKinds.end() && hits[i].kind == kind->second);
        }
        if (kind != kKinds.end()) {
            ++recall[kind->second].second;
            recall[kind->second].first += found ? 1 : 0;
        }
    }
    return static_cast<int>(std::count(used.begin(), used.end(), false));
}

TEST(PersonalDataShared, RecallOnPresidioSentences) {
    const char* given = std::getenv("CAIRN_SHARED");
    std::filesystem::path shared =
        given != nullptr ? given : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
    auto file = shared / "testdata/presidio-research/synth_dataset_v2.json.zst";
    if (!std::filesystem::exists(file)) {
        GTEST_SKIP() << "needs " << file;
    }
    auto reader = format::LineReader::open(file, 64 * limits::kMiB);
    ASSERT_TRUE(reader) << reader.error().to_string();
    std::string json;
    std::string line;
    while (reader->next(line).value()) {
        json += line + "\n";
    }
    auto items = text::parse_json(json);
    ASSERT_TRUE(items) << items.error().to_string();
    Counts recall;
    int wrong = 0;
    for (const auto& item : *items) {
        wrong += score(item, recall);
    }
    for (const auto& [kind, counts] : recall) {
        std::cout << kind << " recall " << counts.first << "/" << counts.second << "\n";
    }
    std::cout << "hits where nothing is marked: " << wrong << "\n";
    auto at_least = [&recall](const char* kind, int percent) {
        return recall[kind].first * 100 >= recall[kind].second * percent;
    };
    EXPECT_TRUE(at_least("EMAIL", 98));
    EXPECT_TRUE(at_least("IBAN", 90));
    EXPECT_TRUE(at_least("CARD", 85));
    EXPECT_TRUE(at_least("IP", 90));
    EXPECT_TRUE(at_least("PHONE", 60));
    EXPECT_LE(wrong, 5);
}

}  // namespace
}  // namespace cairn::data
