// SPDX-License-Identifier: Apache-2.0
// PDF by `pdftotext` (poppler-utils) as a child process with limits: one form feed a page, tables
// as "a | b" lines, pages of text columns in reading order. Lines that were broken inside a
// sentence are joined, so that quotes do not break.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>

#include "cairn/base/files.h"
#include "cairn/base/process.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

constexpr std::size_t kHeadingBytesMax = 60;
constexpr std::size_t kColumnBytes = 30;  // a gap with this much text on both sides: two columns

bool is_lower(char c) {
    return std::islower(static_cast<unsigned char>(c)) != 0;
}

std::vector<std::string_view> split(std::string_view text, char mark) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        std::size_t end = text.find(mark);
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return parts;
}

/// Cells of a line: pieces with two or more spaces between them.
std::vector<std::string> cells_of(std::string_view line) {
    std::vector<std::string> cells;
    line = trim(line);
    while (!line.empty()) {
        std::size_t gap = line.find("  ");
        cells.push_back(squeeze_space(line.substr(0, gap)));
        line = gap == std::string_view::npos ? std::string_view() : trim(line.substr(gap));
    }
    return cells;
}

/// True for a page of running text in columns: there the reading order is the right one.
bool has_text_columns(std::string_view page) {
    int lines = 0;
    int wide = 0;
    for (std::string_view line : split(page, '\n')) {
        std::vector<std::string> cells = cells_of(line);
        lines += cells.empty() ? 0 : 1;
        wide +=
            cells.size() >= 2 && cells[0].size() >= kColumnBytes && cells[1].size() >= kColumnBytes
                ? 1
                : 0;
    }
    return lines >= 8 && wide * 10 >= lines * 3;
}

/// A page in rows: tables as "a | b", other lines squeezed; at most one empty line between two.
std::vector<std::string> rows_of(std::string_view page) {
    std::vector<std::string> rows;
    bool gap = false;
    for (std::string_view line : split(page, '\n')) {
        std::vector<std::string> cells = cells_of(line);
        if (cells.empty()) {
            gap = !rows.empty();
            continue;
        }
        bool table = cells.size() >= 2;
        bool after_row = !rows.empty() && rows.back().find(" | ") != std::string::npos;
        if (gap && !(table && after_row)) {
            rows.emplace_back();
        }
        gap = false;
        rows.push_back(table ? table_row(cells) : cells.front());
    }
    return rows;
}

/// Writes the pages' rows as sections and paragraphs.
class PdfPages {
  public:
    PdfPages(std::vector<std::vector<std::string>> pages, DocumentBuilder& out)
        : pages_(std::move(pages)), out_(out) {
        for (const auto& rows : pages_) {
            for (const std::string& row : rows) {
                ++seen_[without_digits(row)];
                whole_ += row + "\n";
            }
        }
    }

    void write() {
        for (const auto& rows : pages_) {
            out_.page();
            write_page(rows);
        }
    }

  private:
    /// "page 1 of 3" and "page 2 of 3" are one running line.
    static std::string without_digits(std::string_view row) {
        std::string key(row);
        for (char& c : key) {
            c = std::isdigit(static_cast<unsigned char>(c)) != 0 ? '0' : c;
        }
        return key;
    }

    void write_page(const std::vector<std::string>& rows) {
        std::size_t longest = 0;
        for (const std::string& row : rows) {
            longest = std::max(longest, row.size());
        }
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::string& row = rows[i];
            bool alone = (i == 0 || rows[i - 1].empty()) && is_heading(row, longest);
            if (alone) {
                flush();
                out_.open_section(2, row);
            }
            if (!row.empty()) {
                out_.set_title(row);
            }
            add(row, longest);
        }
        flush();
    }

    bool is_heading(const std::string& row, std::size_t longest) const {
        auto seen = seen_.find(without_digits(row));
        return !row.empty() && row.size() <= kHeadingBytesMax && longest >= kHeadingBytesMax &&
               row.find(" | ") == std::string::npos && !is_lower(row.front()) &&
               std::isdigit(static_cast<unsigned char>(row.back())) == 0 &&
               std::string_view(".,;:!?").find(row.back()) == std::string_view::npos &&
               seen->second == 1;
    }

    /// Joins a row to the line in hand when that was broken at the page's edge.
    void add(const std::string& row, std::size_t longest) {
        bool full = line_bytes_ * 4 >= longest * 3 && line_bytes_ > 0;
        bool ended = line_.empty() ||
                     std::string_view(".!?:;|").find(line_.back()) != std::string_view::npos;
        bool item = row.starts_with("- ") || row.starts_with("\xE2\x80\xA2");
        bool table = row.find(" | ") != std::string::npos || line_.find(" | ") != std::string::npos;
        bool joins = full && !row.empty() && !item && !table && (!ended || is_lower(row.front()));
        if (!joins) {
            flush();
            line_ = row;
            pending_ = true;
        } else if (line_.back() != '-') {
            line_ += " " + row;
        } else {
            // "docu-" + "ment" is one word when the document also writes it in one.
            if (is_word_of_document(row)) {
                line_.pop_back();
            }
            line_ += row;
        }
        line_bytes_ = row.size();
    }

    bool is_word_of_document(std::string_view next) const {
        std::size_t begin = line_.find_last_of(" (") + 1;
        std::string word = line_.substr(begin, line_.size() - 1 - begin);
        word += next.substr(0, next.find_first_of(" .,;:)"));
        return whole_.find(word) != std::string::npos;
    }

    void flush() {
        if (pending_) {
            out_.raw(line_ + "\n");
        }
        line_.clear();
        line_bytes_ = 0;
        pending_ = false;
    }

    std::vector<std::vector<std::string>> pages_;
    DocumentBuilder& out_;
    std::map<std::string, int> seen_;
    std::string whole_;
    std::string line_;
    std::size_t line_bytes_ = 0;  ///< of the row that was added last
    bool pending_ = false;
};

/// A file that goes away with the scope.
struct TemporaryFile {
    std::filesystem::path path;
    ~TemporaryFile() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    }
};

Result<ChildOutput> run_pdftotext(std::string_view bytes, bool layout) {
    static std::atomic<std::uint64_t> counter{0};
    TemporaryFile file{temporary_folder() / ("document-" + std::to_string(counter++) + ".pdf")};
    {
        std::ofstream stream(file.path, std::ios::binary);
        stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (!stream.flush()) {
            return make_error(Code::kExhausted, "cannot write " + file.path.string(),
                              "free space in the folder for temporary files (TMPDIR)");
        }
    }
    std::vector<std::string> command = {"pdftotext", "-enc", "UTF-8", file.path.string(), "-"};
    if (layout) {
        command.insert(command.begin() + 1, "-layout");
    }
    return run_child(command);
}

std::string first_line(std::string_view text) {
    return std::string(trim(text.substr(0, text.find('\n'))));
}

Error damaged(const ChildOutput& child) {
    return make_error(Code::kInvalid, "the PDF is damaged: " + first_line(child.error));
}

Result<ChildOutput> extract(std::string_view bytes) {
    Result<ChildOutput> ran = run_pdftotext(bytes, true);
    if (!ran && ran.error().code == Code::kNotFound) {
        return make_error(Code::kUnavailable, "the program pdftotext is not installed",
                          "apt-get install poppler-utils");
    }
    ChildOutput child = CAIRN_TRY(std::move(ran));
    if (child.error.find("Incorrect password") != std::string::npos) {
        return make_error(Code::kInvalid, "the PDF is locked by a password",
                          "save it without a password");
    }
    if (child.exit_status != 0) {
        return damaged(child);
    }
    return child;
}

}  // namespace

Status read_pdf(const ReadRequest& request, DocumentBuilder& out) {
    ChildOutput child = CAIRN_TRY(extract(request.bytes));
    if (trim(child.out).empty()) {
        if (child.error.find("Error") != std::string::npos) {
            return damaged(child);
        }
        return make_error(Code::kUnsupported,
                          "no text layer: a scan, an image or an empty form (text recognition is "
                          "not built in)");
    }
    if (!child.error.empty()) {
        out.note("pdftotext: " + first_line(child.error));
    }
    std::vector<std::string_view> pages = split(child.out, '\f');
    std::string plain;
    std::vector<std::string_view> plain_pages;
    if (std::any_of(pages.begin(), pages.end(), has_text_columns)) {
        plain = CAIRN_TRY(run_pdftotext(request.bytes, false)).out;
        plain_pages = split(plain, '\f');
    }
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < pages.size(); ++i) {
        bool columns = i < plain_pages.size() && has_text_columns(pages[i]);
        rows.push_back(rows_of(columns ? plain_pages[i] : pages[i]));
    }
    PdfPages(std::move(rows), out).write();
    return {};
}

}  // namespace cairn::data
