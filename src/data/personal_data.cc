// SPDX-License-Identifier: Apache-2.0
// Patterns by RE2 (linear time on any input), each with its check. Secrets are looked for only when
// the text holds one of their keywords.
#include "cairn/data/personal_data.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

namespace cairn::data {
namespace {

using Check = bool (*)(std::string_view text, text::Span span);

struct Rule {
    const char* kind;
    const char* name;
    const char* keyword;  ///< must be in the text; empty: always looked for
    const char* pattern;  ///< group 1 is the value
    Check check;
};

bool word_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

char before(std::string_view text, text::Span span) {
    return span.begin > 0 ? text[static_cast<std::size_t>(span.begin) - 1] : ' ';
}

char after(std::string_view text, text::Span span) {
    auto end = static_cast<std::size_t>(span.end);
    return end < text.size() ? text[end] : ' ';
}

bool stands_alone(std::string_view text, text::Span span) {
    return !word_char(before(text, span)) && !word_char(after(text, span));
}

/// CJK text has no spaces: only ASCII letters and digits join a number to its neighbours.
bool digits_alone(std::string_view text, text::Span span) {
    auto joins = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    return !joins(before(text, span)) && !joins(after(text, span));
}

bool always(std::string_view, text::Span) {
    return true;
}

bool check_card(std::string_view text, text::Span span) {
    return digits_alone(text, span) && is_valid_card(span.of(text));
}

bool check_iban(std::string_view text, text::Span span) {
    return digits_alone(text, span) && is_valid_iban(span.of(text));
}

bool check_china_id(std::string_view text, text::Span span) {
    return digits_alone(text, span) && is_valid_china_id(span.of(text));
}

int count_digits(std::string_view text) {
    return static_cast<int>(std::count_if(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isdigit(c) != 0; }));
}

/// "v1.2.3.4" and "version 1.2.3.4" are no addresses.
bool check_ip(std::string_view text, text::Span span) {
    std::size_t begin = static_cast<std::size_t>(span.begin);
    std::string head(text.substr(begin < 10 ? 0 : begin - 10, std::min<std::size_t>(begin, 10)));
    std::transform(head.begin(), head.end(), head.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return stands_alone(text, span) && before(text, span) != '.' && after(text, span) != '.' &&
           head.find("version") == std::string::npos && is_global_ipv4(span.of(text));
}

bool check_international_phone(std::string_view text, text::Span span) {
    int digits = count_digits(span.of(text));
    return digits >= 8 && digits <= 15 && digits_alone(text, span) && before(text, span) != '+';
}

bool check_phone_shape(std::string_view text, text::Span span) {
    char head = before(text, span);
    return digits_alone(text, span) && head != '.' && head != '-' && head != '/' && head != '+' &&
           head != '$' && after(text, span) != '-';
}

/// National numbers look like many other numbers: a word that announces a phone must stand nearby.
bool check_announced_phone(std::string_view text, text::Span span) {
    int digits = count_digits(span.of(text));
    std::size_t begin = static_cast<std::size_t>(span.begin);
    std::size_t from = begin < 48 ? 0 : begin - 48;
    static const re2::RE2 announced(
        "(?i)(?:phone|mobile|\\bcell\\b|\\btel\\b|\\bfax\\b|\\bcall\\b|\\bdial\\b|hotline|"
        "\\bring\\b|telefon|handy|rufnummer|t[eé]l[eé]fono?|电话|手机|联系方式|☎)");
    std::string_view head = text.substr(from, begin - from);
    return digits >= 7 && digits <= 13 && check_phone_shape(text, span) &&
           re2::RE2::PartialMatch(re2::StringPiece(head.data(), head.size()), announced);
}

bool check_generic_secret(std::string_view text, text::Span span) {
    constexpr double kEntropyMin = 3.5;
    std::string_view value = span.of(text);
    return count_digits(value) > 0 && count_digits(value) < static_cast<int>(value.size()) &&
           shannon_entropy(value) >= kEntropyMin;
}

/// Order is rank: where two overlap, the earlier rule wins.
constexpr std::array<Rule, 20> kRules = {{
    {"SECRET", "private key", "PRIVATE KEY",
     "(-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)-----END [A-Z ]*PRIVATE KEY-----)", always},
    {"SECRET", "JSON web token", "eyJ",
     "\\b(eyJ[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,})", always},
    {"SECRET", "AWS access key", "A", "\\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\\b", always},
    {"SECRET", "GitHub token", "gh",
     "\\b(gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})", always},
    {"SECRET", "Slack token", "xox", "\\b(xox[abeoprs]-[A-Za-z0-9-]{10,})", always},
    {"SECRET", "Slack webhook", "hooks.slack.com",
     "(hooks\\.slack\\.com/(?:services|workflows)/[A-Za-z0-9/_+-]{20,})", always},
    {"SECRET", "Stripe key", "k_", "\\b([rs]k_(?:live|test)_[A-Za-z0-9]{10,})", always},
    {"SECRET", "OpenAI or Anthropic key", "sk-", "\\b(sk-[A-Za-z0-9_-]{20,})", always},
    {"SECRET", "Google key", "AIza", "\\b(AIza[0-9A-Za-z_-]{35})", always},
    {"SECRET", "password or key with its name", "",
     "(?i)(?:api[ _-]?key|secret|token|passw(?:or)?d|passwort|pwd|access[ _-]?key|密码|密钥)"
     "[a-z_]{0,12}[\"']?[ \\t]{0,3}(?:[:=：]|is\\b)[ \\t]{0,3}[\"']?"
     "([A-Za-z0-9+/_.=!@#$%^&*~-]{8,128})",
     check_generic_secret},
    {"IBAN", "account number, checksum valid", "", "\\b([A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30})",
     check_iban},
    {"CN_ID", "Chinese resident number, checksum valid", "", "([1-8][0-9]{16}[0-9Xx])",
     check_china_id},
    {"CARD", "card number, checksum valid", "", "([2-6][0-9](?:[ -]?[0-9]){10,17})", check_card},
    {"EMAIL", "e-mail address", "@",
     "([A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\\.){1,8}[A-Za-z]{2,24})", always},
    {"PHONE", "phone number, international", "+", "(\\+[1-9](?:[ .()/-]{0,2}[0-9]){7,14})",
     check_international_phone},
    {"PHONE", "phone number, international", "00", "(00[1-9](?:[ .()/-]{0,2}[0-9]){8,13})",
     check_announced_phone},
    {"PHONE", "phone number, North America", "",
     "(\\([2-9][0-9]{2}\\) ?[0-9]{3}[ .-][0-9]{4}|[2-9][0-9]{2}([-.])[0-9]{3}[-.][0-9]{4})",
     check_phone_shape},
    {"PHONE", "mobile number, China", "", "(1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4})",
     check_phone_shape},
    {"PHONE", "phone number, announced", "", "(\\(?[0-9](?:[ .()/-]{0,2}[0-9]){6,12})",
     check_announced_phone},
    {"IP", "public network address", "", "([0-9]{1,3}(?:\\.[0-9]{1,3}){3})", check_ip},
}};

const re2::RE2& compiled(std::size_t rule) {
    static const auto all = [] {
        std::array<std::unique_ptr<re2::RE2>, kRules.size()> made;
        for (std::size_t i = 0; i < kRules.size(); ++i) {
            made[i] = std::make_unique<re2::RE2>(kRules[i].pattern);
        }
        return made;
    }();
    return *all[rule];
}

std::string key_of(std::string_view value) {
    // A hyphen is a separator in numbers and a letter in addresses.
    const bool address = value.find('@') != std::string_view::npos;
    std::string key;
    for (char c : value) {
        bool keeps = (c == '-' && address) || std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                     c == '@' || c == '.' || c == '_' || c == '+' ||
                     static_cast<unsigned char>(c) >= 0x80;
        if (keeps) {
            key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    return key;
}

/// An IBAN in groups runs on into the next capital word: cut it to its country's length.
text::Span shortened_iban(std::string_view text, text::Span span) {
    auto ends_in_gap = [&] {
        return !std::isalnum(static_cast<unsigned char>(span.of(text).back()));
    };
    while (span.size() >= 15 && (ends_in_gap() || !is_valid_iban(span.of(text)))) {
        --span.end;
    }
    return span;
}

struct Found {
    PersonalDataHit hit;
    std::size_t rank;
};

void find_by_rule(std::string_view text, std::size_t rank, std::vector<Found>& found) {
    const Rule& rule = kRules[rank];
    if (*rule.keyword != '\0' && text.find(rule.keyword) == std::string_view::npos) {
        return;
    }
    const re2::RE2& pattern = compiled(rank);
    re2::StringPiece whole(text.data(), text.size());
    std::array<re2::StringPiece, 2> groups;
    std::size_t at = 0;
    while (at < text.size() &&
           pattern.Match(whole, at, text.size(), re2::RE2::UNANCHORED, groups.data(), 2)) {
        auto begin = static_cast<std::int64_t>(groups[1].data() - text.data());
        text::Span span{begin, begin + static_cast<std::int64_t>(groups[1].size())};
        if (std::string_view(rule.kind) == "IBAN") {
            span = shortened_iban(text, span);
        }
        bool valid = span.size() > 0 && rule.check(text, span);
        if (valid) {
            found.push_back({{rule.kind, rule.name, span, key_of(span.of(text))}, rank});
        }
        // After a miss, look again one byte further: the next match may begin inside this one.
        at = valid ? static_cast<std::size_t>(span.end) : static_cast<std::size_t>(begin) + 1;
    }
}

}  // namespace

std::vector<PersonalDataHit> find_personal_data(std::string_view text) {
    std::vector<Found> found;
    for (std::size_t rank = 0; rank < kRules.size(); ++rank) {
        find_by_rule(text, rank, found);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.rank < b.rank; });
    std::vector<PersonalDataHit> kept;
    auto overlaps = [&kept](const text::Span& span) {
        auto next = std::lower_bound(
            kept.begin(), kept.end(), span.begin,
            [](const PersonalDataHit& hit, std::int64_t at) { return hit.span.end <= at; });
        return next != kept.end() && next->span.begin < span.end;
    };
    for (Found& one : found) {
        if (overlaps(one.hit.span)) {
            continue;
        }
        auto place = std::lower_bound(
            kept.begin(), kept.end(), one.hit.span.begin,
            [](const PersonalDataHit& hit, std::int64_t at) { return hit.span.begin < at; });
        kept.insert(place, std::move(one.hit));
    }
    return kept;
}

}  // namespace cairn::data
