// SPDX-License-Identifier: Apache-2.0
// Announcements are patterns (RE2); what they announce counts as a name only when it is not made of
// words that the source also writes in small letters.
#include "person_names.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cairn/text/unicode.h"

namespace cairn::data {
namespace {

constexpr std::size_t kNameBytesMax = 80;
constexpr std::size_t kPartBytesMin = 3;  // "Li" alone is also the beginning of a list
constexpr std::size_t kLineBytesMax = 200;
constexpr std::size_t kBlockBytes = 240;  // above a number: about six short lines

// A word, then words, initials and particles, one blank between them (more are a column of a
// table): "Ingrid M. van der Meer".
#define CAIRN_NAME_WORD "\\p{Lu}[\\p{L}\\p{M}'’-]*\\p{L}"
#define CAIRN_NAME_REST                                                                         \
    "(?: (?:(?:de|del|di|da|van|von|der|den|ten|ter|la|le|zu|bin|al) ){0,2}(?:" CAIRN_NAME_WORD \
    "|\\p{Lu}\\.?))"
#define CAIRN_NAME "(" CAIRN_NAME_WORD CAIRN_NAME_REST "{0,3})"
#define CAIRN_FULL_NAME "(" CAIRN_NAME_WORD CAIRN_NAME_REST "{1,3})"

/// Group 1 is the name.
constexpr std::array kAnnouncements = {
    "(?:\\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|Mme|Sra?)\\b\\.?[ \\t]+)+" CAIRN_NAME,
    "(?m)(?:^|[.!?>\"]|\\n)[ \\t]*(?:Dear|Hi|Hello|Hey|Ahoy|Liebe|Lieber|Hallo|Moin),?[ "
    "\\t]+" CAIRN_NAME "[ \\t]*(?:[,!:]|$)",
    "(?:[Mm]y name is|[Mm]ein Name ist|[Ii]ch hei(?:ß|ss)e|\\b[Nn]ame:|\\b[Cc]ontact:|"
    "\\b[Aa]nsprechpartner(?:in)?:|\\bAuthor:|\\b[Ss]igned(?: by)?:?)[ \\t]+" CAIRN_NAME,
    "\\b(?:[Tt]his is|I am|I'm|Ich bin)[ \\t]+" CAIRN_FULL_NAME,
    CAIRN_FULL_NAME ",?[ \\t]+(?:said|says|wrote|writes|asked|explained|reported|replied)\\b",
    "\\b(?:said|wrote|asked|replied|signed by|sent by)[ \\t]+" CAIRN_FULL_NAME,
    "(?m)^[ \\t]*(?:From|To|Cc|Von|An|Kopie):[ \\t]+\"?" CAIRN_NAME,
    "(?i:regards|wishes|sincerely|cheers|thanks|yours|grüßen?|gruß)[,.]?[ \\t]*\\n{0,2}[ "
    "\\t]*" CAIRN_NAME "[ \\t]*(?:\\n|$)",
};

const std::vector<std::unique_ptr<re2::RE2>>& announcements() {
    static const auto all = [] {
        std::vector<std::unique_ptr<re2::RE2>> made;
        for (const char* pattern : kAnnouncements) {
            made.push_back(std::make_unique<re2::RE2>(pattern));
        }
        return made;
    }();
    return all;
}

std::string_view view(const re2::StringPiece& piece) {
    return {piece.data(), piece.size()};
}

PersonNames::Words folded_words(std::string_view name) {
    static const re2::RE2 word("([\\p{L}\\p{M}'’-]+)");
    re2::StringPiece rest(name.data(), name.size());
    re2::StringPiece found;
    PersonNames::Words words;
    while (re2::RE2::FindAndConsume(&rest, word, &found)) {
        words.push_back(text::casefold(view(found)));
    }
    return words;
}

std::string joined(const PersonNames::Words& words) {
    std::string out;
    for (const std::string& word : words) {
        out += (out.empty() ? "" : " ") + word;
    }
    return out;
}

bool is_title(const std::string& folded) {
    constexpr std::array<std::string_view, 12> kTitles = {
        "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "herr", "herrn", "frau", "mme", "sra"};
    return std::find(kTitles.begin(), kTitles.end(), folded) != kTitles.end();
}

bool is_capital(std::string_view word) {
    static const re2::RE2 capital("^\\p{Lu}");
    return re2::RE2::PartialMatch(re2::StringPiece(word.data(), word.size()), capital);
}

struct WordAt {
    text::Span span;
    std::string folded;
    bool capital = false;
    bool joins = false;  ///< only blanks, or an initial's dot, stand between it and the next word
};

std::vector<WordAt> words_of(std::string_view text) {
    static const re2::RE2 pattern("([\\p{L}\\p{M}][\\p{L}\\p{M}'’-]*)");
    static const re2::RE2 gap("^\\.? $|^[ \\t]*\\n[ \\t]*$");
    re2::StringPiece rest(text.data(), text.size());
    re2::StringPiece found;
    std::vector<WordAt> words;
    while (re2::RE2::FindAndConsume(&rest, pattern, &found)) {
        std::string_view word = view(found);
        for (const std::string_view end : {"'s", "’s", "'", "’", "-"}) {
            if (word.size() > end.size() && word.ends_with(end)) {
                word.remove_suffix(end.size());
            }
        }
        const auto begin = static_cast<std::int64_t>(found.data() - text.data());
        if (!words.empty()) {
            const auto from = static_cast<std::size_t>(words.back().span.end);
            const auto between = text.substr(from, static_cast<std::size_t>(begin) - from);
            words.back().joins =
                re2::RE2::PartialMatch(re2::StringPiece(between.data(), between.size()), gap);
        }
        words.push_back({{begin, begin + static_cast<std::int64_t>(word.size())},
                         text::casefold(word),
                         is_capital(word),
                         false});
    }
    return words;
}

/// "jonas" and "feld" of jonas.feld@x.example or x.example/feld are not written small by
/// themselves.
bool is_part_of_address(std::string_view text, const text::Span& word) {
    const auto joins = [&](std::int64_t at) {
        return at >= 0 && at < static_cast<std::int64_t>(text.size()) &&
               std::string_view("@._/").find(text[static_cast<std::size_t>(at)]) !=
                   std::string_view::npos;
    };
    const auto visible = [&](std::int64_t at) {
        return at < static_cast<std::int64_t>(text.size()) &&
               static_cast<unsigned char>(text[static_cast<std::size_t>(at)]) > ' ';
    };
    return joins(word.begin - 1) || (joins(word.end) && visible(word.end + 1));
}

/// How many words from `at` on are exactly this name; 0: they are not.
std::size_t match(const std::vector<WordAt>& words, std::size_t at,
                  const PersonNames::Words& name) {
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (at + i >= words.size() || words[at + i].folded != name[i] ||
            (i + 1 < name.size() && !words[at + i].joins)) {
            return 0;
        }
    }
    return name.size();
}

}  // namespace

PersonNames::PersonNames(std::span<const std::string_view> texts) {
    for (const std::string_view text : texts) {
        for (WordAt& word : words_of(text)) {
            if (!word.capital && !is_part_of_address(text, word.span)) {
                ordinary_.insert(std::move(word.folded));
            }
        }
    }
    for (const std::string_view text : texts) {
        learn(text);
        learn_beside_numbers(text);
        learn_lists(text);
    }
}

void PersonNames::learn(std::string_view text) {
    for (const auto& pattern : announcements()) {
        re2::StringPiece rest(text.data(), text.size());
        re2::StringPiece name;
        while (re2::RE2::FindAndConsume(&rest, *pattern, &name)) {
            add(view(name), false);
        }
    }
}

/// "Wen Liu, sail loft: +49 30 ...", "Wen Liu <wen@x.example>", and a name alone on a line of the
/// same block: the head of a letter, a signature.
void PersonNames::learn_beside_numbers(std::string_view text) {
    static const re2::RE2 begins("^[ \\t>*•|\"-]*" CAIRN_FULL_NAME
                                 "\"?[ \\t]*(?:[,:;|<(\\t–-]|  |$)");
    static const re2::RE2 adjoins(CAIRN_FULL_NAME "\"?[ \\t]*[<(\\[:,–-]?[ \\t]*$");
    static const re2::RE2 alone("(?m)^[ \\t>]*" CAIRN_FULL_NAME "[ \\t]*$");
    for (const PersonalDataHit& hit : find_personal_data(text)) {
        if (hit.kind != "EMAIL" && hit.kind != "PHONE") {
            continue;
        }
        const auto end = static_cast<std::size_t>(hit.span.begin);
        const std::size_t line = end == 0 ? 0 : text.rfind('\n', end - 1) + 1;
        const std::size_t begin = end - std::min(end - line, kLineBytesMax);
        const re2::StringPiece head(text.data() + begin, end - begin);
        re2::StringPiece name;
        if (re2::RE2::PartialMatch(head, adjoins, &name) ||
            (begin == line && re2::RE2::PartialMatch(head, begins, &name))) {
            add(view(name), true);
        }
        const std::size_t from = line - std::min(line, kBlockBytes);
        re2::StringPiece block(text.data() + from, line - from);
        while (re2::RE2::FindAndConsume(&block, alone, &name)) {
            add(view(name), true);
        }
    }
}

/// "Present: Wen Liu, Jonas Feld and others", also over several lines.
void PersonNames::learn_lists(std::string_view text) {
    static const re2::RE2 list(
        "(?m)^[ \\t*-]*(?:Present|Attendees|Participants|Apologies|Excused|Distribution|"
        "Anwesend|Teilnehmer|Entschuldigt|Verteiler)\\b[^:\\n]{0,20}:((?:[^\\n]+\\n?){1,5})");
    static const re2::RE2 entry("(?:^|[,;.:\\n&]|\\band\\b|\\bund\\b)\\s*" CAIRN_FULL_NAME);
    re2::StringPiece rest(text.data(), text.size());
    re2::StringPiece names;
    while (re2::RE2::FindAndConsume(&rest, list, &names)) {
        re2::StringPiece name;
        while (re2::RE2::FindAndConsume(&names, entry, &name)) {
            add(view(name), true);
        }
    }
}

/// A name has a word that is no ordinary one; on weak evidence (`strict`) all its words are such.
void PersonNames::add(std::string_view name, bool strict) {
    Words words = folded_words(name);
    while (!words.empty() && is_title(words.front())) {
        words.erase(words.begin());  // "Dear Mr Feld"
    }
    const auto unusual = std::count_if(words.begin(), words.end(), [this](const std::string& word) {
        return word.size() >= kPartBytesMin && ordinary_.count(word) == 0;
    });
    const auto all = std::count_if(words.begin(), words.end(), [](const std::string& word) {
        return word.size() >= kPartBytesMin;
    });
    if (name.size() > kNameBytesMax || unusual == 0 || (strict && unusual < all)) {
        return;
    }
    starts_[words.front()].insert(words);
    for (const std::string& word : words) {
        if (word.size() >= kPartBytesMin && ordinary_.count(word) == 0) {
            parts_[word].insert(words);
        }
    }
}

std::vector<PersonalDataHit> PersonNames::find(std::string_view text) const {
    const std::vector<WordAt> words = words_of(text);
    std::vector<PersonalDataHit> found;
    for (std::size_t i = 0; i < words.size();) {
        const Words* whole = nullptr;
        if (const auto there = starts_.find(words[i].folded); there != starts_.end()) {
            for (const Words& name : there->second) {
                const bool longer = whole == nullptr || name.size() > whole->size();
                if (words[i].capital && longer && match(words, i, name) > 0) {
                    whole = &name;
                }
            }
        }
        const auto part = parts_.find(words[i].folded);
        if (whole == nullptr && (part == parts_.end() || !words[i].capital)) {
            ++i;
            continue;
        }
        const std::size_t count = whole == nullptr ? 1 : whole->size();
        const Words alone = {words[i].folded};
        const Words& said = whole == nullptr ? alone : *whole;
        // A part of one known longer name is that person.
        const Words* person = &said;
        if (said.size() == 1 && part != parts_.end()) {
            std::vector<const Words*> longer;
            for (const Words& name : part->second) {
                if (name.size() > 1) longer.push_back(&name);
            }
            if (longer.size() == 1) person = longer.front();
        }
        found.push_back({"PERSON",
                         "name of a person, announced in this source",
                         {words[i].span.begin, words[i + count - 1].span.end},
                         joined(*person)});
        i += count;
    }
    return found;
}

}  // namespace cairn::data
