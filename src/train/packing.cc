// SPDX-License-Identifier: Apache-2.0
// Labels are shifted here once, so that the graph compares position with position.
#include "cairn/train/packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace cairn::train {

Result<Segment> to_segment(const text::RenderedChat& chat, int context) {
    CAIRN_ASSERT(chat.ids.size() == chat.trainable.size());
    const std::size_t count = chat.ids.size();
    if (count > static_cast<std::size_t>(context)) {
        return make_error(Code::kTooLarge,
                          fmt::format("expected at most {} tokens, found {}", context, count),
                          "shorten the example or take a model with a longer context");
    }
    Segment segment;
    segment.tokens.assign(chat.ids.begin(), chat.ids.end());
    segment.labels.assign(count, kNoLabel);
    bool any = false;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        if (chat.trainable[i + 1] == 0) continue;
        segment.labels[i] = chat.ids[i + 1];
        any = true;
    }
    if (!any) {
        return make_error(Code::kInvalid, "expected a token of the assistant, found none",
                          "an example needs an assistant's message behind a user's");
    }
    return segment;
}

std::vector<std::vector<std::int32_t>> pack_best_fit(std::span<const std::int64_t> lengths,
                                                     std::int64_t capacity) {
    std::vector<std::int32_t> order(lengths.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return lengths[static_cast<std::size_t>(a)] > lengths[static_cast<std::size_t>(b)];
    });
    std::vector<std::vector<std::int32_t>> rows;
    std::set<std::pair<std::int64_t, std::size_t>> space;  // left over in a row, row
    for (const std::int32_t item : order) {
        const std::int64_t length = lengths[static_cast<std::size_t>(item)];
        auto fit = space.lower_bound({length, 0});
        std::int64_t left = capacity - length;
        std::size_t row = rows.size();
        if (fit != space.end()) {
            left = fit->first - length;
            row = fit->second;
            space.erase(fit);
        } else {
            rows.emplace_back();
        }
        rows[row].push_back(item);
        if (left > 0) space.insert({left, row});
    }
    return rows;
}

}  // namespace cairn::train
