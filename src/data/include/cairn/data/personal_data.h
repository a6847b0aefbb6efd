// SPDX-License-Identifier: Apache-2.0
// Finds personal data and secrets in text by pattern and checksum. Names of people are not found:
// without a model that costs more false alarms than it saves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::data {

struct PersonalDataHit {
    std::string kind;  ///< EMAIL, PHONE, IBAN, CARD, CN_ID, IP, SECRET
    std::string rule;  ///< what matched: "e-mail address", "AWS access key", ...
    text::Span span;
    std::string key;  ///< the value without spaces and case: the same for the same person
};

/// In order, without overlaps (a secret wins over a card, a card over a phone number).
std::vector<PersonalDataHit> find_personal_data(std::string_view text);

/// Checksum rules, on their own for tests and other rooms. Spaces and hyphens are skipped.
bool is_valid_card(std::string_view number);    ///< Luhn, known prefix and length
bool is_valid_iban(std::string_view iban);      ///< ISO 13616: country length, mod 97 = 1
bool is_valid_china_id(std::string_view id);    ///< GB 11643: region, date, check digit
bool is_global_ipv4(std::string_view address);  ///< not private, loopback, documentation, ...
double shannon_entropy(std::string_view text);  ///< bits per character

}  // namespace cairn::data
