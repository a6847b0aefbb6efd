// SPDX-License-Identifier: Apache-2.0
// JSON lines: one value per line, blank lines skipped; every error names the file and the line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "cairn/base/result.h"
#include "cairn/format/lines.h"

namespace cairn::format {

class JsonlReader {
  public:
    static Result<JsonlReader> open(const std::filesystem::path& path);
    /// False at the end. An error for one line does not end the reading: next() goes on behind it.
    Result<bool> next(nlohmann::json& value);
    std::uint64_t line_number() const { return lines_.line_number(); }
    std::uint64_t bytes_read() const { return lines_.bytes_read(); }
    std::uint64_t bytes_total() const { return lines_.bytes_total(); }

  private:
    JsonlReader(LineReader lines, std::string name);
    LineReader lines_;
    std::string name_;
    std::string line_;
};

/// Writes all values atomically, one per line, keys in byte order.
Status write_jsonl(const std::filesystem::path& path, std::span<const nlohmann::json> values);

}  // namespace cairn::format
