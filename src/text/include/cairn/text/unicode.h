// SPDX-License-Identifier: Apache-2.0
// Normal forms and classes of Unicode text, by ICU. Ill-formed bytes become U+FFFD; nothing fails.
#pragma once

#include <string>
#include <string_view>

namespace cairn::text {

std::string nfc(std::string_view text);
std::string nfkc(std::string_view text);
/// Full default case folding: "Straße" -> "strasse".
std::string casefold(std::string_view text);
/// Full-width Latin, digits and punctuation to ASCII, half-width Katakana to full width; nothing
/// else changes.
std::string fold_width(std::string_view text);

bool is_letter(char32_t code_point);  ///< category L*
bool is_mark(char32_t code_point);    ///< category M*
bool is_number(char32_t code_point);  ///< category N*
bool is_space(char32_t code_point);   ///< property White_Space

/// Writing systems that are cut into terms in different ways.
enum class Script {
    kOther,
    kHan,
    kKana,
    kHangul,
    kThaiLike
};  ///< kThaiLike: Thai, Lao, Khmer, Myanmar
Script script_of(char32_t code_point);

}  // namespace cairn::text
