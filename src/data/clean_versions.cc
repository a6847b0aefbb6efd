// SPDX-License-Identifier: Apache-2.0
// Which documents say the same, and which of them is the one to keep. The rule, in this order: not
// in an archive or a copy; the newer date in name, title or head of the text; the file changed an
// hour or more later; the shorter path; the path's byte order.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <unordered_map>

#include "cairn/base/hash.h"
#include "cairn/data/near_duplicates.h"
#include "cairn/text/segment.h"
#include "cairn/text/unicode.h"
#include "text_edits.h"

namespace cairn::data {
namespace {

constexpr double kNearJaccard = 0.8;
constexpr double kNearContainment = 0.9;
constexpr double kVersionJaccard = 0.5;  // together with the same name but for year and version
constexpr std::size_t kSentenceWordsMin = 6;
constexpr std::size_t kContradictionsMax = 1000;
constexpr std::size_t kFormDocuments = 5;  // a sentence in that many documents is a form or footer
constexpr std::size_t kHeadBytes = 600;
constexpr std::int64_t kHourNs = std::int64_t{3600} * 1'000'000'000;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// A sentence with each number as "0"; `numbers` gets them in order.
std::string without_numbers(std::string_view sentence, std::string& numbers) {
    std::string key;
    for (std::size_t i = 0; i < sentence.size();) {
        if (!is_digit(sentence[i])) {
            key += sentence[i++];
            continue;
        }
        std::size_t end = i;
        while (end < sentence.size() &&
               (is_digit(sentence[end]) ||
                ((sentence[end] == '.' || sentence[end] == ',') && end + 1 < sentence.size() &&
                 is_digit(sentence[end + 1])))) {
            ++end;
        }
        numbers += std::string(sentence.substr(i, end - i)) + ";";
        key += '0';
        i = end;
    }
    return key;
}

struct NumberedSentence {
    std::uint64_t key = 0;
    text::Span span;
    std::string numbers;
};

std::size_t count_words(std::string_view sentence) {
    std::size_t count = 0;
    for (const text::Span& word : text::words(sentence)) {
        count += is_digit(word.of(sentence).front()) ? 0 : 1;
    }
    return count;
}

/// Sentences with numbers and at least six other words: "In force from 1 May 2025" says nothing
/// that another document could contradict.
std::vector<NumberedSentence> numbered_sentences(std::string_view text) {
    std::vector<NumberedSentence> found;
    for (const text::Span& span : text::sentences(text)) {
        std::string numbers;
        std::string key = without_numbers(span.of(text), numbers);
        if (!numbers.empty() && count_words(span.of(text)) >= kSentenceWordsMin) {
            found.push_back({hash64(text::casefold(key)), span, std::move(numbers)});
        }
    }
    return found;
}

/// `spans` in order and apart.
bool overlaps(const std::vector<text::Span>& spans, const text::Span& one) {
    const auto next =
        std::upper_bound(spans.begin(), spans.end(), one.begin,
                         [](std::int64_t at, const text::Span& span) { return at < span.end; });
    return next != spans.end() && next->begin < one.end;
}

struct Place {
    std::size_t document;
    NumberedSentence sentence;
};

/// Pairs of places in one source that say other numbers.
void compare_places(const std::vector<text::Document>& documents,
                    const std::vector<EditedText>& texts, const std::vector<Place>& same,
                    std::vector<Contradiction>& found) {
    for (std::size_t a = 0; a < same.size(); ++a) {
        for (std::size_t b = a + 1; b < same.size(); ++b) {
            std::size_t first = same[a].document;
            std::size_t second = same[b].document;
            if (documents[first].source == documents[second].source &&
                same[a].sentence.numbers != same[b].sentence.numbers &&
                found.size() < kContradictionsMax) {
                found.push_back(
                    {documents[first].id, texts[first].map.to_original(same[a].sentence.span),
                     documents[second].id, texts[second].map.to_original(same[b].sentence.span)});
            }
        }
    }
}

/// File name without folder, ending, digits and words that mark versions.
std::string stem_of(std::string_view path) {
    std::size_t slash = path.rfind('/');
    std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
    name = text::casefold(name.substr(0, name.rfind('.')));
    static const re2::RE2 marks(
        "(?:\\b|_)(?:v|version|rev|copy|kopie|final|draft|old|new|alt|neu|backup)(?:\\b|_|\\d)|"
        "\\d+");
    re2::RE2::GlobalReplace(&name, marks, " ");
    std::string stem;
    for (char c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
            static_cast<unsigned char>(c) >= 0x80) {
            stem += c;
        }
    }
    return stem;
}

bool is_set_aside(std::string_view path) {
    std::string folded = text::casefold(path);
    static const re2::RE2 words(
        "(?:^|[^a-z])(?:archive|archiv|copy|kopie|old|alt|backup|bak|obsolete|deprecated)"
        "(?:[^a-z]|$)");
    return re2::RE2::PartialMatch(folded, words);
}

int month_number(std::string_view name) {
    constexpr std::array<std::string_view, 24> kNames = {
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        "jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"};
    std::string folded = text::casefold(name);
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (folded.starts_with(kNames[i])) {
            return static_cast<int>(i % 12) + 1;
        }
    }
    return 0;
}

bool is_year(int year) {
    return year >= 1980 && year <= 2099;
}

/// Newest of all dates in a text as yyyymmdd.
int newest_date(std::string_view text) {
    int newest = 0;
    auto take = [&newest](int year, int month, int day) {
        if (is_year(year) && month >= 0 && month <= 12 && day >= 0 && day <= 31) {
            newest = std::max(newest, year * 10000 + month * 100 + day);
        }
    };
    int year = 0;
    int month = 0;
    int day = 0;
    std::string name;
    static const re2::RE2 iso("\\b(\\d{4})[-年](\\d{1,2})(?:[-月](\\d{1,2}))?");
    static const re2::RE2 worded("\\b(\\d{1,2})\\.? ([A-Za-zä]{3,9})\\.? (\\d{4})\\b");
    static const re2::RE2 dotted("\\b(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})\\b");
    static const re2::RE2 alone("(?:^|\\D)((?:19|20)\\d{2})(?:\\D|$)");
    re2::StringPiece rest(text.data(), text.size());
    std::string day_text;
    while (re2::RE2::FindAndConsume(&rest, iso, &year, &month, &day_text)) {
        take(year, month,
             day_text.empty() ? 0
                              : (day_text[0] - '0') * (day_text.size() > 1 ? 10 : 1) +
                                    (day_text.size() > 1 ? day_text[1] - '0' : 0));
    }
    rest = re2::StringPiece(text.data(), text.size());
    while (re2::RE2::FindAndConsume(&rest, worded, &day, &name, &year)) {
        take(year, month_number(name), day);
    }
    rest = re2::StringPiece(text.data(), text.size());
    while (re2::RE2::FindAndConsume(&rest, dotted, &day, &month, &year)) {
        take(year, month, day);
    }
    rest = re2::StringPiece(text.data(), text.size());
    while (re2::RE2::FindAndConsume(&rest, alone, &year)) {
        take(year, 0, 0);
    }
    return newest;
}

/// Everything that decides which of two documents stays.
struct Standing {
    bool aside = false;
    int date = 0;
    std::int64_t modified_ns = 0;
    std::string_view path;
};

bool is_better(const Standing& a, const Standing& b) {
    if (a.aside != b.aside) {
        return !a.aside;
    }
    if (a.date != b.date && a.date != 0 && b.date != 0) {
        return a.date > b.date;
    }
    std::int64_t later = a.modified_ns - b.modified_ns;
    if (later >= kHourNs || later <= -kHourNs) {
        return later > 0;
    }
    return a.path.size() != b.path.size() ? a.path.size() < b.path.size() : a.path < b.path;
}

std::string why_better(const Standing& kept, const Standing& other) {
    if (kept.aside != other.aside) {
        return "the other lies in an archive or is a copy by its name";
    }
    if (kept.date != other.date && kept.date != 0 && other.date != 0) {
        return "it tells the newer date";
    }
    std::int64_t later = kept.modified_ns - other.modified_ns;
    if (later >= kHourNs) {
        return "its file was changed later";
    }
    return "its path is shorter or first in order";
}

/// Judges the documents of one source.
class VersionFinder {
  public:
    VersionFinder(const std::vector<text::Document>& documents,
                  const std::vector<EditedText>& texts,
                  const std::vector<std::int64_t>& modified_ns, std::vector<std::size_t> members)
        : documents_(documents), texts_(texts), members_(std::move(members)) {
        for (std::size_t i : members_) {
            standings_[i] = {is_set_aside(documents[i].path), date_evidence(documents[i]),
                             i < modified_ns.size() ? modified_ns[i] : 0, documents[i].path};
        }
    }

    std::vector<LeftOut> find() {
        exact();
        near();
        return std::move(left_out_);
    }

  private:
    void leave_out(std::size_t document, std::size_t kept, ChangeKind kind,
                   const std::string& what) {
        left_out_.push_back({document, kept, kind,
                             what + " " + documents_[kept].path + ", which stays because " +
                                 why_better(standings_[kept], standings_[document])});
        gone_.insert(document);
    }

    void exact() {
        std::map<std::uint64_t, std::vector<std::size_t>> groups;
        for (std::size_t i : members_) {
            std::string folded = text::casefold(texts_[i].text);
            std::string squeezed;
            for (char c : folded) {
                if (std::isspace(static_cast<unsigned char>(c)) == 0) {
                    squeezed += c;
                }
            }
            groups[hash64(squeezed)].push_back(i);
        }
        for (const auto& [digest, group] : groups) {
            std::size_t best = best_of(group);
            for (std::size_t i : group) {
                if (i != best) {
                    leave_out(i, best, ChangeKind::kExactDuplicate, "the same text as");
                }
            }
        }
    }

    std::size_t best_of(const std::vector<std::size_t>& group) {
        return *std::min_element(group.begin(), group.end(), [this](std::size_t a, std::size_t b) {
            return is_better(standings_[a], standings_[b]);
        });
    }

    /// Pairs that are near duplicates or versions by similarity and name.
    void near() {
        std::vector<std::size_t> left;
        std::vector<Shingles> sets;
        for (std::size_t i : members_) {
            if (gone_.count(i) == 0) {
                left.push_back(i);
                sets.push_back(shingles_of(texts_[i].text));
            }
        }
        std::vector<SimilarPair> joined;
        std::map<std::pair<std::size_t, std::size_t>, double> direct;
        for (const SimilarPair& pair : similar_pairs(sets, kVersionJaccard)) {
            bool near = pair.jaccard >= kNearJaccard || pair.containment >= kNearContainment;
            if (near ||
                stem_of(documents_[left[pair.a]].path) == stem_of(documents_[left[pair.b]].path)) {
                joined.push_back(pair);
                direct[{left[pair.a], left[pair.b]}] = pair.jaccard;
            }
        }
        std::map<std::size_t, std::vector<std::size_t>> clusters;
        std::vector<std::size_t> roots = cluster_roots(left.size(), joined);
        for (std::size_t i = 0; i < left.size(); ++i) {
            clusters[roots[i]].push_back(left[i]);
        }
        for (auto& [root, cluster] : clusters) {
            settle(std::move(cluster), direct);
        }
    }

    /// Keeps the best, leaves out those that are directly like it, and goes on with the rest.
    void settle(std::vector<std::size_t> cluster,
                const std::map<std::pair<std::size_t, std::size_t>, double>& direct) {
        while (cluster.size() > 1) {
            std::size_t best = best_of(cluster);
            std::vector<std::size_t> rest;
            for (std::size_t i : cluster) {
                auto pair = direct.find({std::min(i, best), std::max(i, best)});
                if (i != best && pair != direct.end()) {
                    judge(i, best, pair->second);
                } else if (i != best) {
                    rest.push_back(i);
                }
            }
            cluster = std::move(rest);
        }
    }

    void judge(std::size_t document, std::size_t kept, double similarity) {
        std::string share = std::to_string(static_cast<int>(similarity * 100)) + " % alike";
        if (numbers_differ(texts_[document].text, texts_[kept].text)) {
            leave_out(document, kept, ChangeKind::kOldVersion,
                      share + ", with other numbers in the same sentences, as");
        } else {
            leave_out(document, kept, ChangeKind::kNearDuplicate, share + " as");
        }
    }

    const std::vector<text::Document>& documents_;
    const std::vector<EditedText>& texts_;
    std::vector<std::size_t> members_;
    std::map<std::size_t, Standing> standings_;
    std::set<std::size_t> gone_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

int date_evidence(const text::Document& document) {
    std::size_t slash = document.path.rfind('/');
    std::string_view name = document.path;
    int by_name = newest_date(name.substr(slash == std::string::npos ? 0 : slash + 1));
    int by_title = newest_date(document.title);
    if (by_name != 0 || by_title != 0) {
        return std::max(by_name, by_title);
    }
    return newest_date(std::string_view(document.text).substr(0, kHeadBytes));
}

bool numbers_differ(std::string_view a, std::string_view b) {
    std::multimap<std::uint64_t, std::string> numbers;
    for (NumberedSentence& sentence : numbered_sentences(a)) {
        numbers.emplace(sentence.key, std::move(sentence.numbers));
    }
    for (const NumberedSentence& sentence : numbered_sentences(b)) {
        auto [begin, end] = numbers.equal_range(sentence.key);
        bool same = std::any_of(
            begin, end, [&](const auto& entry) { return entry.second == sentence.numbers; });
        if (begin != end && !same) {
            return true;
        }
    }
    return false;
}

std::vector<LeftOut> find_left_out(const std::vector<text::Document>& documents,
                                   const std::vector<EditedText>& texts,
                                   const std::vector<std::int64_t>& modified_ns) {
    std::map<std::string, std::vector<std::size_t>> by_source;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        by_source[documents[i].source].push_back(i);
    }
    std::vector<LeftOut> all;
    for (auto& [source, members] : by_source) {
        VersionFinder finder(documents, texts, modified_ns, std::move(members));
        for (LeftOut& one : finder.find()) {
            all.push_back(std::move(one));
        }
    }
    std::sort(all.begin(), all.end(),
              [](const LeftOut& a, const LeftOut& b) { return a.document < b.document; });
    return all;
}

std::vector<Contradiction> find_contradictions(const std::vector<text::Document>& documents,
                                               const std::vector<EditedText>& texts,
                                               const std::vector<Boilerplate>& boilerplate) {
    std::unordered_map<std::uint64_t, std::vector<Place>> places;
    std::vector<std::uint64_t> order;  // of first appearance, so that the result is the same always
    for (std::size_t i = 0; i < documents.size(); ++i) {
        if (documents[i].media_type == "text/csv") {
            continue;  // rows of a table differ in their numbers by nature
        }
        for (NumberedSentence& sentence : numbered_sentences(texts[i].text)) {
            if (overlaps(boilerplate[i].spans, sentence.span)) {
                continue;
            }
            std::vector<Place>& same = places[sentence.key];
            if (same.empty()) {
                order.push_back(sentence.key);
            }
            if (same.size() < kFormDocuments && (same.empty() || same.back().document != i)) {
                same.push_back({i, std::move(sentence)});
            }
        }
    }
    std::vector<Contradiction> found;
    for (std::uint64_t key : order) {
        const std::vector<Place>& same = places[key];
        if (same.size() < kFormDocuments) {
            compare_places(documents, texts, same, found);
        }
    }
    return found;
}

}  // namespace cairn::data
