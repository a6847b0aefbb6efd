// SPDX-License-Identifier: Apache-2.0
// UTF-8 decoding by the table of well-formed sequences (Unicode 15, table 3-7).
#include "cairn/text/utf8.h"

#include <algorithm>
#include <cstdint>

namespace cairn::text {
namespace {

/// What a lead byte asks for: number of continuation bytes and the range of the first of them.
struct Lead {
    int continuations = -1;  ///< -1: not a lead byte
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
};

Lead lead_of(std::uint8_t byte) {
    if (byte < 0x80) return {0};
    if (byte < 0xC2) return {};
    if (byte < 0xE0) return {1};
    if (byte == 0xE0) return {2, 0xA0, 0xBF};
    if (byte == 0xED) return {2, 0x80, 0x9F};  // no surrogates
    if (byte < 0xF0) return {2};
    if (byte == 0xF0) return {3, 0x90, 0xBF};
    if (byte < 0xF4) return {3};
    if (byte == 0xF4) return {3, 0x80, 0x8F};  // up to U+10FFFF
    return {};
}

}  // namespace

CodePoint code_point_at(std::string_view text, std::size_t offset) {
    if (offset >= text.size()) return {};
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[offset + i]); };
    const Lead lead = lead_of(byte(0));
    if (lead.continuations == 0) return {byte(0), 1, true};
    if (lead.continuations < 0) return {kReplacement, 1, false};
    const auto continuations = static_cast<std::size_t>(lead.continuations);
    char32_t value = byte(0) & (0x3FU >> lead.continuations);
    for (std::size_t i = 1; i <= continuations; ++i) {
        const std::uint8_t low = i == 1 ? lead.low : 0x80;
        const std::uint8_t high = i == 1 ? lead.high : 0xBF;
        if (offset + i >= text.size() || byte(i) < low || byte(i) > high) {
            return {kReplacement, i, false};
        }
        value = (value << 6) | (byte(i) & 0x3FU);
    }
    return {value, continuations + 1, true};
}

void append_utf8(std::string& out, char32_t code_point) {
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
        code_point = kReplacement;
    }
    const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
    const auto put_rest = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xC0 | (code_point >> 6));
        put_rest(0);
    } else if (code_point < 0x10000) {
        put(0xE0 | (code_point >> 12));
        put_rest(6);
        put_rest(0);
    } else {
        put(0xF0 | (code_point >> 18));
        put_rest(12);
        put_rest(6);
        put_rest(0);
    }
}

bool is_valid_utf8(std::string_view text) {
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        if (!point.valid) return false;
        offset += point.bytes;
    }
    return true;
}

RepairedText repair_utf8(std::string_view text) {
    RepairedText repaired;
    repaired.text.reserve(text.size());
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        if (point.valid) {
            repaired.text.append(text, offset, point.bytes);
        } else {
            append_utf8(repaired.text, kReplacement);
            ++repaired.replaced;
        }
        offset += point.bytes;
    }
    return repaired;
}

std::size_t complete_utf8_prefix(std::string_view text) {
    const std::size_t back_max = std::min<std::size_t>(3, text.size());
    for (std::size_t back = 1; back <= back_max; ++back) {
        const std::size_t offset = text.size() - back;
        const Lead lead = lead_of(static_cast<std::uint8_t>(text[offset]));
        if (lead.continuations < 0) continue;
        const CodePoint point = code_point_at(text, offset);
        const bool cut = !point.valid && offset + point.bytes == text.size();
        return cut ? offset : text.size();
    }
    return text.size();
}

std::size_t count_code_points(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t offset = 0; offset < text.size(); ++count) {
        offset += code_point_at(text, offset).bytes;
    }
    return count;
}

std::size_t byte_offset(std::string_view text, std::size_t code_points) {
    std::size_t offset = 0;
    while (code_points > 0 && offset < text.size()) {
        offset += code_point_at(text, offset).bytes;
        --code_points;
    }
    return offset;
}

}  // namespace cairn::text
