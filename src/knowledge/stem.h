// SPDX-License-Identifier: Apache-2.0
// Light stemming of one folded word. The language of a short question is a guess, so one rule
// serves all alphabets; it only has to be the same on both sides.
#pragma once

#include <string>
#include <string_view>

namespace cairn::knowledge {

std::string stem(std::string_view word);

}  // namespace cairn::knowledge
