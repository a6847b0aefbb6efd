// SPDX-License-Identifier: Apache-2.0
// Words are stemmed when the text is read, so that the file does not depend on the stemmer. Words
// with one stem share their relations; the heavier weight counts.
#include "cairn/knowledge/thesaurus.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "embedded/thesaurus.h"
#include "stem.h"

namespace cairn::knowledge {
namespace {

/// The next word of a line; empty at its end.
std::string_view next_word(std::string_view& line) {
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

Error bad_line(int number) {
    return make_error(Code::kInvalid,
                      "thesaurus, line " + std::to_string(number) +
                          ": expected \"word other WEIGHT ...\" with weights of 1 to 100");
}

}  // namespace

Result<Thesaurus> Thesaurus::parse(std::string_view text) {
    std::map<std::string, std::map<std::string, int>> found;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::string word = stem(next_word(line));
        if (word.empty()) return bad_line(number);
        for (std::string_view other = next_word(line); !other.empty(); other = next_word(line)) {
            const std::string_view digits = next_word(line);
            int weight = 0;
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
            if (read.ec != std::errc() || weight < 1 || weight > 100) return bad_line(number);
            const std::string term = stem(other);
            int& kept = found[word][term];
            if (term != word) kept = std::max(kept, weight);
        }
    }
    Thesaurus out;
    for (const auto& [word, others] : found) {
        out.related_[word];  // views of the keys: a map of nodes keeps them where they are
    }
    for (const auto& [word, others] : found) {
        std::vector<Relation>& relations = out.related_[word];
        for (const auto& [term, weight] : others) {
            const auto key = out.related_.find(term);
            if (weight > 0 && key != out.related_.end()) {
                relations.push_back({key->first, weight / 100.0});
            }
        }
        std::stable_sort(relations.begin(), relations.end(),
                         [](const Relation& a, const Relation& b) { return a.weight > b.weight; });
    }
    return out;
}

const Thesaurus& Thesaurus::bundled() {
    static const Thesaurus thesaurus = [] {
        auto parsed = parse(embedded::thesaurus().front().bytes);
        CAIRN_ASSERT(parsed.has_value());
        return std::move(*parsed);
    }();
    return thesaurus;
}

std::span<const Thesaurus::Relation> Thesaurus::related(std::string_view term) const {
    const auto found = related_.find(std::string(term));
    if (found == related_.end()) return {};
    return found->second;
}

}  // namespace cairn::knowledge
