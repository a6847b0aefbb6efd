// SPDX-License-Identifier: Apache-2.0
// Tables: CSV files, and how rows of any table become lines that can be quoted.
#include <algorithm>
#include <cctype>

#include "cairn/format/csv.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

bool looks_like_header(const std::vector<std::string>& cells) {
    int named = 0;
    for (const std::string& cell : cells) {
        std::string_view text = trim(cell);
        if (text.empty()) {
            continue;
        }
        bool digits_only = std::none_of(text.begin(), text.end(), [](char c) {
            return std::isalpha(static_cast<unsigned char>(c)) != 0 ||
                   static_cast<unsigned char>(c) >= 0x80;
        });
        if (digits_only) {
            return false;
        }
        ++named;
    }
    return named >= 2 || (named == 1 && cells.size() == 1);
}

std::ptrdiff_t filled(const std::vector<std::string>& cells) {
    return std::count_if(cells.begin(), cells.end(),
                         [](const std::string& cell) { return !trim(cell).empty(); });
}

std::string row_line(const std::vector<std::string>& header,
                     const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        std::string cell = squeeze_space(cells[i]);
        if (cell.empty()) {
            continue;
        }
        if (!line.empty()) {
            line += "; ";
        }
        std::string name = i < header.size() ? squeeze_space(header[i]) : std::string();
        line += name.empty() ? cell : name + ": " + cell;
    }
    return line;
}

}  // namespace

std::string table_row(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        line += (i > 0 ? " | " : "") + squeeze_space(cells[i]);
    }
    return trim(line) == "|" ? std::string() : line;
}

void append_table(const std::vector<std::vector<std::string>>& rows, DocumentBuilder& out) {
    std::vector<std::string> header;
    std::size_t first = 0;
    // Title lines above the table.
    while (first + 1 < rows.size() && rows.front().size() > 1 && filled(rows[first]) <= 1) {
        out.line(row_line({}, rows[first++]));
    }
    if (first + 1 < rows.size() && looks_like_header(rows[first])) {
        header = rows[first++];
    }
    for (std::size_t i = first; i < rows.size(); ++i) {
        out.line(row_line(header, rows[i]));
    }
}

Status read_csv_file(const ReadRequest& request, DocumentBuilder& out) {
    std::string text = CAIRN_TRY(decode_text(request.bytes, out));
    char delimiter = request.path.ends_with(".tsv") ? '\t' : '\0';
    format::CsvTable table = CAIRN_TRY(format::read_csv(text, delimiter));
    std::vector<std::vector<std::string>> rows;
    rows.reserve(table.rows.size());
    for (format::CsvRow& row : table.rows) {
        rows.push_back(std::move(row.cells));
    }
    append_table(rows, out);
    return {};
}

}  // namespace cairn::data
