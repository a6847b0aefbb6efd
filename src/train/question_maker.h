// SPDX-License-Identifier: Apache-2.0
// Turns one sentence into a question that it answers, by rules: asks for the number, the date, the
// name or the action in it, or names some of its words; then words are dropped, inflected or
// replaced by synonyms, as people who ask do not know the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/rng.h"

namespace cairn::train {

/// Lower-case words that carry meaning: no function words, numbers kept.
std::vector<std::string> content_words(std::string_view sentence);

/// A rough stem, equal for most inflections of a word.
std::string stem(std::string_view word);

/// Empty when the sentence gives no sensible question.
std::string make_question(std::string_view sentence, std::string_view heading, Rng& rng);

/// The question wants a number, an amount or a duration.
bool asks_for_number(std::string_view question);
bool holds_number(std::string_view sentence);

/// Puts words of another sentence in front, as people tell what they do not ask about.
std::string with_story(std::string_view question, std::string_view other_sentence, Rng& rng);

}  // namespace cairn::train
