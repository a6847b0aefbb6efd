// SPDX-License-Identifier: Apache-2.0
// The scanners: classify a character, then extend the run.
#include "pre_tokenizer.h"

#include <unicode/uchar.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

enum class Class : std::uint8_t { kLetter, kNumber, kSpace, kNewline, kOther };

struct Character {
    Class kind = Class::kOther;
    std::size_t bytes = 0;
};

constexpr std::size_t kPebbleRunMax = 24;

constexpr std::array<Class, 128> make_ascii_classes() {
    std::array<Class, 128> classes{};
    for (int c = 0; c < 128; ++c) {
        Class kind = Class::kOther;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) kind = Class::kLetter;
        if (c >= '0' && c <= '9') kind = Class::kNumber;
        if (c == ' ' || (c >= 9 && c <= 13)) kind = Class::kSpace;
        classes[static_cast<std::size_t>(c)] = kind;
    }
    return classes;
}
constexpr std::array<Class, 128> kAsciiClasses = make_ascii_classes();

Class class_of(PreTokenizer pre, char32_t code_point) {
    const auto c = static_cast<UChar32>(code_point);
    const std::uint32_t mask = U_GET_GC_MASK(c);
    if ((mask & U_GC_L_MASK) != 0) return Class::kLetter;
    if ((mask & U_GC_N_MASK) != 0) return Class::kNumber;
    if (u_isUWhiteSpace(c)) return Class::kSpace;
    if (pre == PreTokenizer::kPebble && (mask & U_GC_M_MASK) != 0) return Class::kLetter;
    return Class::kOther;
}

/// bytes == 0 at the end of the text.
Character character_at(PreTokenizer pre, std::string_view text, std::size_t offset) {
    if (offset >= text.size()) return {};
    const auto byte = static_cast<std::uint8_t>(text[offset]);
    if (byte < 128) {
        const bool line_end = byte == '\n' || byte == '\r';
        if (line_end && pre == PreTokenizer::kPebble) return {Class::kNewline, 1};
        return {kAsciiClasses[byte], 1};
    }
    const CodePoint point = code_point_at(text, offset);
    return {point.valid ? class_of(pre, point.value) : Class::kOther, point.bytes};
}

std::size_t run_max(PreTokenizer pre, Class kind) {
    if (pre == PreTokenizer::kGpt2) return std::numeric_limits<std::size_t>::max();
    return kind == Class::kNumber ? 1 : kPebbleRunMax;
}

/// 's 't 'm 'd 're 've 'll in lower case; 0 when there is none.
std::size_t contraction_length(std::string_view text, std::size_t begin) {
    if (text[begin] != '\'') return 0;
    const std::string_view rest = text.substr(begin + 1, 2);
    if (rest.empty()) return 0;
    if (std::string_view("stmd").find(rest[0]) != std::string_view::npos) return 2;
    return rest == "re" || rest == "ve" || rest == "ll" ? 3 : 0;
}

}  // namespace

Result<PreTokenizer> pre_tokenizer_by_name(std::string_view name) {
    if (name == "gpt-2") return PreTokenizer::kGpt2;
    if (name == "pebble") return PreTokenizer::kPebble;
    return make_error(
        Code::kUnsupported,
        "expected the pre-tokenizer gpt-2 or pebble, found '" + std::string(name) + "'",
        "a wrong cut of words would silently harm the model: use a model with a known one");
}

std::size_t word_end(PreTokenizer pre, std::string_view text, std::size_t begin) {
    if (const std::size_t length = contraction_length(text, begin)) return begin + length;
    Character character = character_at(pre, text, begin);
    std::size_t end = begin;
    if (text[begin] == ' ') {
        const Character after = character_at(pre, text, begin + 1);
        const bool space = after.kind == Class::kSpace || after.kind == Class::kNewline;
        if (after.bytes > 0 && !space) {  // one space joins the word behind it
            character = after;
            end = begin + 1;
        }
    }
    const Class kind = character.kind;
    const std::size_t count_max = run_max(pre, kind);
    std::size_t count = 0;
    std::size_t last_bytes = 0;
    while (character.bytes > 0 && character.kind == kind && count < count_max) {
        last_bytes = character.bytes;
        end += last_bytes;
        ++count;
        character = character_at(pre, text, end);
    }
    const bool word_follows =
        character.bytes > 0 && character.kind != Class::kSpace && character.kind != Class::kNewline;
    if (kind == Class::kSpace && count > 1 && word_follows) end -= last_bytes;
    return end;
}

}  // namespace cairn::text
