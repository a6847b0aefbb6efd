// SPDX-License-Identifier: Apache-2.0
// Checksums that tell a card, account, resident or network number from any other digits.
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>

#include "cairn/data/personal_data.h"

namespace cairn::data {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string without_separators(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c != ' ' && c != '-') {
            out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
    }
    return out;
}

bool all_digits(std::string_view text) {
    for (char c : text) {
        if (!is_digit(c)) {
            return false;
        }
    }
    return !text.empty();
}

int number_of(std::string_view digits) {
    int value = 0;
    for (char c : digits) {
        value = value * 10 + (c - '0');
    }
    return value;
}

bool luhn(std::string_view digits) {
    int sum = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        int digit = digits[digits.size() - 1 - i] - '0';
        digit = i % 2 == 1 ? digit * 2 : digit;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

/// Issuer prefixes (ISO/IEC 7812) with the lengths that they use.
bool known_card_prefix(std::string_view digits) {
    int two = number_of(digits.substr(0, 2));
    int three = number_of(digits.substr(0, 3));
    int four = number_of(digits.substr(0, 4));
    std::size_t length = digits.size();
    if (digits.front() == '4') {
        return length == 13 || length == 16 || length == 19;
    }
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) {
        return length == 16;
    }
    if (two == 34 || two == 37) {
        return length == 15;
    }
    if (two == 36 || two == 38 || (three >= 300 && three <= 305)) {
        return length == 14;
    }
    return (two == 35 || four == 6011 || two == 65 || (three >= 644 && three <= 649) || two == 62 ||
            two == 50 || (two >= 56 && two <= 58) || two == 67) &&
           length >= 12;
}

struct CountryLength {
    char country[3];
    int length;
};

/// IBAN lengths by the SWIFT registry.
constexpr std::array<CountryLength, 78> kIbanLengths = {{
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22},
    {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27},
    {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
    {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20},
    {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27},
    {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
    {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"XK", 20},
}};

int iban_length(std::string_view country) {
    for (const CountryLength& entry : kIbanLengths) {
        if (country == entry.country) {
            return entry.length;
        }
    }
    return 0;
}

bool is_date(int year, int month, int day) {
    constexpr std::array<int, 13> kDays = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1850 || year > 2100 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= kDays[static_cast<std::size_t>(month)] + (month == 2 && leap ? 1 : 0);
}

/// First two digits of GB/T 2260 region codes.
bool is_china_region(int region) {
    switch (region) {
        case 71:  // Taiwan
        case 81:  // Hong Kong
        case 82:  // Macau
        case 83:
            return true;
        default:
            return (region >= 11 && region <= 15) || (region >= 21 && region <= 23) ||
                   (region >= 31 && region <= 37) || (region >= 41 && region <= 46) ||
                   (region >= 50 && region <= 54) || (region >= 61 && region <= 65);
    }
}

}  // namespace

bool is_valid_card(std::string_view number) {
    std::string digits = without_separators(number);
    if (!all_digits(digits) || digits.size() < 12 || digits.size() > 19) {
        return false;
    }
    return known_card_prefix(digits) && luhn(digits);
}

bool is_valid_iban(std::string_view iban) {
    std::string text = without_separators(iban);
    if (text.size() < 15 || static_cast<int>(text.size()) != iban_length(text.substr(0, 2))) {
        return false;
    }
    int remainder = 0;
    for (char c : text.substr(4) + text.substr(0, 4)) {
        if (is_digit(c)) {
            remainder = (remainder * 10 + (c - '0')) % 97;
        } else if (c >= 'A' && c <= 'Z') {
            remainder = (remainder * 100 + (c - 'A' + 10)) % 97;
        } else {
            return false;
        }
    }
    return remainder == 1;
}

bool is_valid_china_id(std::string_view id) {
    constexpr std::array<int, 17> kWeights = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    constexpr std::string_view kCheck = "10X98765432";
    std::string text = without_separators(id);
    if (text.size() != 18 || !all_digits(std::string_view(text).substr(0, 17))) {
        return false;
    }
    std::string_view view = text;
    int sum = 0;
    for (std::size_t i = 0; i < kWeights.size(); ++i) {
        sum += kWeights[i] * (text[i] - '0');
    }
    return is_china_region(number_of(view.substr(0, 2))) &&
           is_date(number_of(view.substr(6, 4)), number_of(view.substr(10, 2)),
                   number_of(view.substr(12, 2))) &&
           kCheck[static_cast<std::size_t>(sum % 11)] == text[17];
}

bool is_global_ipv4(std::string_view address) {
    std::array<int, 4> octets = {};
    for (std::size_t i = 0; i < octets.size(); ++i) {
        std::size_t dot = address.find('.');
        std::string_view part = address.substr(0, dot);
        if (!all_digits(part) || part.size() > 3 || (part.size() > 1 && part[0] == '0') ||
            (dot == std::string_view::npos) != (i == 3)) {
            return false;
        }
        octets[i] = number_of(part);
        if (octets[i] > 255) {
            return false;
        }
        address.remove_prefix(dot == std::string_view::npos ? address.size() : dot + 1);
    }
    int a = octets[0];
    int b = octets[1];
    int c = octets[2];
    bool private_use = a == 10 || (a == 172 && b >= 16 && b <= 31) || (a == 192 && b == 168);
    bool special = a == 0 || a == 127 || a >= 224 || (a == 169 && b == 254) ||
                   (a == 100 && b >= 64 && b <= 127) || (a == 198 && (b == 18 || b == 19));
    bool documentation = (a == 192 && b == 0 && (c == 0 || c == 2)) ||
                         (a == 198 && b == 51 && c == 100) || (a == 203 && b == 0 && c == 113);
    return !private_use && !special && !documentation;
}

double shannon_entropy(std::string_view text) {
    std::array<int, 256> counts = {};
    for (unsigned char c : text) {
        ++counts[c];
    }
    double bits = 0;
    for (int count : counts) {
        if (count > 0) {
            double share = static_cast<double>(count) / static_cast<double>(text.size());
            bits -= share * std::log2(share);
        }
    }
    return bits;
}

}  // namespace cairn::data
