// SPDX-License-Identifier: Apache-2.0
// From a byte offset of a document to its page and section.
#include "cairn/text/document.h"

#include <algorithm>

namespace cairn::text {

int page_of(const Document& document, std::int64_t offset) {
    const auto& starts = document.page_starts;
    const auto after = std::upper_bound(starts.begin(), starts.end(), offset);
    if (starts.empty()) return 0;
    return std::max(1, static_cast<int>(after - starts.begin()));
}

const Section* section_of(const Document& document, std::int64_t offset) {
    const auto& sections = document.sections;
    auto after = std::upper_bound(
        sections.begin(), sections.end(), offset,
        [](std::int64_t value, const Section& section) { return value < section.span.begin; });
    while (after != sections.begin()) {
        --after;
        if (offset < after->span.end) return &*after;
    }
    return nullptr;
}

}  // namespace cairn::text
