// SPDX-License-Identifier: Apache-2.0
// The assistant's own words, in the language of the question.
#pragma once

#include <string>
#include <string_view>

namespace cairn::apps {

/// "en", "de", "zh", ...: what a short question shows by script and words; "en" when unsure.
std::string question_language(std::string_view question);
/// "The documents say:"
std::string_view lead_in(std::string_view language);

}  // namespace cairn::apps
