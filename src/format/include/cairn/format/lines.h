// SPDX-License-Identifier: Apache-2.0
// Text files line by line with bounds, plain or packed by zstd (".zst"): memory holds one line,
// however large the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "cairn/base/limits.h"
#include "cairn/base/result.h"

namespace cairn::format {

class LineReader {
  public:
    /// A path that ends in ".zst" is unpacked on the way.
    static Result<LineReader> open(const std::filesystem::path& path,
                                   std::uint64_t line_bytes_max = limits::kJsonlLineBytesMax);
    LineReader(LineReader&&) noexcept;
    LineReader& operator=(LineReader&&) noexcept;
    ~LineReader();

    /// The next line without its end (LF or CRLF) into `line`; false at the end of the file. Errors
    /// name file and line: kTooLarge for a longer line, kInvalid for damaged packing, kIo.
    Result<bool> next(std::string& line);
    std::uint64_t line_number() const;  ///< of the line that next() gave last, from 1
    /// Bytes of the file (packed) that were read so far, and its size: for progress bars.
    std::uint64_t bytes_read() const;
    std::uint64_t bytes_total() const;

  private:
    struct State;
    explicit LineReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::format
