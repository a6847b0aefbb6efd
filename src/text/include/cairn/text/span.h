// SPDX-License-Identifier: Apache-2.0
// A place in a text: half-open byte range, kept from the source file to the citation.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::text {

struct Span {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool operator==(const Span&) const = default;
    std::int64_t size() const { return end - begin; }
    /// The spanned bytes; the span must lie inside the text.
    std::string_view of(std::string_view text) const {
        return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    }
};

}  // namespace cairn::text
