// SPDX-License-Identifier: Apache-2.0
// XLSX (ECMA-376 SpreadsheetML): each sheet a section, each row a line "header: value; ...". Dates
// are written as dates; formulas by their last value.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "cairn/base/limits.h"
#include "readers/office_archive.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

using Parts = std::map<std::string, std::string>;

constexpr int kColumnsMax = 1024;
constexpr std::size_t kCellsMax = 2'000'000;

bool is_wanted(std::string_view name) {
    return name == "xl/workbook.xml" || name == "xl/_rels/workbook.xml.rels" ||
           name == "xl/sharedStrings.xml" || name == "xl/styles.xml" ||
           (name.starts_with("xl/worksheets/") && name.ends_with(".xml"));
}

template <typename Number>
Number number_or(std::string_view text, Number other) {
    Number value = other;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : other;
}

Result<bool> load(const Parts& parts, const std::string& name, pugi::xml_document& xml) {
    auto part = parts.find(name);
    if (part == parts.end()) {
        return false;
    }
    CAIRN_TRY(parse_office_xml(part->first, part->second, xml));
    return true;
}

/// Text of all <t> below a shared string or inline string (rich text has several).
std::string string_text(const pugi::xml_node& node) {
    std::string text;
    for (pugi::xml_node child : node.children()) {
        if (local_name(child) == "t") {
            text += child.text().get();
        } else if (local_name(child) == "r") {
            text += child_named(child, "t").text().get();
        }
    }
    return text;
}

bool is_date_format(std::string_view code) {
    bool quoted = false;
    bool date = false;
    for (char c : code) {
        quoted = c == '"' ? !quoted : quoted;
        date = date || (!quoted && (c == 'y' || c == 'd' || c == 'Y' || c == 'D'));
    }
    return date && code.find("General") == std::string_view::npos &&
           code.find("Red") == std::string_view::npos;
}

/// Indices of cell styles that show a number as a date.
std::set<int> date_styles(const pugi::xml_document& styles) {
    std::set<int> formats;
    for (int id = 14; id <= 17; ++id) {
        formats.insert(id);
    }
    formats.insert(22);
    pugi::xml_node root = styles.document_element();
    for (pugi::xml_node format : child_named(root, "numFmts").children()) {
        if (is_date_format(attribute_named(format, "formatCode"))) {
            formats.insert(number_or(attribute_named(format, "numFmtId"), -1));
        }
    }
    std::set<int> dates;
    int index = 0;
    for (pugi::xml_node style : child_named(root, "cellXfs").children()) {
        if (formats.count(number_or(attribute_named(style, "numFmtId"), 0)) > 0) {
            dates.insert(index);
        }
        ++index;
    }
    return dates;
}

/// Days since 1899-12-30, as spreadsheets count.
std::string date_text(double serial) {
    using namespace std::chrono;
    constexpr double kSerialMax = 2'958'465;  // 9999-12-31
    if (!(serial >= 0 && serial <= kSerialMax)) {
        return fmt::format("{}", serial);
    }
    sys_days day = sys_days(year{1899} / 12 / 30) + days(static_cast<int>(serial));
    year_month_day date(day);
    std::string text =
        fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    int minutes = static_cast<int>(std::lround((serial - std::floor(serial)) * 24 * 60));
    if (minutes > 0) {
        text += fmt::format(" {:02}:{:02}", minutes / 60 % 24, minutes % 60);
    }
    return text;
}

struct Workbook {
    std::vector<std::string> strings;
    std::set<int> dates;
};

std::string cell_text(const pugi::xml_node& cell, const Workbook& book) {
    std::string_view type = attribute_named(cell, "t");
    if (type == "inlineStr") {
        return string_text(child_named(cell, "is"));
    }
    std::string value = child_named(cell, "v").text().get();
    if (type == "s") {
        std::size_t index = number_or(value, book.strings.size());
        return index < book.strings.size() ? book.strings[index] : std::string();
    }
    if (type == "b") {
        return value == "1" ? "TRUE" : "FALSE";
    }
    if (type.empty() || type == "n") {
        if (book.dates.count(number_or(attribute_named(cell, "s"), -1)) > 0 && !value.empty()) {
            return date_text(number_or(value, -1.0));
        }
    }
    return value;
}

/// "AB12" -> 27; -1 when there is no column.
int column_of(std::string_view reference) {
    int column = 0;
    for (char c : reference) {
        if (c < 'A' || c > 'Z' || column > kColumnsMax) {
            break;
        }
        column = column * 26 + (c - 'A' + 1);
    }
    return column - 1;
}

Status read_sheet(const pugi::xml_document& sheet, const Workbook& book, DocumentBuilder& out) {
    std::vector<std::vector<std::string>> rows;
    std::size_t cells_total = 0;
    for (pugi::xml_node row : child_named(sheet.document_element(), "sheetData").children()) {
        std::vector<std::string> cells;
        for (pugi::xml_node cell : row.children()) {
            int column = column_of(attribute_named(cell, "r"));
            std::size_t index = column < 0 ? cells.size() : static_cast<std::size_t>(column);
            if (index >= kColumnsMax) {
                continue;
            }
            cells.resize(std::max(cells.size(), index + 1));
            cells[index] = cell_text(cell, book);
        }
        cells_total += cells.size();
        if (cells_total > kCellsMax) {
            return make_error(Code::kTooLarge, "a sheet has more than 2 million cells");
        }
        if (std::any_of(cells.begin(), cells.end(),
                        [](const std::string& cell) { return !trim(cell).empty(); })) {
            rows.push_back(std::move(cells));
        }
    }
    append_table(rows, out);
    return {};
}

/// Part name by relationship id.
Result<std::map<std::string, std::string>> sheet_parts(const Parts& parts) {
    pugi::xml_document relations;
    CAIRN_TRY(load(parts, "xl/_rels/workbook.xml.rels", relations));
    std::map<std::string, std::string> names;
    for (pugi::xml_node relation : relations.document_element().children()) {
        std::string target(attribute_named(relation, "Target"));
        names.emplace(attribute_named(relation, "Id"),
                      target.starts_with("/") ? target.substr(1) : "xl/" + target);
    }
    return names;
}

}  // namespace

Status read_xlsx(const ReadRequest& request, DocumentBuilder& out) {
    Parts parts = CAIRN_TRY(unpack_office(request.bytes, is_wanted));
    pugi::xml_document workbook;
    if (!CAIRN_TRY(load(parts, "xl/workbook.xml", workbook))) {
        return make_error(Code::kInvalid, "expected an XLSX file, found no xl/workbook.xml in it");
    }
    Workbook book;
    pugi::xml_document xml;
    if (CAIRN_TRY(load(parts, "xl/sharedStrings.xml", xml))) {
        for (pugi::xml_node item : xml.document_element().children()) {
            book.strings.push_back(string_text(item));
        }
    }
    if (CAIRN_TRY(load(parts, "xl/styles.xml", xml))) {
        book.dates = date_styles(xml);
    }
    auto names = CAIRN_TRY(sheet_parts(parts));
    for (pugi::xml_node sheet : child_named(workbook.document_element(), "sheets").children()) {
        std::string part = names[std::string(attribute_named(sheet, "id"))];
        if (attribute_named(sheet, "state") == "hidden" || !CAIRN_TRY(load(parts, part, xml))) {
            continue;
        }
        out.heading(1, attribute_named(sheet, "name"));
        CAIRN_TRY(read_sheet(xml, book, out));
    }
    return {};
}

}  // namespace cairn::data
