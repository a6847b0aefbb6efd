// SPDX-License-Identifier: Apache-2.0
// Reads an expression into a tree, then writes it as instructions. Sets of characters come from
// ICU's properties.
#include <fmt/format.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cairn/text/utf8.h"
#include "split_program.h"

namespace cairn::text {
namespace {

constexpr std::uint32_t kNoLimit = SplitPattern::Program::kNoLimit;
constexpr int kDepthMax = 32;               // groups and sets inside each other
constexpr std::uint32_t kRepeatMax = 1000;  // {m,n}
constexpr std::size_t kCodeMax = 4096;
constexpr std::size_t kExpressionBytesMax = 65'536;

struct Node {
    enum class Kind { kSet, kJoin, kEither, kRepeat, kTest };
    Kind kind = Kind::kJoin;
    std::uint32_t sets = 0;  // kSet: one bit; kTest: of a look-ahead
    SplitInstruction::Op op = SplitInstruction::Op::kMatch;  // kTest
    std::uint32_t low = 1;
    std::uint32_t high = 1;
    bool possessive = false;
    std::vector<Node> parts;
};

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Node> parse() {
        if (text_.size() > kExpressionBytesMax || !is_valid_utf8(text_)) {
            return refuse("an expression of at most 64 KiB of UTF-8");
        }
        Node node = CAIRN_TRY(either(0));
        if (at_ < text_.size()) return refuse("the end");
        return node;
    }

    const std::vector<icu::UnicodeSet>& sets() const { return sets_; }

  private:
    Error refuse(std::string_view expected) const {
        return make_error(
            Code::kUnsupported,
            fmt::format("expected {} at byte {} of the expression '{}', found '{}'", expected, at_,
                        text_.substr(0, 200), text_.substr(std::min(at_, text_.size()), 16)),
            "this pre-tokenizer is not known here; without it the words would be cut wrongly");
    }

    bool take(std::string_view token) {
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char32_t next_character() {
        const CodePoint point = code_point_at(text_, at_);
        at_ += point.bytes;
        return point.value;
    }

    Result<std::uint32_t> bit_of(icu::UnicodeSet set) {
        if (ignore_case_) set.closeOver(USET_CASE_INSENSITIVE).removeAllStrings();
        for (std::size_t i = 0; i < sets_.size(); ++i) {
            if (sets_[i] == set) return 1U << i;
        }
        if (sets_.size() == 32) return refuse("at most 32 different sets");
        sets_.push_back(std::move(set));
        return 1U << (sets_.size() - 1);
    }

    Result<Node> either(int depth) {
        if (depth > kDepthMax) return refuse("fewer groups inside each other");
        const bool ignore_case = ignore_case_;
        Node node{.kind = Node::Kind::kEither};
        do {
            node.parts.push_back(CAIRN_TRY(join(depth)));
        } while (take("|"));
        ignore_case_ = ignore_case;
        if (node.parts.size() == 1) return Node(std::move(node.parts[0]));
        return node;
    }

    Result<Node> join(int depth) {
        Node node;
        while (at_ < text_.size() && peek() != '|' && peek() != ')') {
            if (take("(?i)")) {
                ignore_case_ = true;
                continue;
            }
            Node part = CAIRN_TRY(atom(depth));
            node.parts.push_back(CAIRN_TRY(repeated(std::move(part))));
        }
        return node;
    }

    Result<Node> atom(int depth) {
        using Op = SplitInstruction::Op;
        if (take("(?!")) return look(Op::kNotAhead, depth);
        if (take("(?=")) return look(Op::kAhead, depth);
        if (take("^")) return Node{.kind = Node::Kind::kTest, .op = Op::kLineBegin};
        if (take("$")) return Node{.kind = Node::Kind::kTest, .op = Op::kLineEnd};
        if (take("\\A")) return Node{.kind = Node::Kind::kTest, .op = Op::kTextBegin};
        if (take("\\z")) return Node{.kind = Node::Kind::kTest, .op = Op::kTextEnd};
        if (peek() == '(') return group(depth);
        if (std::string_view("*+?{").find(peek()) != std::string_view::npos) {
            return refuse("something to repeat");
        }
        icu::UnicodeSet set = CAIRN_TRY(one_set(depth));
        return Node{.kind = Node::Kind::kSet, .sets = CAIRN_TRY(bit_of(std::move(set)))};
    }

    Result<Node> group(int depth) {
        const bool ignore_case = ignore_case_;
        if (take("(?i:")) {
            ignore_case_ = true;
        } else if (!take("(?:")) {
            take("(");
            if (peek() == '?') return refuse("a plain group, (?:...), (?i:...), (?=x) or (?!x)");
        }
        Node node = CAIRN_TRY(either(depth + 1));
        ignore_case_ = ignore_case;
        if (!take(")")) return refuse("')'");
        return node;
    }

    /// Look-ahead over one character, which is all that word patterns use.
    Result<Node> look(SplitInstruction::Op op, int depth) {
        Node inner = CAIRN_TRY(either(depth + 1));
        if (inner.kind == Node::Kind::kJoin && inner.parts.size() == 1) {
            Node only = std::move(inner.parts[0]);
            inner = std::move(only);
        }
        if (inner.kind != Node::Kind::kSet) return refuse("a look-ahead of one character");
        if (!take(")")) return refuse("')'");
        return Node{.kind = Node::Kind::kTest, .sets = inner.sets, .op = op};
    }

    Result<std::uint32_t> number() {
        std::uint32_t value = 0;
        const std::size_t begin = at_;
        while (peek() >= '0' && peek() <= '9' && value <= kRepeatMax) {
            value = value * 10 + static_cast<std::uint32_t>(text_[at_++] - '0');
        }
        if (at_ == begin || value > kRepeatMax) return refuse("a number up to 1000");
        return value;
    }

    Result<Node> repeated(Node part) {
        Node node{.kind = Node::Kind::kRepeat};
        if (take("*")) {
            node.low = 0;
            node.high = kNoLimit;
        } else if (take("+")) {
            node.high = kNoLimit;
        } else if (take("?")) {
            node.low = 0;
        } else if (take("{")) {
            node.low = peek() == ',' ? 0 : CAIRN_TRY(number());
            node.high = node.low;
            if (take(",")) node.high = peek() == '}' ? kNoLimit : CAIRN_TRY(number());
            if (!take("}") || node.high < node.low || node.high == 0) return refuse("{m,n}");
        } else {
            return part;
        }
        if (part.kind == Node::Kind::kTest) return refuse("something with a length to repeat");
        if (peek() == '?') return refuse("a greedy repeat");
        node.possessive = take("+");
        node.parts.push_back(std::move(part));
        return node;
    }

    /// A literal, an escape, '.', or a set in brackets.
    Result<icu::UnicodeSet> one_set(int depth) {
        if (take("[")) return bracket(depth + 1);
        if (take(".")) return icu::UnicodeSet(0, 0x10FFFF).remove('\n');
        if (peek() == '\\') return escape();
        const auto c = static_cast<UChar32>(next_character());
        return icu::UnicodeSet(c, c);
    }

    Result<icu::UnicodeSet> property(const std::string& pattern) {
        UErrorCode status = U_ZERO_ERROR;
        icu::UnicodeSet set(icu::UnicodeString::fromUTF8(pattern), status);
        if (U_FAILURE(status)) return refuse("a property of Unicode");
        return set;
    }

    Result<icu::UnicodeSet> escape() {
        const std::size_t begin = at_;
        ++at_;
        if (at_ >= text_.size()) return refuse("an escape");
        const char kind = text_[at_++];
        switch (kind) {
            case 's':
                return property("\\p{White_Space}");
            case 'S':
                return property("\\P{White_Space}");
            case 'd':
                return property("\\p{Nd}");
            case 'D':
                return property("\\P{Nd}");
            case 'w':
                return property("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
            case 'W':
                return property("[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
            case 'p':
            case 'P': {
                const std::size_t end = text_.find('}', at_);
                if (peek() != '{' || end == std::string_view::npos) return refuse("\\p{...}");
                std::string name(text_.substr(at_ + 1, end - at_ - 1));
                const bool caret = name.starts_with('^');
                at_ = begin;
                auto set = property("\\p{" + name.substr(caret ? 1 : 0) + "}");
                if (!set) return set.error();
                at_ = end + 1;
                if ((kind == 'P') != caret) set->complement();
                return set;
            }
            default:
                break;
        }
        at_ = begin;
        const auto c = static_cast<UChar32>(CAIRN_TRY(escaped_character()));
        return icu::UnicodeSet(c, c);
    }

    Result<char32_t> hexadecimal(std::size_t digits_max, bool braced) {
        char32_t value = 0;
        std::size_t count = 0;
        for (; count < digits_max; ++count) {
            const char c = peek();
            const std::size_t digit =
                std::string_view("0123456789abcdef")
                    .find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
            if (digit == std::string_view::npos || c == '\0') break;
            value = value * 16 + static_cast<char32_t>(digit);
            ++at_;
        }
        if (count == 0 || value > 0x10FFFF || (braced && !take("}"))) {
            return refuse("a character in hexadecimal");
        }
        return value;
    }

    Result<char32_t> escaped_character() {
        ++at_;  // the backslash
        if (take("x{")) return hexadecimal(6, true);
        if (take("x")) return hexadecimal(2, false);
        if (take("u{")) return hexadecimal(6, true);
        if (take("u")) return hexadecimal(4, false);
        const char kind = peek();
        constexpr std::string_view kNames = "nrtfve0";
        constexpr std::string_view kValues("\n\r\t\f\v\x1B\0", 7);
        if (const std::size_t found = kNames.find(kind); found != std::string_view::npos) {
            ++at_;
            return static_cast<char32_t>(kValues[found]);
        }
        const bool letter = (kind >= 'a' && kind <= 'z') || (kind >= 'A' && kind <= 'Z') ||
                            (kind >= '0' && kind <= '9') || at_ >= text_.size();
        if (letter) {
            --at_;
            return refuse("an escape that is known here");
        }
        return next_character();
    }

    /// Behind '['. Unions, ranges, sets inside sets, and '&&'.
    Result<icu::UnicodeSet> bracket(int depth) {
        if (depth > kDepthMax) return refuse("fewer sets inside each other");
        const bool inverted = take("^");
        icu::UnicodeSet all(0, 0x10FFFF);
        icu::UnicodeSet set;
        bool first = true;
        while (true) {
            if (at_ >= text_.size()) return refuse("']'");
            if (!first && take("]")) break;
            if (text_.substr(at_).starts_with("[:")) return refuse("a set without [:name:]");
            if (take("&&")) {
                all.retainAll(set);
                set.clear();
                continue;
            }
            first = false;
            CAIRN_TRY(bracket_item(depth, set));
        }
        set.retainAll(all);
        if (inverted) set.complement();
        return set;
    }

    Status bracket_item(int depth, icu::UnicodeSet& set) {
        if (take("[")) {
            set.addAll(CAIRN_TRY(bracket(depth + 1)));
            return {};
        }
        const std::size_t begin = at_;
        if (peek() == '\\' && at_ + 1 < text_.size() &&
            std::string_view("sSdDwWpP").find(text_[at_ + 1]) != std::string_view::npos) {
            set.addAll(CAIRN_TRY(escape()));
            return {};
        }
        const char32_t low = peek() == '\\' ? CAIRN_TRY(escaped_character()) : next_character();
        char32_t high = low;
        const std::string_view rest = text_.substr(at_);
        if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']' && rest[1] != '[') {
            ++at_;
            high = peek() == '\\' ? CAIRN_TRY(escaped_character()) : next_character();
        }
        if (high < low) {
            at_ = begin;
            return refuse("a range that goes up");
        }
        set.add(static_cast<UChar32>(low), static_cast<UChar32>(high));
        return {};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool ignore_case_ = false;
    std::vector<icu::UnicodeSet> sets_;
};

/// Writes the tree as instructions.
class Writer {
  public:
    explicit Writer(SplitPattern::Program& program) : program_(program) {}

    Status write_top(const Node& node) {
        const bool many = node.kind == Node::Kind::kEither && node.parts.size() <= 32;
        const std::size_t count = many ? node.parts.size() : 1;
        for (std::size_t i = 0; i < count; ++i) {
            program_.starts.push_back(here());
            CAIRN_TRY(write(many ? node.parts[i] : node));
            put({.op = Op::kMatch});
        }
        for (std::uint32_t at = 0; at < program_.code.size(); ++at) {
            SplitInstruction& code = program_.code[at];
            if (code.op == Op::kRun && !code.possessive) code.possessive = never_gives_back(at);
        }
        for (const std::uint32_t start : program_.starts) {
            program_.firsts.push_back(first_sets(start, 0));
            program_.any_first |= program_.firsts.back();
        }
        return {};
    }

    /// Bit i of [j] says that sets i and j have a character in common.
    std::vector<std::uint32_t> overlaps;

  private:
    using Op = SplitInstruction::Op;

    std::uint32_t here() const { return static_cast<std::uint32_t>(program_.code.size()); }
    std::uint32_t put(SplitInstruction code) {
        program_.code.push_back(code);
        return here() - 1;
    }

    static bool may_be_empty(const Node& node) {
        switch (node.kind) {
            case Node::Kind::kSet:
                return false;
            case Node::Kind::kTest:
                return true;
            case Node::Kind::kRepeat:
                return node.low == 0 || may_be_empty(node.parts[0]);
            case Node::Kind::kJoin:
                for (const Node& part : node.parts) {
                    if (!may_be_empty(part)) return false;
                }
                return true;
            case Node::Kind::kEither:
                for (const Node& part : node.parts) {
                    if (may_be_empty(part)) return true;
                }
                return false;
        }
        return true;
    }

    Status write(const Node& node) {
        if (program_.code.size() > kCodeMax) {
            return make_error(Code::kTooLarge, "expected a smaller expression for words");
        }
        switch (node.kind) {
            case Node::Kind::kSet:
                put({.op = Op::kRun, .sets = node.sets});
                return {};
            case Node::Kind::kTest:
                put({.op = node.op, .sets = node.sets});
                return {};
            case Node::Kind::kJoin:
                for (const Node& part : node.parts) {
                    CAIRN_TRY(write(part));
                }
                return {};
            case Node::Kind::kEither:
                return write_either(node);
            case Node::Kind::kRepeat:
                return write_repeat(node);
        }
        return {};
    }

    Status write_either(const Node& node) {
        std::vector<std::uint32_t> jumps;
        for (std::size_t i = 0; i < node.parts.size(); ++i) {
            const bool last = i + 1 == node.parts.size();
            const std::uint32_t split = last ? 0 : put({.op = Op::kSplit});
            CAIRN_TRY(write(node.parts[i]));
            if (last) break;
            jumps.push_back(put({.op = Op::kJump}));
            program_.code[split].target = here();
        }
        for (const std::uint32_t jump : jumps) {
            program_.code[jump].target = here();
        }
        return {};
    }

    Status write_repeat(const Node& node) {
        const Node* body = &node.parts[0];
        while (body->kind == Node::Kind::kJoin && body->parts.size() == 1) {
            body = &body->parts[0];
        }
        if (body->kind == Node::Kind::kSet) {
            put({.op = Op::kRun,
                 .possessive = node.possessive,
                 .sets = body->sets,
                 .low = node.low,
                 .high = node.high});
            return {};
        }
        if (node.possessive || may_be_empty(*body)) {
            return make_error(Code::kUnsupported,
                              "expected greedy repeats of groups that are not empty, found another "
                              "in the expression for words");
        }
        for (std::uint32_t i = 0; i < node.low; ++i) {
            CAIRN_TRY(write(*body));
        }
        if (node.high == kNoLimit) {
            const std::uint32_t split = put({.op = Op::kSplit});
            CAIRN_TRY(write(*body));
            put({.op = Op::kJump, .target = split});
            program_.code[split].target = here();
            return {};
        }
        std::vector<std::uint32_t> splits;
        for (std::uint32_t i = node.low; i < node.high; ++i) {
            splits.push_back(put({.op = Op::kSplit}));
            CAIRN_TRY(write(*body));
        }
        for (const std::uint32_t split : splits) {
            program_.code[split].target = here();
        }
        return {};
    }

    bool disjoint(std::uint32_t a, std::uint32_t b) const {
        for (std::size_t i = 0; i < overlaps.size(); ++i) {
            if ((a >> i & 1U) != 0 && (overlaps[i] & b) != 0) return false;
        }
        return true;
    }

    /// Whether what follows `at` always succeeds.
    bool always_matches(std::uint32_t at) const {
        for (; program_.code[at].op != Op::kMatch; ++at) {
            const SplitInstruction& code = program_.code[at];
            if (code.op == Op::kSplit && always_matches(code.target)) return true;
            if (code.op != Op::kRun || code.low > 0) return false;
        }
        return true;
    }

    /// A run need not give back when nothing behind it can fail, or can begin with its characters.
    bool never_gives_back(std::uint32_t at) const {
        const std::uint32_t sets = program_.code[at].sets;
        if (always_matches(at + 1)) return true;
        const SplitInstruction& next = program_.code[at + 1];
        return next.op == Op::kRun && next.low > 0 && disjoint(sets, next.sets);
    }

    /// The sets that a match from `at` may begin with; kNoLimit: any character.
    std::uint32_t first_sets(std::uint32_t at, int depth) const {
        const SplitInstruction& code = program_.code[at];
        if (depth > 64) return kNoLimit;
        const auto join = [](std::uint32_t a, std::uint32_t b) {
            return a == kNoLimit || b == kNoLimit ? kNoLimit : a | b;
        };
        switch (code.op) {
            case Op::kRun:
                return code.low > 0 ? code.sets : join(code.sets, first_sets(at + 1, depth + 1));
            case Op::kSplit:
                return join(first_sets(at + 1, depth + 1), first_sets(code.target, depth + 1));
            case Op::kJump:
                return first_sets(code.target, depth + 1);
            case Op::kMatch:
                return kNoLimit;
            default:
                return first_sets(at + 1, depth + 1);
        }
    }

    SplitPattern::Program& program_;
};

/// Bits of the sets change at few characters; between two of them all blocks are the same one.
SetTable make_table(const std::vector<icu::UnicodeSet>& sets) {
    constexpr UChar32 kBlock = SetTable::kBlock;
    std::vector<std::pair<UChar32, std::uint32_t>> changes;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        for (std::int32_t range = 0; range < sets[i].getRangeCount(); ++range) {
            changes.emplace_back(sets[i].getRangeStart(range), 1U << i);
            changes.emplace_back(sets[i].getRangeEnd(range) + 1, 1U << i);
        }
    }
    std::ranges::sort(changes);
    SetTable table;
    std::map<std::vector<std::uint32_t>, std::uint16_t> known;
    std::vector<std::uint32_t> block(SetTable::kBlock);
    std::uint32_t bits = 0;
    bool was_uniform = false;
    auto change = changes.begin();
    for (UChar32 begin = 0; begin < 0x110000; begin += kBlock) {
        const bool uniform = change == changes.end() || change->first >= begin + kBlock;
        if (uniform && was_uniform) {
            table.index_.push_back(table.index_.back());
            continue;
        }
        was_uniform = uniform;
        for (UChar32 c = begin; c < begin + kBlock; ++c) {
            for (; change != changes.end() && change->first == c; ++change)
                bits ^= change->second;
            block[static_cast<std::size_t>(c - begin)] = bits;
        }
        const auto [place, fresh] = known.emplace(block, static_cast<std::uint16_t>(known.size()));
        if (fresh) table.blocks_.insert(table.blocks_.end(), block.begin(), block.end());
        table.index_.push_back(place->second);
    }
    return table;
}

}  // namespace

Result<SplitPattern> SplitPattern::compile(std::string_view expression) {
    auto program = std::make_shared<Program>();
    Parser parser(expression);
    const Node node = CAIRN_TRY(parser.parse());
    Writer writer(*program);
    for (const icu::UnicodeSet& set : parser.sets()) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < parser.sets().size(); ++i) {
            if (set.containsSome(parser.sets()[i])) bits |= 1U << i;
        }
        writer.overlaps.push_back(bits);
    }
    CAIRN_TRY(writer.write_top(node));
    program->table = make_table(parser.sets());
    for (char32_t c = 0; c < 128; ++c) {
        program->ascii_sets[c] = program->table.of(c);
        program->ascii_starts[c] = program->starts_for(program->ascii_sets[c]);
    }
    return SplitPattern(std::move(program));
}

}  // namespace cairn::text
