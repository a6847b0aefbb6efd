// SPDX-License-Identifier: Apache-2.0
// GPT-2's way to store bytes as printable characters: bytes that print stand for themselves, the
// others for U+0100 upwards.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::text {

/// The character (UTF-8) that stands for each byte.
const std::array<std::string, 256>& byte_alphabet();

/// Bytes behind a stored token; nothing when it holds a character outside the alphabet.
std::optional<std::string> bytes_from_alphabet(std::string_view stored);

std::string bytes_to_alphabet(std::string_view bytes);

}  // namespace cairn::text
