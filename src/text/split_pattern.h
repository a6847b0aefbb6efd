// SPDX-License-Identifier: Apache-2.0
// The regular expressions that cut text into words before BPE, in the dialect of tokenizer.json:
// sets, greedy and possessive repeats, alternatives, one-character look-ahead. The leftmost match
// wins, then the first alternative. Work is paid from a budget, so hostile text cannot make a
// search super-linear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::text {

class SplitPattern {
  public:
    /// Other constructs are refused by name (kUnsupported).
    static Result<SplitPattern> compile(std::string_view expression);

    struct Match {
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    /// The same instructions over the same characters, however they are spelled.
    bool operator==(const SplitPattern& other) const;

    struct Program;
    const Program& program() const { return *program_; }

  private:
    explicit SplitPattern(std::shared_ptr<const Program> program);
    std::shared_ptr<const Program> program_;
};

/// One search through one text: its scratch memory and its budget.
class SplitSearch {
  public:
    /// About 64 steps a byte: ordinary text needs fewer than 4.
    explicit SplitSearch(std::size_t text_bytes);
    ~SplitSearch();

    /// The first match that is not empty at or after `from`; {size, size} when there is none, or
    /// when the budget is used up.
    SplitPattern::Match find(const SplitPattern& pattern, std::string_view text, std::size_t from);

  private:
    struct Frame {
        std::uint32_t next = 0;    ///< instruction to go on with
        std::size_t position = 0;  ///< where
        std::size_t lowest = 0;    ///< a run may give back characters down to here
    };
    friend struct SplitRun;
    std::int64_t budget_;
    std::vector<Frame> frames_;
};

}  // namespace cairn::text
