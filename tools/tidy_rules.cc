// SPDX-License-Identifier: Apache-2.0
// The rules of CONTRIBUTING.md. They read clang-formatted text by lines and braces: simple, and
// wrong only where the formatter would be wrong too.
#include "tidy_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace cairn::tidy {
namespace {

constexpr std::size_t kColumnsMax = 100;
constexpr int kFunctionLinesMax = 70;
constexpr int kFileLinesMax = 800;
constexpr std::size_t kPurposeCharactersMin = 20;

struct Source {
    const std::string& path;
    std::vector<std::string> lines;
    std::vector<std::string> code;  ///< the same lines without comments and literals
    std::vector<Finding> findings;

    void add(std::size_t index, std::string rule, std::string message) {
        findings.push_back(
            {path, static_cast<int>(index) + 1, std::move(rule), std::move(message)});
    }
};

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(),
                       [&](std::string_view ending) { return text.ends_with(ending); });
}

bool is_cpp(std::string_view path) {
    return ends_with_any(path, {".cc", ".h"});
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
        text.remove_suffix(1);
    }
    return text;
}

std::size_t indentation(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

/// Position of `word` as a whole word at or after `from`.
std::optional<std::size_t> find_word(std::string_view line, std::string_view word,
                                     std::size_t from = 0) {
    for (std::size_t at = line.find(word, from); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool left = at == 0 || !is_word(line[at - 1]);
        const bool right = end == line.size() || !is_word(line[end]);
        if (left && right) return at;
    }
    return std::nullopt;
}

void check_header(Source& source) {
    const std::size_t first = !source.lines.empty() && source.lines[0].starts_with("#!") ? 1 : 0;
    const bool has_licence =
        source.lines.size() > first &&
        source.lines[first].find("SPDX-License-Identifier: Apache-2.0") != std::string::npos;
    if (!has_licence) {
        source.add(first, "header",
                   "expected 'SPDX-License-Identifier: Apache-2.0', found no licence");
        return;
    }
    if (!is_cpp(source.path)) return;
    const std::string_view purpose =
        source.lines.size() > first + 1 ? trim(source.lines[first + 1]) : std::string_view();
    if (purpose.starts_with("//") && purpose.size() >= kPurposeCharactersMin) return;
    source.add(first + 1, "header", "expected the file's purpose in 1-3 sentences, found none");
}

void check_sizes(Source& source) {
    if (source.lines.size() > static_cast<std::size_t>(kFileLinesMax)) {
        source.add(
            0, "file",
            fmt::format("expected at most {} lines, found {}", kFileLinesMax, source.lines.size()));
    }
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
        // UTF-8 continuation bytes take no column.
        const auto columns = static_cast<std::size_t>(
            std::count_if(source.lines[i].begin(), source.lines[i].end(),
                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
        // Markup is one long line by nature; its scripts are short.
        if (columns > kColumnsMax && !source.path.ends_with(".svelte")) {
            source.add(i, "columns",
                       fmt::format("expected at most {} columns, found {}", kColumnsMax, columns));
        }
    }
}

struct Ban {
    std::string_view word;
    bool call_only;  ///< only as a free function call `word(`
    std::string_view instead;
};

constexpr std::array kBans{
    Ban{"stoi", true, "std::from_chars"},
    Ban{"stol", true, "std::from_chars"},
    Ban{"stoll", true, "std::from_chars"},
    Ban{"stoul", true, "std::from_chars"},
    Ban{"stoull", true, "std::from_chars"},
    Ban{"stof", true, "std::from_chars"},
    Ban{"stod", true, "std::from_chars"},
    Ban{"stold", true, "std::from_chars"},
    Ban{"atoi", true, "std::from_chars"},
    Ban{"atol", true, "std::from_chars"},
    Ban{"atof", true, "std::from_chars"},
    Ban{"rand", true, "cairn::Rng with a seed"},
    Ban{"srand", true, "cairn::Rng with a seed"},
    Ban{"random_device", false, "cairn::Rng with a seed, or random_hex"},
    Ban{"sprintf", true, "fmt::format"},
    Ban{"vsprintf", true, "fmt::format"},
    Ban{"strcpy", true, "std::string"},
    Ban{"strcat", true, "std::string"},
    Ban{"gets", true, "read_file"},
    Ban{"system", true, "run_child"},
    Ban{"popen", true, "run_child"},
    Ban{"std::regex", false, "RE2"},
    Ban{"std::endl", false, "'\\n'"},
};

bool is_free_call(std::string_view line, std::size_t at, std::size_t size) {
    if (at + size >= line.size() || line[at + size] != '(') return false;
    const std::string_view before = line.substr(0, at);
    return !before.ends_with('.') && !before.ends_with("->");
}

void check_bans(Source& source) {
    const bool may_print = source.path.starts_with("src/cli/") ||
                           !source.path.starts_with("src/") || source.path.ends_with("_test.cc");
    // A test may play a library that throws.
    const bool may_throw = source.path.ends_with("_test.cc");
    for (std::size_t i = 0; i < source.code.size(); ++i) {
        const std::string& line = source.code[i];
        const auto check = [&](const Ban& ban) {
            for (auto at = find_word(line, ban.word); at; at = find_word(line, ban.word, *at + 1)) {
                if (ban.call_only && !is_free_call(line, *at, ban.word.size())) continue;
                source.add(i, "banned",
                           fmt::format("expected {}, found {}", ban.instead, ban.word));
            }
        };
        for (const Ban& ban : kBans)
            check(ban);
        if (!may_throw) check({"throw", false, "Result and make_error"});
        if (!may_print) check({"printf", true, "standard output only in src/cli"});
        for (const std::string_view word : {"TODO", "FIXME", "XXX"}) {
            if (find_word(source.lines[i], word)) {
                source.add(i, "todo",
                           fmt::format("expected finished work or an issue, found {}", word));
            }
        }
    }
}

/// Does the statement that ends in "{" begin a function body: "...) const {", "...) -> T {", or an
/// initialiser list?
bool opens_function(std::string_view statement) {
    statement = trim(statement.substr(0, statement.size() - 1));
    if (find_word(statement, "namespace") == 0U || statement.find('(') == std::string_view::npos) {
        return false;
    }
    for (const std::string_view word : {"class", "struct", "enum", "union", "if", "for", "while",
                                        "switch", "else", "do", "try", "return", "case"}) {
        if (find_word(statement, word) == 0U) return false;
    }
    const std::size_t close = statement.rfind(')');
    const std::string_view tail = statement.substr(close + 1);
    if (statement.find(") :") != std::string_view::npos) return true;
    return tail.find_first_of("=;,") == std::string_view::npos;
}

/// A statement's first line: where the text after the last finished statement begins.
std::size_t statement_start(const std::vector<std::string>& code, std::size_t index) {
    while (index > 0) {
        const std::string_view before = trim(code[index - 1]);
        if (before.empty() ||
            ends_with_any(before, {";", "{", "}", "public:", "private:", "protected:"}) ||
            before.starts_with('#')) {
            break;
        }
        --index;
    }
    return index;
}

void check_functions(Source& source) {
    const auto& code = source.code;
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (!trim(code[i]).ends_with('{')) continue;
        const std::size_t start = statement_start(code, i);
        std::string statement;
        for (std::size_t j = start; j <= i; ++j)
            statement += std::string(trim(code[j])) + " ";
        if (!opens_function(trim(statement))) continue;
        const std::size_t depth = indentation(code[start]);
        std::size_t end = i + 1;
        while (end < code.size() &&
               (indentation(code[end]) > depth || !trim(code[end]).starts_with('}'))) {
            ++end;
        }
        const int length = static_cast<int>(end - start) + 1;
        if (length > kFunctionLinesMax) {
            source.add(start, "function",
                       fmt::format("expected functions of at most {} lines, found {}",
                                   kFunctionLinesMax, length));
        }
        i = end;
    }
}

void check_includes(Source& source, const RoomUses& rooms) {
    constexpr std::string_view kRoot = "src/";
    constexpr std::string_view kInclude = "#include \"";
    const std::string room =
        source.path.starts_with(kRoot)
            ? source.path.substr(kRoot.size(), source.path.find('/', kRoot.size()) - kRoot.size())
            : "";
    const auto allowed = rooms.find(room);
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
        const std::string& line = source.lines[i];
        if (!line.starts_with(kInclude)) continue;
        const std::string target = line.substr(kInclude.size(), line.rfind('"') - kInclude.size());
        if (target.starts_with("../")) {
            source.add(i, "include", "expected a path from an include root, found " + target);
        }
        if (allowed == rooms.end() || !target.starts_with("cairn/")) continue;
        const std::string other = target.substr(6, target.find('/', 6) - 6);
        if (allowed->second.contains(other)) continue;
        source.add(i, "room",
                   fmt::format("expected room '{}' to include only {}, found {}", room,
                               fmt::join(allowed->second, " "), target));
    }
    if (!source.path.ends_with(".h")) return;
    const auto once = std::find(source.lines.begin(), source.lines.end(), "#pragma once");
    if (once == source.lines.end()) source.add(0, "header", "expected '#pragma once', found none");
}

/// Moves through the text, copying what is code and blanking the rest.
class Blanker {
  public:
    explicit Blanker(std::string_view text) : text_(text), out_(text) {}

    std::string run() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (starts("//")) {
                blank_to(text_.find('\n', at_));
            } else if (starts("/*")) {
                blank_to(after("*/", at_ + 2));
            } else if (c == '"' && at_ > 0 && text_[at_ - 1] == 'R') {
                const std::size_t open = text_.find('(', at_);
                const std::string end =
                    ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
                literal(after(end, at_ + 1));
            } else if (c == '"' || (c == '\'' && (at_ == 0 || !is_word(text_[at_ - 1])))) {
                literal(end_of_quote(c));
            } else {
                ++at_;
            }
        }
        return std::move(out_);
    }

  private:
    bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
    std::size_t after(std::string_view what, std::size_t from) const {
        const std::size_t found = text_.find(what, from);
        return found == std::string_view::npos ? text_.size() : found + what.size();
    }
    std::size_t end_of_quote(char quote) const {
        std::size_t at = at_ + 1;
        while (at < text_.size() && text_[at] != quote && text_[at] != '\n') {
            at += text_[at] == '\\' ? 2 : 1;
        }
        return std::min(at + 1, text_.size());
    }
    /// Keeps the quotes, so that an argument list does not look empty.
    void literal(std::size_t end) {
        ++at_;
        blank_to(end - 1);
        at_ = end;
    }
    void blank_to(std::size_t end) {
        for (end = std::min(end, text_.size()); at_ < end; ++at_) {
            if (text_[at_] != '\n') out_[at_] = ' ';
        }
    }

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
};

/// Words of a CMake text with comments removed; brackets are words of their own.
std::vector<std::string> cmake_words(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string& line : split_lines(text)) {
        std::string word;
        for (const char c : line.substr(0, line.find('#')) + " ") {
            const bool bracket = c == '(' || c == ')';
            if (!bracket && std::isspace(static_cast<unsigned char>(c)) == 0) {
                word += c;
                continue;
            }
            if (!word.empty()) words.push_back(std::exchange(word, {}));
            if (bracket) words.emplace_back(1, c);
        }
    }
    return words;
}

}  // namespace

std::string blank_comments_and_literals(std::string_view text) {
    return Blanker(text).run();
}

std::vector<Finding> check_file(const std::string& path, const std::string& text,
                                const RoomUses& rooms) {
    Source source{path, split_lines(text), {}, {}};
    check_header(source);
    check_sizes(source);
    if (is_cpp(path)) {
        source.code = split_lines(blank_comments_and_literals(text));
        check_bans(source);
        check_functions(source);
        check_includes(source, rooms);
    } else if (path.ends_with("CMakeLists.txt") || path.ends_with(".cmake")) {
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            const std::string code = source.lines[i].substr(0, source.lines[i].find('#'));
            if (code.find("-ffast-math") != std::string::npos) {
                source.add(i, "banned", "expected exact arithmetic, found -ffast-math");
            }
        }
    }
    return source.findings;
}

RoomUses parse_may_use(std::string_view cmake) {
    constexpr std::string_view kPrefix = "CAIRN_MAY_USE_";
    RoomUses rooms;
    const std::vector<std::string> words = cmake_words(cmake);
    for (std::size_t i = 2; i < words.size(); ++i) {
        if (words[i - 2] != "set" || !words[i].starts_with(kPrefix)) continue;
        const std::string room = words[i].substr(kPrefix.size());
        rooms[room].insert(room);
        for (++i; i < words.size() && words[i] != ")"; ++i)
            rooms[room].insert(words[i]);
    }
    return rooms;
}

std::set<std::string> parse_uses(std::string_view cmake, const std::string& room) {
    std::set<std::string> uses{room};
    bool inside = false;
    for (const std::string& word : cmake_words(cmake)) {
        const bool keyword = std::all_of(word.begin(), word.end(), [](char c) {
            return std::isupper(static_cast<unsigned char>(c)) != 0 || c == '_';
        });
        if (word == "USES" || word == "USES_PRIVATE") {
            inside = true;
        } else if (keyword || word == ")") {
            inside = false;
        } else if (inside) {
            uses.insert(word);
        }
    }
    return uses;
}

std::vector<Exemption> parse_exemptions(const std::string& path, std::string_view text,
                                        std::vector<Finding>& findings) {
    std::vector<Exemption> exemptions;
    const std::vector<std::string> lines = split_lines(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string_view line = trim(lines[i]);
        if (line.empty() || line.starts_with('#')) continue;
        const int number = static_cast<int>(i) + 1;
        const std::size_t first = line.find(' ');
        const std::size_t second =
            first == std::string_view::npos ? first : line.find(' ', first + 1);
        if (second == std::string_view::npos) {
            findings.push_back({path, number, "exemption",
                                "expected 'PATH RULE reason', found '" + std::string(line) + "'"});
            continue;
        }
        exemptions.push_back({std::string(line.substr(0, first)),
                              std::string(line.substr(first + 1, second - first - 1)),
                              std::string(trim(line.substr(second))), number});
    }
    return exemptions;
}

std::vector<Finding> apply_exemptions(std::vector<Finding> findings,
                                      std::vector<Exemption>& exemptions,
                                      const std::string& exemptions_path) {
    std::erase_if(findings, [&](const Finding& finding) {
        bool exempt = false;
        for (Exemption& exemption : exemptions) {
            if (exemption.path != finding.path || exemption.rule != finding.rule) continue;
            exemption.used = true;
            exempt = true;
        }
        return exempt;
    });
    for (const Exemption& exemption : exemptions) {
        if (exemption.used) continue;
        findings.push_back(
            {exemptions_path, exemption.line, "exemption",
             fmt::format("expected an exemption that is needed, found none of '{}' in {}",
                         exemption.rule, exemption.path)});
    }
    return findings;
}

}  // namespace cairn::tidy
