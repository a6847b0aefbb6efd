// SPDX-License-Identifier: Apache-2.0
// Offsets between a text and its edited form.
#include "text_edits.h"

#include <algorithm>

namespace cairn::data {

EditedText apply_edits(std::string_view text, const std::vector<Edit>& edits) {
    EditedText edited;
    edited.text.reserve(text.size());
    std::int64_t at = 0;
    for (const Edit& edit : edits) {
        edited.text += text::Span{at, edit.span.begin}.of(text);
        auto begin = static_cast<std::int64_t>(edited.text.size());
        edited.text += edit.after;
        edited.map.steps.push_back(
            {{begin, static_cast<std::int64_t>(edited.text.size())}, edit.span});
        at = edit.span.end;
    }
    edited.text += text.substr(static_cast<std::size_t>(at));
    return edited;
}

text::Span OffsetMap::to_original(text::Span clean) const {
    // A place inside a replacement stands for all of it.
    auto map = [this](std::int64_t at, bool is_end) {
        auto after = std::partition_point(steps.begin(), steps.end(), [&](const Step& step) {
            return is_end ? step.clean.end < at : step.clean.end <= at;
        });
        if (after != steps.end() && after->clean.begin < at && at < after->clean.end) {
            return is_end ? after->original.end : after->original.begin;
        }
        if (is_end && after != steps.end() && after->clean.end == at && after->clean.size() > 0) {
            return after->original.end;
        }
        if (after == steps.begin()) {
            return at;
        }
        const Step& before = *std::prev(after);
        return at - before.clean.end + before.original.end;
    };
    text::Span original{map(clean.begin, false), map(clean.end, true)};
    original.end = std::max(original.begin, original.end);
    return original;
}

std::int64_t OffsetMap::to_clean(std::int64_t original) const {
    auto after = std::partition_point(steps.begin(), steps.end(), [&](const Step& step) {
        return step.original.end <= original;
    });
    if (after != steps.end() && after->original.begin <= original) {
        return after->clean.begin;
    }
    if (after == steps.begin()) {
        return original;
    }
    const Step& before = *std::prev(after);
    return original - before.original.end + before.clean.end;
}

}  // namespace cairn::data
