// SPDX-License-Identifier: Apache-2.0
// Runs a compiled pattern: a backtracking matcher whose frames give back one character at a time.
#include "split_pattern.h"

#include <bit>
#include <limits>

#include "split_program.h"

namespace cairn::text {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

SplitCharacter character_at(const SplitPattern::Program& program, std::string_view text,
                            std::size_t position) {
    const auto byte = static_cast<std::uint8_t>(text[position]);
    if (byte < 128) return {program.ascii_sets[byte], 1};
    char32_t c = 0;
    const std::size_t bytes = decode_utf8(text, position, c);
    return {program.table.of(c), bytes};
}

/// Begin of the character that ends at `position` > 0.
std::size_t character_before(std::string_view text, std::size_t position) {
    const std::size_t back_max = position < 4 ? position : 4;
    for (std::size_t back = 2; back <= back_max; ++back) {
        char32_t c = 0;
        if (decode_utf8(text, position - back, c) == back) return position - back;
    }
    return position - 1;
}

}  // namespace

SplitPattern::SplitPattern(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

bool SplitPattern::operator==(const SplitPattern& other) const {
    return program_->code == other.program_->code && program_->table == other.program_->table;
}

SplitSearch::SplitSearch(std::size_t text_bytes)
    : budget_(static_cast<std::int64_t>(text_bytes) * 64 + 65'536) {}
SplitSearch::~SplitSearch() = default;

struct SplitRun {
    SplitSearch& search;
    const SplitPattern::Program& program;
    std::string_view text;

    using Op = SplitInstruction::Op;

    /// End of the longest run; `lowest` becomes the least end it may give back to. kNone: too
    /// short.
    std::size_t run(const SplitInstruction& code, std::size_t position, std::size_t& lowest) {
        std::uint32_t count = 0;
        lowest = code.low == 0 ? position : kNone;
        const std::size_t begin = position;
        while (count < code.high && position < text.size()) {
            const SplitCharacter character = character_at(program, text, position);
            if ((character.sets & code.sets) == 0) break;
            position += character.bytes;
            if (++count == code.low) lowest = position;
        }
        search.budget_ -= static_cast<std::int64_t>(position - begin) + 1;
        return count < code.low ? kNone : position;
    }

    bool holds(const SplitInstruction& code, std::size_t position) const {
        const bool at_end = position == text.size();
        switch (code.op) {
            case Op::kAhead:
                return !at_end && (character_at(program, text, position).sets & code.sets) != 0;
            case Op::kNotAhead:
                return at_end || (character_at(program, text, position).sets & code.sets) == 0;
            case Op::kLineBegin:
                return position == 0 || text[position - 1] == '\n';
            case Op::kLineEnd:
                return at_end || text[position] == '\n';
            case Op::kTextBegin:
                return position == 0;
            default:
                return at_end;
        }
    }

    /// End of a match that begins at `position`, or kNone.
    std::size_t match(std::uint32_t start, std::size_t position) {
        auto& frames = search.frames_;
        frames.clear();
        std::uint32_t at = start;
        while (search.budget_ > 0) {
            const SplitInstruction& code = program.code[at];
            bool failed = false;
            if (code.op == Op::kMatch) return position;
            --search.budget_;
            if (code.op == Op::kRun) {
                std::size_t lowest = 0;
                const std::size_t end = run(code, position, lowest);
                failed = end == kNone;
                if (!failed) {
                    if (!code.possessive && end > lowest) frames.push_back({at + 1, end, lowest});
                    position = end;
                    ++at;
                }
            } else if (code.op == Op::kSplit) {
                frames.push_back({code.target, position, position});
                ++at;
            } else if (code.op == Op::kJump) {
                at = code.target;
            } else if (holds(code, position)) {
                ++at;
            } else {
                failed = true;
            }
            if (!failed) continue;
            if (frames.empty()) return kNone;
            SplitSearch::Frame& frame = frames.back();
            at = frame.next;
            if (frame.position > frame.lowest) {
                frame.position = character_before(text, frame.position);
                position = frame.position;
                if (frame.position == frame.lowest) frames.pop_back();
            } else {
                position = frame.position;
                frames.pop_back();
            }
        }
        return kNone;
    }
};

SplitPattern::Match SplitSearch::find(const SplitPattern& pattern, std::string_view text,
                                      std::size_t from) {
    SplitRun run{*this, pattern.program(), text};
    const SplitPattern::Program& program = run.program;
    while (from < text.size() && budget_ > 0) {
        const auto byte = static_cast<std::uint8_t>(text[from]);
        std::size_t bytes = 1;
        std::uint32_t starts = 0;
        if (byte < 128) {
            starts = program.ascii_starts[byte];
        } else {
            const SplitCharacter character = character_at(program, text, from);
            bytes = character.bytes;
            starts = program.starts_for(character.sets);
        }
        for (; starts != 0; starts &= starts - 1) {
            const auto alternative = static_cast<std::size_t>(std::countr_zero(starts));
            const std::size_t end = run.match(program.starts[alternative], from);
            if (end != kNone && end > from) return {from, end};
        }
        from += bytes;
        --budget_;
    }
    return {text.size(), text.size()};
}

}  // namespace cairn::text
