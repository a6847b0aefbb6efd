// SPDX-License-Identifier: Apache-2.0
// Frames by kind of question, filled with pieces of the sentence; then words are roughened.
#include "question_maker.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>

#include "synonyms.h"

namespace cairn::train {
namespace {

using Words = std::vector<std::string>;

const std::set<std::string, std::less<>>& function_words() {
    static const std::set<std::string, std::less<>> words = {
        "a",     "about", "above",  "after",   "again", "all",    "also",    "am",    "an",
        "and",   "any",   "are",    "as",      "at",    "be",     "because", "been",  "before",
        "being", "both",  "but",    "by",      "can",   "could",  "did",     "do",    "does",
        "each",  "else",  "etc",    "every",   "for",   "from",   "had",     "has",   "have",
        "he",    "her",   "here",   "him",     "his",   "how",    "however", "i",     "if",
        "in",    "into",  "is",     "it",      "its",   "just",   "like",    "may",   "me",
        "might", "more",  "most",   "must",    "my",    "no",     "nor",     "not",   "of",
        "off",   "on",    "once",   "only",    "or",    "other",  "our",     "out",   "over",
        "own",   "s",     "same",   "shall",   "she",   "should", "so",      "some",  "such",
        "t",     "than",  "that",   "the",     "their", "them",   "then",    "there", "these",
        "they",  "this",  "those",  "to",      "too",   "under",  "until",   "up",    "us",
        "very",  "was",   "we",     "well",    "were",  "what",   "when",    "where", "which",
        "while", "who",   "whom",   "why",     "will",  "with",   "would",   "you",   "your",
        "via",   "per",   "within", "without", "upon",  "yes",    "many",    "much",  "let"};
    return words;
}

/// Rows of kSynonyms by their first word.
const std::map<std::string, Words, std::less<>>& synonyms() {
    static const std::map<std::string, Words, std::less<>> table = [] {
        std::map<std::string, Words, std::less<>> map;
        for (std::string_view row : kSynonyms) {
            Words words;
            while (!row.empty()) {
                const std::size_t end = std::min(row.find('|'), row.size());
                words.emplace_back(row.substr(0, end));
                row.remove_prefix(std::min(end + 1, row.size()));
            }
            map[words[0]] = Words(words.begin() + 1, words.end());
        }
        return map;
    }();
    return table;
}

bool is_letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_upper(char c) {
    return std::isupper(static_cast<unsigned char>(c)) != 0;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

/// Words with their inner punctuation; marks at both ends are cut off, bytes above ASCII stay.
Words split_words(std::string_view text) {
    Words words;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = text.find_first_of(" \n\t", at);
        if (end == std::string_view::npos) end = text.size();
        std::string_view word = text.substr(at, end - at);
        const auto keep = [](char c) {
            return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 128 ||
                   c == '$' || c == '%';
        };
        while (!word.empty() && !keep(word.front()))
            word.remove_prefix(1);
        while (!word.empty() && !keep(word.back()))
            word.remove_suffix(1);
        if (!word.empty()) words.emplace_back(word);
        at = end + 1;
    }
    return words;
}

bool is_function(std::string_view word) {
    return function_words().contains(lower(word));
}

bool has_digit(std::string_view word) {
    return std::any_of(word.begin(), word.end(), is_digit);
}

std::string join(const Words& words, std::size_t begin, std::size_t end) {
    std::string out;
    for (std::size_t i = begin; i < std::min(end, words.size()); ++i) {
        if (!out.empty()) out += ' ';
        out += words[i];
    }
    return out;
}

const std::string& pick(const Words& words, Rng& rng) {
    return words[rng.below(words.size())];
}

/// "policies" <-> "policy", "reviewed" -> "review": another form that people may use.
std::string inflected(const std::string& word, Rng& rng) {
    const auto ends = [&](std::string_view tail) { return word.ends_with(tail); };
    if (word.size() < 5) return word;
    if (ends("ies")) return word.substr(0, word.size() - 3) + "y";
    if (ends("ing")) return word.substr(0, word.size() - 3);
    if (ends("ed")) return word.substr(0, word.size() - (rng.below(2) == 0 ? 1 : 2));
    if (ends("s") && !ends("ss")) return word.substr(0, word.size() - 1);
    if (ends("y")) return word;
    return word + (rng.below(3) == 0 ? "ing" : "s");
}

/// One letter too few, or two in the wrong order.
std::string mistyped(std::string word, Rng& rng) {
    if (word.size() < 5) return word;
    const std::size_t at = 1 + rng.below(word.size() - 2);
    if (rng.below(2) == 0) {
        word.erase(at, 1);
    } else {
        std::swap(word[at], word[at - 1]);
    }
    return word;
}

std::string asked_word(const std::string& word, Rng& rng) {
    static const std::map<std::string, std::string, std::less<>> persons = {
        {"you", "I"}, {"your", "my"}, {"we", "we"}, {"our", "our"}, {"yourself", "myself"}};
    const std::string small = lower(word);
    if (const auto person = persons.find(small); person != persons.end()) {
        return rng.below(3) != 0 ? person->second : word;
    }
    const auto found = synonyms().find(small);
    if (found != synonyms().end() && rng.below(3) != 0) return pick(found->second, rng);
    if (is_function(word) || has_digit(word)) return word;
    if (rng.below(8) == 0) return inflected(word, rng);
    if (rng.below(30) == 0) return mistyped(word, rng);
    return word;
}

/// Some words go, some change; order stays.
std::string rough(const Words& words, Rng& rng, double drop) {
    Words kept;
    for (const std::string& word : words) {
        if (rng.uniform() < (is_function(word) ? drop * 0.5 : drop)) continue;
        kept.push_back(asked_word(word, rng));
    }
    return join(kept, 0, kept.size());
}

std::string lower_first(std::string text) {
    const bool acronym = text.size() > 1 && is_upper(text[1]);
    if (!text.empty() && !acronym) text[0] = static_cast<char>(std::tolower(text[0]));
    return text;
}

std::string upper_first(std::string text) {
    if (!text.empty()) {
        text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    }
    return text;
}

struct Sentence {
    Words words;
    std::size_t auxiliary = 0;  // index of the first is/can/must ..., or words.size()
    std::size_t number = 0;     // index of the first number, or words.size()
};

bool is_auxiliary(std::string_view word) {
    static const std::set<std::string, std::less<>> list = {
        "is",   "are",   "was",   "were", "can",  "must",   "should", "may",
        "will", "shall", "could", "has",  "have", "cannot", "would",  "might"};
    return list.contains(lower(word));
}

Sentence analyse(std::string_view text) {
    Sentence sentence;
    sentence.words = split_words(text);
    const std::size_t none = sentence.words.size();
    sentence.auxiliary = none;
    sentence.number = none;
    for (std::size_t i = 0; i < none; ++i) {
        if (i > 0 && sentence.auxiliary == none && is_auxiliary(sentence.words[i])) {
            sentence.auxiliary = i;
        }
        if (sentence.number == none && has_digit(sentence.words[i])) sentence.number = i;
    }
    return sentence;
}

/// Content words of a window of the sentence, in order, as a phrase.
std::string topic_phrase(const Words& words, Rng& rng, std::size_t length) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (!is_function(words[i])) places.push_back(i);
    }
    if (places.empty()) return {};
    const std::size_t first = places[rng.below(places.size())];
    std::size_t last = std::min(words.size() - 1, first + length - 1);
    while (last > first && is_function(words[last]))
        --last;
    Words part(words.begin() + static_cast<std::ptrdiff_t>(first),
               words.begin() + static_cast<std::ptrdiff_t>(last + 1));
    return rough(part, rng, 0.05);
}

std::string ask_topic(const Sentence& s, std::string_view heading, Rng& rng) {
    static const Words frames = {"What does it say about ",        "What is said about ",
                                 "What do I need to know about ",  "Tell me about ",
                                 "What is the rule for ",          "What about ",
                                 "Is there anything on ",          "What should I know about ",
                                 "Where can I find something on ", "Explain "};
    std::string topic = topic_phrase(s.words, rng, 2 + rng.below(5));
    if (!heading.empty() && rng.below(4) == 0) {
        topic += (rng.below(2) == 0 ? " in " : " for ") + lower(heading);
    }
    const std::string second = topic_phrase(s.words, rng, 1 + rng.below(3));
    if (rng.below(2) == 0 && topic.find(second) == std::string::npos) topic += " and " + second;
    return topic.empty() ? "" : pick(frames, rng) + lower_first(topic) + "?";
}

std::string ask_keywords(const Sentence& s, Rng& rng) {
    Words content;
    for (const std::string& word : s.words) {
        if (!is_function(word)) content.push_back(lower(asked_word(word, rng)));
    }
    if (content.size() < 3) return {};
    rng.shuffle(content);
    content.resize(std::min<std::size_t>(content.size(), 2 + rng.below(4)));
    return join(content, 0, content.size()) + (rng.below(2) == 0 ? "?" : "");
}

std::string number_frame(const Sentence& s, Rng& rng) {
    const std::string& word = s.words[s.number];
    const std::string next =
        s.number + 1 < s.words.size() ? lower(s.words[s.number + 1]) : std::string();
    if (word.find('$') != std::string::npos || next == "dollars" || next == "euros") {
        return rng.below(2) == 0 ? "How much " : "What amount ";
    }
    if (word.find('%') != std::string::npos || next == "percent") return "What percentage ";
    const bool year = word.size() == 4 && (word.starts_with("19") || word.starts_with("20"));
    if (year) return rng.below(2) == 0 ? "When " : "In which year ";
    if (next == "minutes" || next == "hours" || next == "days" || next == "weeks" ||
        next == "months" || next == "years" || next == "seconds") {
        const std::size_t choice = rng.below(3);
        return choice == 0 ? "How long " : choice == 1 ? "How many " + next + " " : "When ";
    }
    if (!next.empty() && next.ends_with('s') && is_letter(next[0])) return "How many " + next + " ";
    return rng.below(2) == 0 ? "Which number " : "How many ";
}

std::string ask_number(const Sentence& s, Rng& rng) {
    if (s.number >= s.words.size()) return {};
    Words rest;
    for (std::size_t i = 0; i < s.words.size(); ++i) {
        if (i != s.number) rest.push_back(s.words[i]);
    }
    const std::size_t length = std::min<std::size_t>(rest.size(), 4 + rng.below(8));
    const std::size_t first = rng.below(rest.size() - length + 1);
    const Words part(rest.begin() + static_cast<std::ptrdiff_t>(first),
                     rest.begin() + static_cast<std::ptrdiff_t>(first + length));
    static const Words helpers = {"", "do ", "does ", "is ", "are ", "can "};
    return number_frame(s, rng) + pick(helpers, rng) + lower_first(rough(part, rng, 0.12)) + "?";
}

/// "X must Y" -> "Must X Y?", "Who must Y?", "What must X do?", "What is X?"
std::string ask_inverted(const Sentence& s, Rng& rng) {
    if (s.auxiliary >= s.words.size() || s.auxiliary > 8) return {};
    const Words subject(s.words.begin(),
                        s.words.begin() + static_cast<std::ptrdiff_t>(s.auxiliary));
    const Words rest(s.words.begin() + static_cast<std::ptrdiff_t>(s.auxiliary + 1), s.words.end());
    if (rest.empty()) return {};
    const std::string helper = lower(s.words[s.auxiliary]);
    const std::size_t length = std::min<std::size_t>(rest.size(), 3 + rng.below(8));
    const Words tail(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length));
    const std::string who = lower_first(rough(subject, rng, 0.08));
    const std::string what = rough(tail, rng, 0.1);
    static const Words asking = {"Who ", "What ", "Which one "};
    static const Words questioning = {"Why ", "When ", "How ", "Where ", "What "};
    switch (rng.below(4)) {
        case 0:
            return upper_first(helper) + " " + who + " " + what + "?";
        case 1:
            return pick(asking, rng) + helper + " " + what + "?";
        case 2:
            return pick(questioning, rng) + helper + " " + who + " " + what + "?";
        default:
            return helper == "is" || helper == "are" ? "What " + helper + " " + who + "?"
                                                     : "What " + helper + " " + who + " do?";
    }
}

/// Uses the action behind "to", "can", "must", or an imperative.
std::string ask_action(const Sentence& s, Rng& rng) {
    static const Words frames = {"How do I ",        "How can I ",     "Do I have to ",
                                 "Am I allowed to ", "When should I ", "What happens if I ",
                                 "Can we ",          "Who can ",       "How does one ",
                                 "Why should I ",    "Where do I "};
    std::size_t first = s.words.size();
    for (std::size_t i = 0; i + 3 < s.words.size(); ++i) {
        const std::string word = lower(s.words[i]);
        const bool opens = word == "to" || word == "can" || word == "must" || word == "should" ||
                           word == "may" || word == "please";
        if (opens && !is_function(s.words[i + 1])) {
            first = i + 1;
            if (rng.below(2) == 0) break;
        }
    }
    if (first >= s.words.size()) {
        if (s.words.size() < 4 || is_function(s.words[0]) || s.auxiliary < s.words.size())
            return {};
        first = 0;
    }
    const std::size_t length = std::min<std::size_t>(s.words.size() - first, 3 + rng.below(7));
    const Words part(s.words.begin() + static_cast<std::ptrdiff_t>(first),
                     s.words.begin() + static_cast<std::ptrdiff_t>(first + length));
    return pick(frames, rng) + lower_first(rough(part, rng, 0.1)) + "?";
}

/// A question word in front of the whole sentence with some words left out.
std::string ask_plain(const Sentence& s, Rng& rng) {
    static const Words frames = {
        "What ",       "Which ", "Who ",       "When ",         "Where ",
        "Why ",        "How ",   "How often ", "What kind of ", "Is it true that ",
        "What is the "};
    const std::size_t length = std::min<std::size_t>(s.words.size(), 4 + rng.below(8));
    const std::size_t first = rng.below(s.words.size() - length + 1);
    const Words part(s.words.begin() + static_cast<std::ptrdiff_t>(first),
                     s.words.begin() + static_cast<std::ptrdiff_t>(first + length));
    return pick(frames, rng) + lower_first(rough(part, rng, 0.2)) + "?";
}

/// The sentence with a gap.
std::string ask_gap(const Sentence& s, Rng& rng) {
    std::vector<std::size_t> places;
    for (std::size_t i = 1; i < s.words.size(); ++i) {
        if (!is_function(s.words[i])) places.push_back(i);
    }
    if (places.size() < 4) return {};
    std::size_t gap = places[rng.below(places.size())];
    if (s.number < s.words.size() && rng.below(2) == 0) gap = s.number;
    Words words = s.words;
    words[gap] = "...";
    const std::size_t first = gap > 6 ? gap - 6 : 0;
    return "Complete: " + join(words, first, gap + 6);
}

}  // namespace

std::vector<std::string> content_words(std::string_view sentence) {
    Words content;
    for (const std::string& word : split_words(sentence)) {
        if (!is_function(word)) content.push_back(lower(word));
    }
    return content;
}

std::string stem(std::string_view word) {
    std::string s = lower(word);
    static const std::array<std::string_view, 10> tails = {
        "ations", "ation", "ments", "ment", "ings", "ing", "ies", "ed", "es", "s"};
    for (std::string_view tail : tails) {
        if (s.size() >= tail.size() + 3 && s.ends_with(tail)) {
            s.resize(s.size() - tail.size());
            break;
        }
    }
    if (s.size() > 3 && (s.back() == 'e' || s.back() == 'y' || s.back() == 'i')) s.pop_back();
    return s;
}

std::string make_question(std::string_view sentence, std::string_view heading, Rng& rng) {
    const Sentence s = analyse(sentence);
    if (s.words.size() < 5 || content_words(sentence).size() < 3) return {};
    std::string question;
    for (int attempt = 0; attempt < 6 && question.empty(); ++attempt) {
        const std::uint64_t kind = rng.below(20);
        if (s.number < s.words.size() && kind < 7) {
            question = ask_number(s, rng);
        } else if (kind < 6) {
            question = ask_inverted(s, rng);
        } else if (kind < 10) {
            question = ask_action(s, rng);
        } else if (kind < 13) {
            question = ask_topic(s, heading, rng);
        } else if (kind < 16) {
            question = ask_keywords(s, rng);
        } else if (kind < 19) {
            question = ask_plain(s, rng);
        } else {
            question = ask_gap(s, rng);
        }
        if (content_words(question).size() < 2) question.clear();
    }
    if (!heading.empty() && question.size() < 60 && rng.below(8) == 0) {
        question.insert(0, std::string(heading) + ": ");
    }
    if (rng.below(8) == 0) question = lower(question);
    return question;
}

bool asks_for_number(std::string_view question) {
    static constexpr std::array<std::string_view, 7> kFrames = {
        "how many",        "how much",      "how long",    "what amount",
        "what percentage", "in which year", "which number"};
    const std::string small = lower(question);
    return std::any_of(kFrames.begin(), kFrames.end(),
                       [&](std::string_view frame) { return small.find(frame) != small.npos; });
}

bool holds_number(std::string_view sentence) {
    return std::any_of(sentence.begin(), sentence.end(), is_digit);
}

std::string with_story(std::string_view question, std::string_view other_sentence, Rng& rng) {
    static const Words before = {"I have read about ", "We talked about ", "I know about ",
                                 "This is not about ", "I work on ",       "Apart from "};
    const Sentence s = analyse(other_sentence);
    const std::string topic = lower_first(topic_phrase(s.words, rng, 2 + rng.below(4)));
    if (topic.empty()) return std::string(question);
    const std::string& frame = pick(before, rng);
    const std::string_view joint = frame == "Apart from " ? ", " : ". ";
    return frame + topic + std::string(joint) + std::string(question);
}

}  // namespace cairn::train
