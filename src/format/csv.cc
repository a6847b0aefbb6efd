// SPDX-License-Identifier: Apache-2.0
// RFC 4180 as a small state machine over bytes; quotes count only at the start of a cell.
#include "cairn/format/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cairn/base/limits.h"

namespace cairn::format {
namespace {

constexpr std::string_view kDelimiters = ",;\t|";
constexpr std::size_t kSampleLines = 20;
constexpr std::size_t kCellsMax = 16'384;  // columns of a spreadsheet

class Parser {
  public:
    Parser(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

    Result<std::vector<CsvRow>> rows(std::size_t rows_max) {
        std::vector<CsvRow> rows;
        while (at_ < text_.size() && rows.size() < rows_max) {
            CsvRow row = CAIRN_TRY(read_row());
            const bool blank = row.cells.size() == 1 && row.cells[0].empty();
            if (!blank) rows.push_back(std::move(row));
        }
        return rows;
    }

  private:
    Result<CsvRow> read_row() {
        CsvRow row{{}, at_, at_, line_};
        for (;;) {
            row.cells.push_back(CAIRN_TRY(read_cell()));
            if (row.cells.size() > kCellsMax) {
                return make_error(
                    Code::kTooLarge,
                    fmt::format("CSV line {}: expected at most {} cells", row.line, kCellsMax));
            }
            if (at_ >= text_.size() || text_[at_] != delimiter_) break;
            ++at_;
        }
        row.end = at_;
        if (at_ < text_.size() && text_[at_] == '\r') ++at_;
        if (at_ < text_.size() && text_[at_] == '\n') ++at_;
        ++line_;
        return row;
    }

    bool ends_row(std::size_t offset) const {
        if (offset >= text_.size() || text_[offset] == '\n') return true;
        return text_[offset] == '\r' && (offset + 1 == text_.size() || text_[offset + 1] == '\n');
    }

    Result<std::string> read_cell() {
        std::string cell;
        if (at_ < text_.size() && text_[at_] == '"') CAIRN_TRY(read_quoted(cell));
        // What follows a closing quote is kept: real files have it, and dropping it would lose
        // data.
        while (!ends_row(at_) && text_[at_] != delimiter_) {
            cell += text_[at_++];
        }
        return cell;
    }

    Status read_quoted(std::string& cell) {
        const std::size_t line = line_;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '"') {
                if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
                    ++at_;
                    return {};
                }
                ++at_;
            }
            if (text_[at_] == '\n') ++line_;
            cell += text_[at_];
        }
        return make_error(Code::kInvalid,
                          fmt::format("CSV line {}: expected a closing quote, found the end", line),
                          "double the quotes inside of quoted cells");
    }

    std::string_view text_;
    char delimiter_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

/// The delimiter that gives the first rows the same number (above one) of cells; the more rows
/// agree, the better.
char find_delimiter(std::string_view text) {
    char best = ',';
    std::size_t best_score = 0;
    for (const char delimiter : kDelimiters) {
        const auto rows = Parser(text, delimiter).rows(kSampleLines);
        if (!rows || rows->empty()) continue;
        const std::size_t cells = rows->front().cells.size();
        if (cells < 2) continue;
        const auto agrees = [&](const CsvRow& row) { return row.cells.size() == cells; };
        const auto score =
            static_cast<std::size_t>(std::count_if(rows->begin(), rows->end(), agrees)) * 1000 +
            cells;
        if (score > best_score) {
            best_score = score;
            best = delimiter;
        }
    }
    return best;
}

bool is_plain_number(std::string_view cell) {
    return cell.size() > 1 && std::ranges::all_of(cell.substr(1), [](char c) {
               return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ',';
           });
}

}  // namespace

Result<CsvTable> read_csv(std::string_view text, char delimiter) {
    if (text.size() > limits::kDocumentTextBytesMax) {
        return make_error(Code::kTooLarge, fmt::format("CSV: expected at most {} bytes, found {}",
                                                       limits::kDocumentTextBytesMax, text.size()));
    }
    CsvTable table;
    table.delimiter = delimiter != 0 ? delimiter : find_delimiter(text);
    table.rows = CAIRN_TRY(Parser(text, table.delimiter).rows(text.size() + 1));
    return table;
}

std::string csv_line(std::span<const std::string> cells, char delimiter) {
    constexpr std::string_view kFormulaStarts = "=+-@\t\r";
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) line += delimiter;
        std::string cell = cells[i];
        const bool formula =
            !cell.empty() && kFormulaStarts.find(cell[0]) != std::string_view::npos;
        const bool number =
            !cell.empty() && (cell[0] == '-' || cell[0] == '+') && is_plain_number(cell);
        if (formula && !number) cell.insert(0, 1, '\'');
        const bool lone_empty = cells.size() == 1 && cell.empty();  // else the line would be blank
        if (!lone_empty &&
            cell.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos) {
            line += cell;
            continue;
        }
        line += '"';
        for (const char c : cell) {
            if (c == '"') line += '"';
            line += c;
        }
        line += '"';
    }
    return line + '\n';
}

}  // namespace cairn::format
