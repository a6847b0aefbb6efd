// SPDX-License-Identifier: Apache-2.0
// CSV by RFC 4180 with the delimiter found by counting (, ; tab |), and a writer that quotes and
// defuses formula cells.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::format {

struct CsvRow {
    std::vector<std::string> cells;
    std::size_t begin = 0;  ///< bytes of the row in the text, without the line end
    std::size_t end = 0;
    std::size_t line = 1;  ///< of the row's first byte
};

struct CsvTable {
    char delimiter = ',';
    std::vector<CsvRow> rows;  ///< with the header row, if there is one; blank lines are left out
};

/// `delimiter` 0: found in the first lines. Rows may have different numbers of cells. Errors:
/// kInvalid for a quote that is never closed (with its line), kTooLarge.
Result<CsvTable> read_csv(std::string_view text, char delimiter = 0);

/// One line with CRLF-free LF end. Cells that a spreadsheet would run (= + - @ tab CR in front,
/// unless a plain number) get an apostrophe in front.
std::string csv_line(std::span<const std::string> cells, char delimiter = ',');

}  // namespace cairn::format
