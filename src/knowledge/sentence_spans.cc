// SPDX-License-Identifier: Apache-2.0
// See sentence_spans.h.
#include "sentence_spans.h"

#include <charconv>

namespace cairn::knowledge {

std::string write_spans(std::span<const text::Span> spans) {
    std::string out;
    for (const text::Span& span : spans) {
        out += std::to_string(span.begin) + ' ' + std::to_string(span.end) + ' ';
    }
    return out;
}

std::vector<text::Span> read_spans(std::string_view written) {
    std::vector<std::int64_t> numbers;
    const char* at = written.data();
    const char* end = at + written.size();
    while (at < end) {
        std::int64_t number = 0;
        const auto parsed = std::from_chars(at, end, number);
        if (parsed.ec != std::errc()) {
            break;
        }
        numbers.push_back(number);
        at = parsed.ptr + 1;
    }
    std::vector<text::Span> spans;
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
        spans.push_back({numbers[i], numbers[i + 1]});
    }
    return spans;
}

}  // namespace cairn::knowledge
