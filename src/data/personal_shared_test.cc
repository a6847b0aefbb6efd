// SPDX-License-Identifier: Apache-2.0
// Recall on 1,500 synthetic sentences of microsoft/presidio-research (MIT), read only.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "cairn/data/personal_data.h"
#include "cairn/format/lines.h"
#include "cairn/text/json.h"
#include "cairn/text/utf8.h"
#include "person_names.h"

namespace cairn::data {
namespace {

constexpr int kNameRecallPercent = 17;
constexpr int kNamePrecisionPercent = 88;

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

/// nullopt when the data are not beside the repository.
std::optional<nlohmann::json> presidio() {
    const char* given = std::getenv("CAIRN_SHARED");
    std::filesystem::path shared =
        given != nullptr ? given : std::filesystem::path(CAIRN_SOURCE_DIR) / ".." / "shared";
    auto file = shared / "testdata/presidio-research/synth_dataset_v2.json.zst";
    if (!std::filesystem::exists(file)) {
        return std::nullopt;
    }
    auto reader = format::LineReader::open(file, 64 * limits::kMiB);
    EXPECT_TRUE(reader) << reader.error().to_string();
    std::string json;
    std::string line;
    while (reader->next(line).value()) {
        json += line + "\n";
    }
    auto items = text::parse_json(json);
    EXPECT_TRUE(items) << items.error().to_string();
    return items ? std::optional(std::move(*items)) : std::nullopt;
}

struct NameScore {
    int marked = 0;
    int found = 0;  ///< of the marked ones
    int hits = 0;
    int right = 0;  ///< of the hits
};

/// Overlap counts as found, as masking any part of a name does most of the harm's undoing.
NameScore score_names(const PersonNames& names, const nlohmann::json& items, std::size_t half) {
    NameScore score;
    for (std::size_t i = half; i < items.size(); i += 2) {
        const std::string text = items[i]["full_text"];
        const auto hits = names.find(text);
        std::vector<bool> right(hits.size(), false);
        for (const auto& span : items[i]["spans"]) {
            if (span["entity_type"] != "PERSON") continue;
            const auto begin = static_cast<std::int64_t>(
                text::byte_offset(text, span["start_position"].get<std::size_t>()));
            const auto end = static_cast<std::int64_t>(
                text::byte_offset(text, span["end_position"].get<std::size_t>()));
            bool found = false;
            for (std::size_t h = 0; h < hits.size(); ++h) {
                if (hits[h].span.begin < end && hits[h].span.end > begin) {
                    found = right[h] = true;
                }
            }
            ++score.marked;
            score.found += found ? 1 : 0;
        }
        score.hits += static_cast<int>(hits.size());
        score.right += static_cast<int>(std::count(right.begin(), right.end(), true));
    }
    return score;
}

/// Single sentences are the hardest case: nothing else in the source announces a name. The rules
/// may be looked at on the even half; the odd half is for reporting.
TEST(PersonalDataShared, NamesOnPresidioSentences) {
    const auto items = presidio();
    if (!items) {
        GTEST_SKIP() << "needs testdata/presidio-research; set CAIRN_SHARED";
    }
    for (const std::size_t half : {0U, 1U}) {
        std::vector<std::string> texts;
        for (std::size_t i = half; i < items->size(); i += 2) {
            texts.push_back((*items)[i]["full_text"]);
        }
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        const NameScore score = score_names(PersonNames(views), *items, half);
        std::cout << (half == 0 ? "even half: " : "odd half: ") << "names recall " << score.found
                  << "/" << score.marked << ", precision " << score.right << "/" << score.hits
                  << "\n";
        EXPECT_GE(score.found * 100, score.marked * kNameRecallPercent);
        EXPECT_GE(score.right * 100, score.hits * kNamePrecisionPercent);
    }
}

TEST(PersonalDataShared, RecallOnPresidioSentences) {
    const auto items = presidio();
    if (!items) {
        GTEST_SKIP() << "needs testdata/presidio-research; set CAIRN_SHARED";
    }
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
