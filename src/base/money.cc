// SPDX-License-Identifier: Apache-2.0
// Decimal text to picos and back, in integers only.
#include "cairn/base/money.h"

#include <fmt/format.h>

#include <algorithm>

namespace cairn {
namespace {

constexpr Picos kPicosPerCent = kPicosPerUnit / 100;
constexpr std::size_t kDecimals = 12;
constexpr std::size_t kWholeDigitsMax = 12;

Error bad_money(std::string_view text, std::string_view why) {
    return make_error(
        Code::kInvalid,
        fmt::format("expected an amount like 0.20, found '{}': {}", text.substr(0, 64), why),
        "write digits with a point and at most 12 decimals");
}

bool all_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string digits_of(PicosWide value) {
    std::string digits;
    for (; value > 0; value /= 10)
        digits.push_back(static_cast<char>('0' + value % 10));
    if (digits.empty()) digits = "0";
    std::reverse(digits.begin(), digits.end());
    return digits;
}

}  // namespace

Result<Picos> parse_money(std::string_view decimal) {
    std::string_view rest = decimal;
    const bool negative = !rest.empty() && rest[0] == '-';
    if (negative) rest.remove_prefix(1);
    const std::size_t point = rest.find('.');
    const std::string_view whole = rest.substr(0, point);
    const bool has_point = point != std::string_view::npos;
    const std::string_view fraction = has_point ? rest.substr(point + 1) : std::string_view();
    if (whole.empty() || (has_point && fraction.empty())) {
        return bad_money(decimal, "digits are missing");
    }
    if (!all_digits(whole) || !all_digits(fraction)) return bad_money(decimal, "not a digit");
    if (fraction.size() > kDecimals) return bad_money(decimal, "more than 12 decimals");
    if (whole.size() > kWholeDigitsMax) return bad_money(decimal, "too large");
    PicosWide value = 0;
    for (const char c : whole)
        value = value * 10 + (c - '0');
    for (std::size_t i = 0; i < kDecimals; ++i) {
        value = value * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    }
    if (value > INT64_MAX) return bad_money(decimal, "larger than 9.2 million");
    return static_cast<Picos>(negative ? -value : value);
}

PicosWide round_to_cents(PicosWide amount) {
    const PicosWide half = amount < 0 ? -kPicosPerCent / 2 : kPicosPerCent / 2;
    return (amount + half) / kPicosPerCent * kPicosPerCent;
}

std::string money_cents(PicosWide amount) {
    const PicosWide cents = round_to_cents(amount) / kPicosPerCent;
    const PicosWide size = cents < 0 ? -cents : cents;
    return fmt::format("{}{}.{:02}", cents < 0 ? "-" : "", digits_of(size / 100),
                       static_cast<int>(size % 100));
}

std::string money_exact(PicosWide amount) {
    const PicosWide size = amount < 0 ? -amount : amount;
    std::string fraction = digits_of(size % kPicosPerUnit);
    fraction.insert(0, kDecimals - fraction.size(), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    return (amount < 0 ? "-" : "") + digits_of(size / kPicosPerUnit) +
           (fraction.empty() ? "" : "." + fraction);
}

Result<Picos> picos_per_token(std::string_view price_per_million) {
    const Picos price = CAIRN_TRY(parse_money(price_per_million));
    if (price % 1'000'000 != 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected a price per million tokens with at most 6 decimals, "
                        "found '{}'",
                        price_per_million));
    }
    return price / 1'000'000;
}

}  // namespace cairn
