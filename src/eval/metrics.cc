// SPDX-License-Identifier: Apache-2.0
// All text is compared as the terms of text::search_terms, the same terms that search uses.
#include "cairn/eval/metrics.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "cairn/text/search_terms.h"

namespace cairn::eval {
namespace {

constexpr double kSupportRecall = 0.7;

/// Terms without the parts of identifiers and without the single characters inside bigrams.
std::vector<std::string> terms_of(std::string_view text) {
    std::vector<std::string> out;
    for (text::SearchTerm& term : text::search_terms(text)) {
        out.push_back(std::move(term.text));
    }
    return out;
}

std::map<std::string, int> bag_of(std::string_view text) {
    std::map<std::string, int> bag;
    for (std::string& term : terms_of(text)) {
        ++bag[std::move(term)];
    }
    return bag;
}

int size_of(const std::map<std::string, int>& bag) {
    int size = 0;
    for (const auto& [term, count] : bag) {
        size += count;
    }
    return size;
}

int common(const std::map<std::string, int>& a, const std::map<std::string, int>& b) {
    int both = 0;
    for (const auto& [term, count] : a) {
        auto other = b.find(term);
        both += other == b.end() ? 0 : std::min(count, other->second);
    }
    return both;
}

/// Tags as spaces: a gold quote from HTML may run over table cells.
std::string without_tags(std::string_view text) {
    std::string out;
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char next = i + 1 < text.size() ? text[i + 1] : ' ';
        if (text[i] == '<' && (next == '/' || std::isalpha(static_cast<unsigned char>(next)))) {
            inside = true;
        }
        out += inside ? ' ' : text[i];
        if (text[i] == '>') {
            inside = false;
        }
    }
    return out;
}

bool has_digit(std::string_view term) {
    return std::any_of(term.begin(), term.end(),
                       [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

std::string_view trimmed(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) {
        return {};
    }
    return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        if (!line.empty()) {
            lines.push_back(line);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// What a line shows of the structure: itself, its label, its list mark, its opening and its end.
void add_markers(std::string_view line, std::string_view place, std::set<std::string>& out) {
    out.insert("line: " + std::string(line));
    const std::size_t colon = std::min(line.find(':'), line.find("："));
    if (colon != std::string_view::npos && colon > 0 && colon <= 40) {
        out.insert("label: " + std::string(line.substr(0, colon)));
    }
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("• ")) {
        out.insert("list of bullets");
    } else if (std::isdigit(static_cast<unsigned char>(line.front())) != 0 && line.size() > 2 &&
               (line[1] == '.' || line[1] == ')') && line[2] == ' ') {
        out.insert("list of numbers");
    }
    if (!place.empty()) {
        out.insert(std::string(place) + " begins: " + std::string(line.substr(0, line.find(' '))));
        out.insert(std::string(place) + " ends: " + std::string(1, line.back()));
    }
}

std::set<std::string> markers_of(std::string_view reply) {
    std::set<std::string> out;
    const std::vector<std::string_view> lines = lines_of(reply);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string_view place = i == 0                  ? "first line"
                                       : i + 1 == lines.size() ? "last line"
                                                               : "";
        add_markers(lines[i], place, out);
    }
    return out;
}

}  // namespace

std::string normalise_answer(std::string_view text) {
    std::string out;
    for (const text::SearchTerm& term : text::search_terms(text)) {
        if (!term.overlap) {
            out += (out.empty() ? "" : " ") + term.text;
        }
    }
    return out;
}

bool exact_match(std::string_view answer, std::string_view gold) {
    return normalise_answer(answer) == normalise_answer(gold);
}

double term_f1(std::string_view answer, std::string_view gold) {
    const auto a = bag_of(answer);
    const auto b = bag_of(gold);
    if (a.empty() && b.empty()) {
        return 1;
    }
    return 2.0 * common(a, b) / (size_of(a) + size_of(b));
}

double term_recall(std::string_view answer, std::string_view gold) {
    const auto b = bag_of(gold);
    return b.empty() ? 1 : static_cast<double>(common(bag_of(answer), b)) / size_of(b);
}

bool quote_supports(std::string_view quote, std::string_view gold_quote,
                    std::string_view gold_answer) {
    const std::string gold = without_tags(gold_quote);
    const auto held = bag_of(without_tags(quote));
    const auto wanted = bag_of(gold);
    if (wanted.empty() || static_cast<double>(common(held, wanted)) <
                              kSupportRecall * static_cast<double>(size_of(wanted))) {
        return false;
    }
    const auto answer = bag_of(gold_answer);
    return std::all_of(answer.begin(), answer.end(), [&](const auto& term) {
        return !has_digit(term.first) || !wanted.contains(term.first) || held.contains(term.first);
    });
}

ReplyStructure ReplyStructure::learn(std::span<const std::string> replies, double share_min) {
    std::map<std::string, int> counts;
    for (const std::string& reply : replies) {
        for (const std::string& marker : markers_of(reply)) {
            ++counts[marker];
        }
    }
    ReplyStructure out;
    const double least = share_min * static_cast<double>(replies.size());
    for (const auto& [marker, count] : counts) {
        if (count >= least && count >= 2) {
            out.markers_.push_back(marker);
        }
    }
    return out;
}

double ReplyStructure::match(std::string_view reply) const {
    if (markers_.empty()) {
        return 1;
    }
    const std::set<std::string> held = markers_of(reply);
    const auto found = std::count_if(markers_.begin(), markers_.end(),
                                     [&](const std::string& m) { return held.contains(m); });
    return static_cast<double>(found) / static_cast<double>(markers_.size());
}

}  // namespace cairn::eval
