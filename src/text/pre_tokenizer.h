// SPDX-License-Identifier: Apache-2.0
// Cuts text into words before BPE; merges never cross a word's border. One table names every way of
// cutting that GGUF files name; tokenizer.json brings its own steps.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byte_alphabet.h"
#include "cairn/base/result.h"
#include "cairn/text/tokenizer_parts.h"
#include "split_pattern.h"

namespace cairn::text {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

/// What GGUF's `tokenizer.ggml.pre` stands for.
struct PreKind {
    std::string_view names;     ///< separated by one space
    std::string_view patterns;  ///< expressions separated by U+001F, each cuts further
    bool whole_words = false;   ///< a word that is a token is not merged
    bool nfc = false;           ///< the model's tokenizer.json normalises
};

/// Refused by name when it is not in the table, never guessed.
Result<const PreKind*> pre_kind_by_name(std::string_view name);
/// The whole table. The first name of a row is the one that is written.
std::span<const PreKind> all_pre_kinds();
std::vector<CutStep> cut_steps(const PreKind& kind);

/// GPT-2's expression, which ByteLevel of tokenizer.json uses too.
std::string_view gpt2_pattern();

/// Steps with their compiled expressions.
class PreTokenizer {
  public:
    static Result<PreTokenizer> compile(std::vector<CutStep> steps);
    static Result<PreTokenizer> by_name(std::string_view name);

    /// Calls `use(word)` for each word in order. `at_text_begin`: the piece is the begin of the
    /// text, where Metaspace may put its mark.
    template <typename Use>
    void for_each_word(std::string_view piece, bool at_text_begin, Use&& use) const {
        SplitSearch search(piece.size());
        walk(0, piece, at_text_begin, search, use);
    }

    bool to_alphabet() const { return to_alphabet_; }

  private:
    struct Step {
        CutStep cut;
        std::optional<SplitPattern> pattern;
    };

    template <typename Use>
    void walk(std::size_t index, std::string_view piece, bool at_begin, SplitSearch& search,
              Use& use) const {
        if (piece.empty()) return;
        if (index == steps_.size()) {
            use(piece);
            return;
        }
        const Step& step = steps_[index];
        const auto next = [&](std::string_view part) {
            const bool begin = at_begin && part.data() == piece.data();
            walk(index + 1, part, begin, search, use);
        };
        switch (step.cut.kind) {
            case CutStep::Kind::kSplit:
                split(step, piece, search, next);
                return;
            case CutStep::Kind::kMetaspace:
                metaspace(step.cut, index, piece, at_begin, search, use);
                return;
            case CutStep::Kind::kSpaceBefore: {
                if (piece.starts_with(' ')) return next(piece);
                const std::string spaced = " " + std::string(piece);
                walk(index + 1, spaced, at_begin, search, use);
                return;
            }
            case CutStep::Kind::kToAlphabet: {
                const std::string mapped = bytes_to_alphabet(piece);
                walk(index + 1, mapped, at_begin, search, use);
                return;
            }
        }
    }

    /// Matches and what lies between them, joined as the step says.
    template <typename Next>
    static void split(const Step& step, std::string_view piece, SplitSearch& search, Next& next) {
        using Matches = CutStep::Matches;
        std::size_t pending = 0;  // begin of a part that may grow
        std::size_t end = 0;
        bool pending_match = false;
        const auto flush = [&] {
            if (end > pending) next(piece.substr(pending, end - pending));
            pending = end;
        };
        const auto add = [&](std::size_t part_end, bool match) {
            if (part_end == end) return;
            const bool empty = pending == end;
            bool joins = false;
            if (step.cut.matches == Matches::kJoinPrevious) joins = match && !pending_match;
            if (step.cut.matches == Matches::kJoinNext) joins = !match && pending_match;
            if (step.cut.matches == Matches::kContiguous) joins = match == pending_match;
            if (!empty && !joins) flush();
            end = part_end;
            pending_match = match;
            if (match && step.cut.matches == Matches::kRemoved) pending = end;
        };
        for (std::size_t at = 0; at < piece.size();) {
            const SplitPattern::Match match = search.find(*step.pattern, piece, at);
            add(match.begin, step.cut.invert);
            add(match.end, !step.cut.invert);
            at = match.end;
        }
        flush();
    }

    template <typename Use>
    void metaspace(const CutStep& cut, std::size_t index, std::string_view piece, bool at_begin,
                   SplitSearch& search, Use& use) const {
        const bool wanted = cut.prepend == CutStep::Prepend::kAlways ||
                            (cut.prepend == CutStep::Prepend::kFirst && at_begin);
        const bool has = piece.starts_with(' ') || piece.starts_with(kSpaceMark);
        std::string marked;
        marked.reserve(piece.size() + piece.size() / 2 + 4);
        if (wanted && !has) marked = kSpaceMark;
        for (const char c : piece) {
            c == ' ' ? marked.append(kSpaceMark) : marked.append(1, c);
        }
        const std::string_view view = marked;
        std::size_t begin = 0;
        while (cut.split) {
            const std::size_t mark = view.find(kSpaceMark, begin + 1);
            if (mark == std::string_view::npos) break;
            walk(index + 1, view.substr(begin, mark - begin), at_begin && begin == 0, search, use);
            begin = mark;
        }
        walk(index + 1, view.substr(begin), at_begin && begin == 0, search, use);
    }

    std::vector<Step> steps_;
    bool to_alphabet_ = false;  // words come out in the alphabet
};

}  // namespace cairn::text
