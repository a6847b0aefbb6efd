// SPDX-License-Identifier: Apache-2.0
// Labels of chats, and rows that hold every example once.
#include "cairn/train/packing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cairn::train {
namespace {

TEST(Segment, LabelsAreTheNextTrainableTokens) {
    text::RenderedChat chat;
    chat.ids = {1, 10, 11, 12, 2, 13};
    chat.trainable = {0, 0, 0, 1, 1, 0};
    const auto segment = to_segment(chat, 6);
    ASSERT_TRUE(segment);
    EXPECT_EQ(segment->labels,
              (std::vector<std::int32_t>{kNoLabel, kNoLabel, 12, 2, kNoLabel, kNoLabel}));
}

TEST(Segment, RefusesNothingToLearnAndTooMuchText) {
    text::RenderedChat chat;
    chat.ids = {1, 10, 11};
    chat.trainable = {0, 0, 0};
    EXPECT_EQ(to_segment(chat, 6).error().code, Code::kInvalid);
    EXPECT_EQ(to_segment(chat, 2).error().code, Code::kTooLarge);
    EXPECT_NE(to_segment(chat, 2).error().message.find("2"), std::string::npos);
}

TEST(Packing, FillsRowsAndKeepsEveryItemOnce) {
    const std::vector<std::int64_t> lengths = {6, 3, 7, 1, 4, 10, 2};
    const auto rows = pack_best_fit(lengths, 10);
    std::vector<std::int32_t> seen;
    for (const auto& row : rows) {
        std::int64_t sum = 0;
        for (std::int32_t item : row) {
            sum += lengths[static_cast<std::size_t>(item)];
            seen.push_back(item);
        }
        EXPECT_LE(sum, 10);
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(rows.size(), 4U);  // 33 tokens do not fit into three rows
    EXPECT_EQ(rows[0], (std::vector<std::int32_t>{5}));
}

}  // namespace
}  // namespace cairn::train
