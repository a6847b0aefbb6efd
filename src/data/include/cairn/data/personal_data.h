// SPDX-License-Identifier: Apache-2.0
// Finds personal data and secrets in text by pattern and checksum. Names of persons need the whole
// source: see person_names.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::data {

struct PersonalDataHit {
    std::string kind;  ///< EMAIL, PHONE, IBAN, CARD, CN_ID, IP, SECRET, PERSON
    std::string rule;  ///< what matched: "e-mail address", "AWS access key", ...
    text::Span span;
    std::string key;  ///< the value without spaces and case: the same for the same person
};

/// In order, without overlaps (a secret wins over a card, a card over a phone number).
std::vector<PersonalDataHit> find_personal_data(std::string_view text);

/// Contact data that is public on purpose.
struct PublicContacts {
    /// "info@x.example", "@x.example" (a whole domain), "+44 20 7946" (all numbers that begin so).
    std::vector<std::string> keep;
    bool roles = true;  ///< addresses that name a function, see is_role_address
};
/// Secrets, accounts, cards, resident numbers and network addresses never are.
bool is_public(const PersonalDataHit& hit, const PublicContacts& contacts);
/// "info@...", "sales-team.uk@...": a function and nothing else stands before the @.
bool is_role_address(std::string_view address);

/// Checksum rules, on their own for tests and other rooms. Spaces and hyphens are skipped.
bool is_valid_card(std::string_view number);    ///< Luhn, known prefix and length
bool is_valid_iban(std::string_view iban);      ///< ISO 13616: country length, mod 97 = 1
bool is_valid_china_id(std::string_view id);    ///< GB 11643: region, date, check digit
bool is_global_ipv4(std::string_view address);  ///< not private, loopback, documentation, ...
double shannon_entropy(std::string_view text);  ///< bits per character

}  // namespace cairn::data
