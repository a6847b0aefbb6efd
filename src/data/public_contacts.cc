// SPDX-License-Identifier: Apache-2.0
// Contact data that belongs to no person: addresses of roles (RFC 2142 and the words that companies
// use beside it) and what the owner lists as public. See
// docs/decisions/0006-public-contacts-stay.md.
#include <algorithm>
#include <cctype>
#include <string>

#include "cairn/data/personal_data.h"

namespace cairn::data {
namespace {

/// Words of which the part before the @ consists when it names a function; blanks around each.
constexpr std::string_view kRoleWords =
    " abuse accessibility accounting accounts admin administration anfrage beratung "
    "bestellung bewerbung billing booking bookings buchhaltung buero bugs care career "
    "careers commercial complaints compliance contact contacto customer customercare "
    "customers customerservice data datenschutz desk donotreply dpo einkauf enquiries "
    "enquiry ethics events facilities facturacion feedback finance gdpr general hallo hello "
    "help helpdesk hostmaster hr incident incidents info information inquiries inquiry "
    "invoice invoices it jobs kontakt kundenservice legal logistics mail mailer marketing "
    "media moderator news newsletter no noc noreply office order orders parts payments "
    "payroll people personal personalabteilung post postmaster press presse privacy "
    "procurement purchasing reception rechnung rechnungen recruiting reply reservations "
    "returns safety sales security service shop speakup support team vertrieb webmaster ";
/// Words that only narrow such a function: "sales-team-uk".
constexpr std::string_view kNarrowing =
    " dept department desk eu group international online team uk us ";

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string digits_of(std::string_view text) {
    std::string digits;
    for (char c : text) {
        if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            digits += c;
        }
    }
    return digits;
}

bool holds(std::string_view words, std::string_view word) {
    return !word.empty() && words.find(" " + std::string(word) + " ") != std::string_view::npos;
}

bool is_listed(const PersonalDataHit& hit, const std::string& rule) {
    if (hit.kind == "EMAIL") {
        return rule.starts_with("@") ? hit.key.ends_with(rule) : hit.key == rule;
    }
    const std::string digits = digits_of(rule);
    return hit.kind == "PHONE" && !digits.empty() && rule.find('@') == std::string::npos &&
           digits_of(hit.key).starts_with(digits);
}

}  // namespace

bool is_role_address(std::string_view address) {
    const std::string local = lower(address.substr(0, address.find_first_of("@+")));
    std::size_t begin = 0;
    for (bool first = true; begin <= local.size(); first = false) {
        const std::size_t end = std::min(local.find_first_of("._-", begin), local.size());
        const std::string_view word = std::string_view(local).substr(begin, end - begin);
        if (!holds(kRoleWords, word) && (first || !holds(kNarrowing, word))) {
            return false;
        }
        begin = end + 1;
    }
    return true;
}

bool is_public(const PersonalDataHit& hit, const PublicContacts& contacts) {
    if (hit.kind == "EMAIL" && contacts.roles && is_role_address(hit.key)) {
        return true;
    }
    return std::any_of(contacts.keep.begin(), contacts.keep.end(),
                       [&hit](const std::string& rule) { return is_listed(hit, lower(rule)); });
}

}  // namespace cairn::data
