// SPDX-License-Identifier: Apache-2.0
// Cues are searched in case-folded text; the order of the rules decides where several fit.
#include "cairn/knowledge/answer_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <span>
#include <string>

#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"

namespace cairn::knowledge {
namespace {

using Cues = std::span<const std::string_view>;

constexpr std::string_view kDurationCues[] = {"how long",
                                              "how soon",
                                              "how quickly",
                                              "how fast",
                                              "how many days",
                                              "how many weeks",
                                              "how many months",
                                              "how many years",
                                              "how many hours",
                                              "how many minutes",
                                              "how many working days",
                                              "how late",
                                              "wie lange",
                                              "wie schnell",
                                              "wie viele tage",
                                              "wie viele wochen",
                                              "wie viele monate",
                                              "wie viele stunden",
                                              "wie viele jahre",
                                              "wie viel urlaub",
                                              "多久",
                                              "多长时间",
                                              "几天",
                                              "多少天",
                                              "多少个月",
                                              "多少小时",
                                              "几个月",
                                              "几周"};
constexpr std::string_view kTimeCues[] = {
    "when ",     "what date", "which date", "which day", "what day",    "by when",
    "what time", "deadline",  "wann",       "bis wann",  "welchem tag", "什么时候",
    "哪天",      "哪一天",    "几点",       "什么时间",  "何时"};
constexpr std::string_view kPercentCues[] = {"percent", "what share",     "which share",
                                             "prozent", "welcher anteil", "百分之几"};
constexpr std::string_view kMoneyCues[] = {
    "cost",    "price",  "fee ",    "fee?",  "charge", "pay ",   "pay?",   "paid for", "allowance",
    "deposit", "budget", "value",   "worth", "kost",   "preis",  "gebühr", "zahl",     "betrag",
    "earn",    "salary", "verdien", "费用",  "价格",   "多少钱", "收费",   "押金"};
constexpr std::string_view kAmountAsked[] = {"how much",  "what is",    "what are",   "what do",
                                             "what does", "which",      "up to what", "wie viel",
                                             "wieviel",   "was ",       "wie hoch",   "welche",
                                             "多少",      "what would", "from what",  "how high"};
constexpr std::string_view kMeasureCues[] = {
    "weigh",     "how heavy",   "how wide", "how deep",   "how tall",  "how far",  "wind speed",
    "how thick", "temperature", "pressure", "wie schwer", "wie breit", "wie tief", "wie weit",
    "gewicht",   "多重",        "多高",     "多厚",       "重量",      "厚度",     "误差"};
constexpr std::string_view kNumberCues[] = {
    "how many",  "how much", "how often", "how high", "how large", "how big", "up to what",
    "wie viele", "wie viel", "wieviel",   "wie oft",  "wie hoch",  "多少",    "几"};

constexpr std::string_view kMoneyUnits[] = {"euro",  "euros",  "eur",           "cent",   "cents",
                                            "pound", "pounds", "gbp",           "dollar", "dollars",
                                            "usd",   "chf",    "net_price_eur", "kroner", "dkk"};
constexpr std::string_view kDurationUnits[] = {
    "day",    "days",   "week",    "weeks",   "month",  "months",  "year", "years",
    "hour",   "hours",  "minute",  "minutes", "second", "seconds", "tag",  "tage",
    "tagen",  "woche",  "wochen",  "monat",   "monate", "monaten", "jahr", "jahre",
    "jahren", "stunde", "stunden", "minute",  "minuten"};
constexpr std::string_view kTimeWords[] = {
    "january",   "february",   "march",    "april",    "june",     "july",    "august",
    "september", "october",    "november", "december", "monday",   "tuesday", "wednesday",
    "thursday",  "friday",     "saturday", "sunday",   "januar",   "februar", "märz",
    "mai",       "juni",       "juli",     "oktober",  "dezember", "montag",  "dienstag",
    "mittwoch",  "donnerstag", "freitag",  "samstag",  "sonntag",  "noon",    "midnight",
    "daily",     "weekly",     "monthly"};
constexpr std::string_view kMeasureUnits[] = {
    "kilogram",    "kilograms", "kg",         "gram",        "grams",  "g",         "tonne",
    "tonnes",      "metre",     "metres",     "meter",       "meters", "m",         "centimetre",
    "centimetres", "cm",        "millimetre", "millimetres", "mm",     "kilometre", "kilometres",
    "km",          "litre",     "litres",     "liter",       "l",      "knots",     "degrees",
    "bar",         "inch",      "inches",     "volt",        "watt"};
constexpr std::string_view kNumberWords[] = {
    "two",  "three",  "four",   "five",    "six",    "seven",  "eight", "nine",
    "ten",  "eleven", "twelve", "fifteen", "twenty", "thirty", "zwei",  "drei",
    "vier", "fünf",   "sechs",  "sieben",  "acht",   "neun",   "zehn",  "zwölf"};
constexpr std::string_view kVagueNumbers[] = {"one", "half", "once", "twice", "ein", "eine"};
constexpr std::string_view kHanNumerals = "一二三四五六七八九十百千两半";

constexpr std::string_view kHanMoney[] = {"元", "欧元", "英镑", "美元"};
constexpr std::string_view kHanDuration[] = {"天", "日", "周", "个月", "年", "小时", "分钟"};
constexpr std::string_view kHanTime[] = {"月", "日", "点", "星期", "年"};
constexpr std::string_view kHanMeasure[] = {"公斤", "千克", "米", "毫米", "厘米", "微米", "吨"};

bool any_in(std::string_view text, Cues cues) {
    return std::any_of(cues.begin(), cues.end(), [&](std::string_view cue) {
        return text.find(cue) != std::string_view::npos;
    });
}

/// What a folded sentence shows.
struct Facts {
    std::set<std::string, std::less<>> words;
    std::string folded;
    bool digits = false;
    bool counted = false;  ///< digits or a number word above one
    bool number = false;   ///< the same, or "one", "once", "half"
};

Facts facts_of(std::string_view sentence) {
    Facts out;
    out.folded = text::casefold(text::fold_width(sentence));
    for (const text::Span& word : text::words(out.folded)) {
        out.words.emplace(word.of(out.folded));
    }
    out.digits = std::any_of(out.folded.begin(), out.folded.end(), [](char c) {
        return std::isdigit(static_cast<unsigned char>(c)) != 0;
    });
    auto has = [&](std::string_view word) { return out.words.contains(word); };
    out.counted = out.digits || std::any_of(std::begin(kNumberWords), std::end(kNumberWords), has);
    out.number =
        out.counted || std::any_of(std::begin(kVagueNumbers), std::end(kVagueNumbers), has);
    for (std::size_t i = 0; i + 3 <= kHanNumerals.size() && !out.number; i += 3) {
        out.number = out.folded.find(kHanNumerals.substr(i, 3)) != std::string::npos;
    }
    return out;
}

bool has_word(const Facts& facts, Cues words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return facts.words.contains(word); });
}

/// "16:30", "9.15 pm" are clock times; "2026" is a year.
bool has_clock_or_year(const Facts& facts) {
    const std::string& text = facts.folded;
    auto digit = [&](std::size_t i) {
        return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    };
    for (std::size_t i = 0; i + 3 < text.size(); ++i) {
        if (digit(i) && text[i + 1] == ':' && digit(i + 2) && digit(i + 3)) {
            return true;
        }
        const bool four = digit(i) && digit(i + 1) && digit(i + 2) && digit(i + 3);
        if (four && !digit(i + 4) && (i == 0 || !digit(i - 1)) &&
            (text.compare(i, 2, "19") == 0 || text.compare(i, 2, "20") == 0)) {
            return true;
        }
    }
    return false;
}

bool is_of_kind(const Facts& facts, AnswerKind kind) {
    switch (kind) {
        case AnswerKind::kMoney:
            return facts.number &&
                   (has_word(facts, kMoneyUnits) || any_in(facts.folded, kHanMoney) ||
                    facts.folded.find_first_of("$") != std::string::npos ||
                    facts.folded.find("€") != std::string::npos ||
                    facts.folded.find("£") != std::string::npos);
        case AnswerKind::kDuration:
            return facts.number &&
                   (has_word(facts, kDurationUnits) || any_in(facts.folded, kHanDuration));
        case AnswerKind::kTime:
            // "once a month" is no date: a time needs digits or a name.
            return has_word(facts, kTimeWords) || has_clock_or_year(facts) ||
                   (facts.number && any_in(facts.folded, kHanTime)) ||
                   (facts.counted && has_word(facts, kDurationUnits));
        case AnswerKind::kPercent:
            return facts.number &&
                   (facts.folded.find('%') != std::string::npos ||
                    facts.words.contains("percent") || facts.words.contains("prozent") ||
                    facts.folded.find("百分之") != std::string::npos);
        case AnswerKind::kMeasure:
            return facts.number &&
                   (has_word(facts, kMeasureUnits) || any_in(facts.folded, kHanMeasure));
        case AnswerKind::kNumber:
            return facts.number;
        case AnswerKind::kAny:
            return true;
    }
    return false;
}

}  // namespace

AnswerKind asked_kind(std::string_view question) {
    const std::string text = text::casefold(text::fold_width(question));
    if (any_in(text, kDurationCues)) {
        return AnswerKind::kDuration;
    }
    if (any_in(text, kPercentCues)) {
        return AnswerKind::kPercent;
    }
    if (any_in(text, kMeasureCues)) {
        return AnswerKind::kMeasure;
    }
    if (any_in(text, kMoneyCues) && any_in(text, kAmountAsked)) {
        return AnswerKind::kMoney;
    }
    if (any_in(text, kTimeCues)) {
        return AnswerKind::kTime;
    }
    return any_in(text, kNumberCues) ? AnswerKind::kNumber : AnswerKind::kAny;
}

double holds_kind(std::string_view sentence, AnswerKind kind) {
    constexpr double kSomeNumber = 0.4;
    if (kind == AnswerKind::kAny) {
        return 1;
    }
    const Facts facts = facts_of(sentence);
    if (is_of_kind(facts, kind)) {
        return 1;
    }
    return facts.number ? kSomeNumber : 0;
}

}  // namespace cairn::knowledge
