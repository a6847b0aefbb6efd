// SPDX-License-Identifier: Apache-2.0
// A compiled SplitPattern: instructions over sets of characters, and the table that says which sets
// hold a character.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "split_pattern.h"

namespace cairn::text {

/// Which of up to 32 sets hold a character, as bits: two steps through a table.
class SetTable {
  public:
    static constexpr std::size_t kBlock = 128;
    std::uint32_t of(char32_t c) const {
        return blocks_[static_cast<std::size_t>(index_[c / kBlock]) * kBlock + c % kBlock];
    }
    bool operator==(const SetTable&) const = default;
    std::vector<std::uint16_t> index_;
    std::vector<std::uint32_t> blocks_;
};

struct SplitInstruction {
    enum class Op : std::uint8_t {
        kRun,       ///< `low` to `high` characters of `sets`
        kSplit,     ///< go on behind, or else at `target`
        kJump,      ///< go on at `target`
        kAhead,     ///< the next character is of `sets`
        kNotAhead,  ///< it is not, or there is none
        kLineBegin,
        kLineEnd,
        kTextBegin,
        kTextEnd,
        kMatch,
    };
    Op op = Op::kMatch;
    bool possessive = false;  ///< kRun: never gives back
    std::uint32_t sets = 0;
    std::uint32_t low = 1;
    std::uint32_t high = 1;
    std::uint32_t target = 0;
    bool operator==(const SplitInstruction&) const = default;
};

struct SplitPattern::Program {
    static constexpr std::uint32_t kNoLimit = 0xFFFF'FFFF;
    SetTable table;
    std::vector<SplitInstruction> code;
    std::vector<std::uint32_t> starts;  ///< of the top alternatives, at most 32
    std::vector<std::uint32_t> firsts;  ///< sets that each may begin with; all bits: any
    std::uint32_t any_first = 0;        ///< union of `firsts`
    std::array<std::uint32_t, 128> ascii_sets{};
    std::array<std::uint32_t, 128> ascii_starts{};  ///< alternatives, as bits, by first character

    std::uint32_t starts_for(std::uint32_t sets) const {
        std::uint32_t bits = 0;
        if ((any_first & sets) == 0 && any_first != kNoLimit) return 0;
        for (std::size_t i = 0; i < firsts.size(); ++i) {
            if (firsts[i] == kNoLimit || (firsts[i] & sets) != 0) bits |= 1U << i;
        }
        return bits;
    }
};

/// The character at `position` < text.size(); a byte that is not UTF-8 is one symbol.
struct SplitCharacter {
    std::uint32_t sets = 0;
    std::size_t bytes = 1;
};

inline std::size_t decode_utf8(std::string_view text, std::size_t position, char32_t& out) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[position + i]); };
    const std::size_t left = text.size() - position;
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) {
        out = lead;
        return 1;
    }
    if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && tail(1)) {
        out = ((lead & 0x1FU) << 6) | (byte(1) & 0x3FU);
        return 2;
    }
    if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && tail(1) && tail(2)) {
        const char32_t c = ((lead & 0x0FU) << 12) | ((byte(1) & 0x3FU) << 6) | (byte(2) & 0x3FU);
        if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) {
            out = c;
            return 3;
        }
    }
    if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && tail(1) && tail(2) && tail(3)) {
        const char32_t c = ((lead & 0x07U) << 18) | ((byte(1) & 0x3FU) << 12) |
                           ((byte(2) & 0x3FU) << 6) | (byte(3) & 0x3FU);
        if (c >= 0x10000 && c <= 0x10FFFF) {
            out = c;
            return 4;
        }
    }
    out = 0xFFFD;
    return 1;
}

}  // namespace cairn::text
