// SPDX-License-Identifier: Apache-2.0
// UTF-8 as bytes: validity, repair, iteration by code point, offsets. Everything inside Cairn is
// UTF-8 with byte offsets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn::text {

inline constexpr char32_t kReplacement = 0xFFFD;

struct CodePoint {
    char32_t value = 0;     ///< kReplacement when the bytes are not valid
    std::size_t bytes = 0;  ///< 0 only at the end of the text
    bool valid = false;
};

/// The code point at `offset`. Invalid bytes come as one replacement per maximal ill-formed part
/// (Unicode 3.9, U+FFFD).
CodePoint code_point_at(std::string_view text, std::size_t offset);

void append_utf8(std::string& out, char32_t code_point);

bool is_valid_utf8(std::string_view text);

struct RepairedText {
    std::string text;
    std::size_t replaced = 0;  ///< number of U+FFFD that were put in
};
RepairedText repair_utf8(std::string_view text);

/// Length of the longest prefix that does not end inside a UTF-8 sequence: what a stream may send
/// now.
std::size_t complete_utf8_prefix(std::string_view text);

std::size_t count_code_points(std::string_view text);
/// Byte offset of the n-th code point; text.size() when there are fewer.
std::size_t byte_offset(std::string_view text, std::size_t code_points);

}  // namespace cairn::text
