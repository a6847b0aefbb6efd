// SPDX-License-Identifier: Apache-2.0
// Words and sentences as byte spans, and a guess of the language.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::text {

/// Runs of letters, marks and digits (with inner ' and -); each Han or Kana character is a word of
/// its own.
std::vector<Span> words(std::string_view text);

/// Sentences without surrounding space, in order. Ends: . ! ? (with closing quotes, before space
/// and no lower-case letter; not after initials, common abbreviations and "3."), the CJK full stops
/// 。！？, an empty line, and list items.
std::vector<Span> sentences(std::string_view text);

struct LanguageGuess {
    std::string code;  ///< ISO 639-1: "en", "de", "zh"; "und" when it cannot be said
    int percent = 0;   ///< share of the text in that language
    bool reliable = false;
};
LanguageGuess guess_language(std::string_view text);

}  // namespace cairn::text
