// SPDX-License-Identifier: Apache-2.0
// Reading JSON by a grammar: a stack of open objects and arrays with the value in work on top.
#include <algorithm>
#include <cstring>

#include "json_grammar.h"

namespace cairn::engine {

namespace {

// White space between two parts: an indented object fits, an endless row of line ends does not.
constexpr std::uint8_t kSpacesMax = 40;
constexpr std::uint16_t kNumberBytesMax = 24;
constexpr std::uint16_t kPointAtMost = 16;  // a point needs digits behind it
constexpr std::array<std::string_view, 3> kWords = {"true", "false", "null"};

// Inside of a string.
constexpr std::uint8_t kPlain = kStringPlain;
constexpr std::uint8_t kEscape = 1;
constexpr std::uint8_t kHex1 = 2;
constexpr std::uint8_t kHexOfD = 3;  // \ud: only up to 7, because a lone surrogate is no character
constexpr std::uint8_t kHex2 = 4;
constexpr std::uint8_t kHex3 = 5;
constexpr std::uint8_t kHex4 = 6;
constexpr std::uint8_t kMore1 = 7;  // bytes that a character still needs
constexpr std::uint8_t kMore2 = 8;
constexpr std::uint8_t kMore3 = 9;
constexpr std::uint8_t kAfterE0 = 10;  // second bytes that would not be the shortest form, a
constexpr std::uint8_t kAfterEd = 11;  // surrogate or beyond Unicode are no UTF-8
constexpr std::uint8_t kAfterF0 = 12;
constexpr std::uint8_t kAfterF4 = 13;

enum NumberPart : std::uint8_t { kMinus, kZero, kDigits, kPoint, kFraction };

bool is_space(std::uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}
bool is_digit(std::uint8_t byte) {
    return byte >= '0' && byte <= '9';
}
bool is_hex(std::uint8_t byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

std::uint8_t plain_step(std::uint8_t byte) {
    if (byte == '"') return kStringEnd;
    if (byte == '\\') return kEscape;
    if (byte < 0x20) return kStringRefused;
    if (byte < 0x80) return kPlain;
    if (byte >= 0xC2 && byte <= 0xDF) return kMore1;
    if (byte == 0xE0) return kAfterE0;
    if (byte == 0xED) return kAfterEd;
    if (byte > 0xE0 && byte <= 0xEF) return kMore2;
    if (byte == 0xF0) return kAfterF0;
    if (byte == 0xF4) return kAfterF4;
    return byte > 0xF0 && byte < 0xF4 ? kMore3 : kStringRefused;
}

/// The second and later bytes of a character.
std::uint8_t more_step(std::uint8_t state, std::uint8_t byte) {
    const auto within = [&](std::uint8_t low, std::uint8_t high, std::uint8_t next) {
        return byte >= low && byte <= high ? next : kStringRefused;
    };
    switch (state) {
        case kAfterE0:
            return within(0xA0, 0xBF, kMore1);
        case kAfterEd:
            return within(0x80, 0x9F, kMore1);
        case kAfterF0:
            return within(0x90, 0xBF, kMore2);
        case kAfterF4:
            return within(0x80, 0x8F, kMore2);
        case kMore1:
            return within(0x80, 0xBF, kPlain);
        case kMore2:
            return within(0x80, 0xBF, kMore1);
        default:
            return within(0x80, 0xBF, kMore2);
    }
}

/// The first of `count` texts that goes on with `byte` behind the first `offset` bytes of the
/// chosen one; `count` when there is none.
template <typename TextAt>
std::size_t find_longer(const TextAt& text_at, std::size_t first, std::size_t count,
                        std::size_t chosen, std::size_t offset, std::uint8_t byte) {
    const std::string_view done = std::string_view(text_at(chosen)).substr(0, offset);
    for (std::size_t i = first; i < count; ++i) {
        const std::string_view text = text_at(i);
        if (text.size() > offset && text.substr(0, offset) == done &&
            static_cast<std::uint8_t>(text[offset]) == byte) {
            return i;
        }
    }
    return count;
}

}  // namespace

enum class JsonMachine::Phase : std::uint8_t {
    kValue,
    kChoice,
    kWord,
    kString,
    kNumber,
    kObjectOpen,
    kKey,
    kFreeKey,
    kColon,
    kAfterMember,
    kNextKey,
    kArrayOpen,
    kAfterItem,
};

std::uint8_t string_step(std::uint8_t state, std::uint8_t byte) {
    const auto if_hex = [&](std::uint8_t next) { return is_hex(byte) ? next : kStringRefused; };
    switch (state) {
        case kPlain:
            return plain_step(byte);
        case kEscape:
            if (byte == 'u') return kHex1;
            return std::memchr("\"\\/bfnrt", byte, 8) != nullptr ? kPlain : kStringRefused;
        case kHex1:
            return byte == 'd' || byte == 'D' ? kHexOfD : if_hex(kHex2);
        case kHexOfD:
            return byte >= '0' && byte <= '7' ? kHex3 : kStringRefused;
        case kHex2:
            return if_hex(kHex3);
        case kHex3:
            return if_hex(kHex4);
        case kHex4:
            return if_hex(kPlain);
        default:
            return more_step(state, byte);
    }
}

JsonMachine::JsonMachine(JsonNodeIndex root) : stack_() {
    (void)push(root);
}

bool JsonMachine::step(const JsonGrammar& grammar, std::uint8_t byte) {
    while (depth_ > 0) {
        const Taken taken = take(grammar, byte);
        if (taken == Taken::kYes || taken == Taken::kNo) return taken == Taken::kYes;
        if (taken == Taken::kEnds) --depth_;  // the byte belongs to what is below
    }
    return false;
}

bool JsonMachine::complete(const JsonGrammar& grammar) const {
    if (depth_ != 1) return depth_ == 0;
    JsonMachine copy = *this;
    return copy.take(grammar, 0) == Taken::kEnds;
}

bool JsonMachine::in_plain_string() const {
    if (depth_ == 0) return false;
    const Phase phase = top().phase;
    return (phase == Phase::kString || phase == Phase::kFreeKey) && top().part == kPlain;
}

JsonMachine::Taken JsonMachine::push(JsonNodeIndex node) {
    if (depth_ == kDepthMax) return Taken::kNo;
    stack_[depth_++] = {node, Phase::kValue, 0, 0, 0, 0};
    return Taken::kYes;
}

JsonMachine::Taken JsonMachine::pop() {
    --depth_;
    return Taken::kYes;
}

JsonMachine::Taken JsonMachine::take(const JsonGrammar& grammar, std::uint8_t byte) {
    Frame& frame = top();
    const JsonNode& node = grammar.nodes[frame.node];
    switch (frame.phase) {
        case Phase::kChoice:
            return take_choice(node, byte);
        case Phase::kNumber:
            return take_number(node, byte);
        case Phase::kKey:
            return take_key(node, byte);
        case Phase::kWord: {
            const std::string_view word = kWords[frame.chosen];
            if (static_cast<std::uint8_t>(word[frame.offset]) != byte) return Taken::kNo;
            return ++frame.offset == word.size() ? pop() : Taken::kYes;
        }
        case Phase::kString:
        case Phase::kFreeKey: {
            const std::uint8_t next = string_step(frame.part, byte);
            if (next == kStringRefused) return Taken::kNo;
            if (next != kStringEnd) {
                frame.part = next;
            } else if (frame.phase == Phase::kString) {
                return pop();
            } else {
                frame.phase = Phase::kColon;
            }
            return Taken::kYes;
        }
        default:
            break;
    }
    if (is_space(byte)) return ++spaces_ <= kSpacesMax ? Taken::kYes : Taken::kNo;
    spaces_ = 0;
    if (frame.phase == Phase::kValue) return begin_value(grammar, frame.node, byte);
    const bool array = frame.phase == Phase::kArrayOpen || frame.phase == Phase::kAfterItem;
    return array ? take_in_array(node, byte) : take_in_object(node, byte);
}

JsonMachine::Taken JsonMachine::begin_value(const JsonGrammar& grammar, JsonNodeIndex index,
                                            std::uint8_t byte) {
    if (!grammar.begins(index, byte)) return Taken::kNo;
    const JsonNode& node = grammar.nodes[index];
    for (const JsonNodeIndex branch : node.branches) {
        if (grammar.begins(branch, byte)) return begin_value(grammar, branch, byte);
    }
    Frame& frame = top();
    frame = {index, Phase::kString, 0, 0, 0, 0};
    if (!node.choices.empty()) {
        frame.phase = Phase::kChoice;
        return take_choice(node, byte);
    }
    const bool opens = byte == '{' || byte == '[';
    if (opens && depth_ == kDepthMax) return Taken::kNo;
    if (opens) frame.phase = byte == '{' ? Phase::kObjectOpen : Phase::kArrayOpen;
    if (opens || byte == '"') return Taken::kYes;
    if (byte == '-' || is_digit(byte)) {
        frame.phase = Phase::kNumber;
        frame.part = byte == '-' ? kMinus : byte == '0' ? kZero : kDigits;
    } else {
        frame.phase = Phase::kWord;
        frame.chosen = byte == 't' ? 0 : byte == 'f' ? 1 : 2;
    }
    frame.offset = 1;
    return Taken::kYes;
}

JsonMachine::Taken JsonMachine::take_choice(const JsonNode& node, std::uint8_t byte) {
    Frame& frame = top();
    const auto text_at = [&](std::size_t i) -> const std::string& { return node.choices[i]; };
    const std::size_t count = node.choices.size();
    const std::size_t found = find_longer(text_at, 0, count, frame.chosen, frame.offset, byte);
    const std::string_view done = std::string_view(text_at(frame.chosen)).substr(0, frame.offset);
    if (found == count) {
        return std::ranges::find(node.choices, done) != node.choices.end() ? Taken::kEnds
                                                                           : Taken::kNo;
    }
    frame.chosen = static_cast<std::uint16_t>(found);
    ++frame.offset;
    return Taken::kYes;  // another choice may be longer: what follows says where this one ended
}

JsonMachine::Taken JsonMachine::take_key(const JsonNode& node, std::uint8_t byte) {
    Frame& frame = top();
    std::size_t end = frame.next;  // a required property cannot be passed over
    while (end < node.properties.size() && !node.properties[end].required)
        ++end;
    end = std::min(end + 1, node.properties.size());
    const auto text_at = [&](std::size_t i) -> const std::string& {
        return node.properties[i].key;
    };
    const std::size_t found =
        find_longer(text_at, frame.next, end, frame.chosen, frame.offset, byte);
    if (found == end) return Taken::kNo;
    frame.chosen = static_cast<std::uint16_t>(found);
    if (++frame.offset == node.properties[found].key.size()) {
        frame.phase = Phase::kColon;
        frame.next = static_cast<std::uint16_t>(found + 1);
    }
    return Taken::kYes;
}

JsonMachine::Taken JsonMachine::take_in_object(const JsonNode& node, std::uint8_t byte) {
    Frame& frame = top();
    const bool may_key =
        node.properties.empty() ? node.free_keys : frame.next < node.properties.size();
    const bool opened = frame.phase == Phase::kObjectOpen;
    if (frame.phase == Phase::kColon) {
        if (byte != ':') return Taken::kNo;
        frame.phase = Phase::kAfterMember;
        return push(node.properties.empty() ? node.members : node.properties[frame.chosen].value);
    }
    if (byte == '"' && may_key && (opened || frame.phase == Phase::kNextKey)) {
        frame.phase = node.properties.empty() ? Phase::kFreeKey : Phase::kKey;
        frame.part = kPlain;
        frame.chosen = frame.next;
        frame.offset = 0;
        return node.properties.empty() ? Taken::kYes : take_key(node, byte);
    }
    if (byte == ',' && may_key && frame.phase == Phase::kAfterMember) {
        frame.phase = Phase::kNextKey;
        return Taken::kYes;
    }
    const auto rest =
        node.properties.begin() + std::min<std::ptrdiff_t>(frame.next, std::ssize(node.properties));
    const bool may_close = (opened || frame.phase == Phase::kAfterMember) &&
                           std::none_of(rest, node.properties.end(),
                                        [](const JsonProperty& other) { return other.required; });
    return byte == '}' && may_close ? pop() : Taken::kNo;
}

JsonMachine::Taken JsonMachine::take_in_array(const JsonNode& node, std::uint8_t byte) {
    Frame& frame = top();
    if (byte == ']') return frame.offset >= node.items_min ? pop() : Taken::kNo;
    if (frame.offset >= node.items_max) return Taken::kNo;
    const bool first = frame.phase == Phase::kArrayOpen;
    if (!first && byte != ',') return Taken::kNo;
    frame.phase = Phase::kAfterItem;
    ++frame.offset;
    if (push(node.items) == Taken::kNo) return Taken::kNo;
    return first ? Taken::kAgain : Taken::kYes;
}

/// Without exponents: every number has a form that needs none.
JsonMachine::Taken JsonMachine::take_number(const JsonNode& node, std::uint8_t byte) {
    Frame& frame = top();
    const auto go = [&](NumberPart part) {
        frame.part = part;
        return ++frame.offset <= kNumberBytesMax ? Taken::kYes : Taken::kNo;
    };
    const bool may_point = (node.types & JsonNode::kNumber) != 0 && frame.offset <= kPointAtMost;
    if (is_digit(byte)) {
        switch (frame.part) {
            case kMinus:
                return go(byte == '0' ? kZero : kDigits);
            case kDigits:
                return go(kDigits);
            case kZero:
                return Taken::kNo;
            default:
                return go(kFraction);
        }
    }
    if (frame.part == kMinus || frame.part == kPoint) return Taken::kNo;
    if (byte == '.' && frame.part != kFraction && may_point) return go(kPoint);
    return Taken::kEnds;
}

}  // namespace cairn::engine
