// SPDX-License-Identifier: Apache-2.0
// What kind of thing a question asks for (an amount of money, a duration, a date, a count ...) and
// whether a sentence holds such a thing. By cues in English, German and Chinese.
#pragma once

#include <string_view>

namespace cairn::knowledge {

enum class AnswerKind { kAny, kMoney, kDuration, kTime, kPercent, kMeasure, kNumber };

AnswerKind asked_kind(std::string_view question);

/// 1: of that kind; 0.4: a number, but not plainly of that kind; 0: neither. kAny is always 1.
double holds_kind(std::string_view sentence, AnswerKind kind);

}  // namespace cairn::knowledge
