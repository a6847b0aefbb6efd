// SPDX-License-Identifier: Apache-2.0
// DOCX (ECMA-376 WordprocessingML): paragraphs, headings by style or outline level, lists, tables
// as "a | b" lines. Deleted revisions and hidden text are left out.
#include <algorithm>
#include <charconv>
#include <map>

#include "cairn/base/limits.h"
#include "readers/office_archive.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

bool is_wanted(std::string_view name) {
    return name == "word/document.xml" || name == "word/styles.xml";
}

int number_or(std::string_view text, int other) {
    int value = other;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

constexpr int kListItem = 0;

/// Heading level by style id, or kListItem. Built-in names are English in every language of Word.
using Styles = std::map<std::string, int, std::less<>>;

Styles read_styles(const pugi::xml_document& styles) {
    Styles levels;
    for (pugi::xml_node style : styles.document_element().children()) {
        if (local_name(style) != "style") {
            continue;
        }
        std::string name(attribute_named(child_named(style, "name"), "val"));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        int level = -1;
        if (name.starts_with("list ")) {
            level = kListItem;
        } else if (name == "title") {
            level = 1;
        } else if (name.starts_with("heading ")) {
            level = number_or(std::string_view(name).substr(8), -1);
        } else if (pugi::xml_node outline = child_named(child_named(style, "pPr"), "outlineLvl")) {
            level = 1 + number_or(attribute_named(outline, "val"), 8);
        }
        if (level >= kListItem && level <= 9) {
            levels.emplace(attribute_named(style, "styleId"), level);
        }
    }
    return levels;
}

class DocxWalker {
  public:
    DocxWalker(Styles styles, DocumentBuilder& out) : styles_(std::move(styles)), out_(out) {}

    /// Body, table cell or wrapper (content control, insertion).
    Status blocks(const pugi::xml_node& parent, int depth) {
        if (depth > limits::kMarkupDepthMax) {
            return make_error(Code::kTooLarge, "elements are nested deeper than the limit " +
                                                   std::to_string(limits::kMarkupDepthMax));
        }
        for (pugi::xml_node node : parent.children()) {
            std::string_view name = local_name(node);
            if (name == "p") {
                CAIRN_TRY(paragraph(node, depth));
            } else if (name == "tbl") {
                CAIRN_TRY(table(node, depth));
            } else if (name == "sdt" || name == "sdtContent" || name == "ins" ||
                       name == "customXml" || name == "smartTag") {
                CAIRN_TRY(blocks(node, depth + 1));
            }
        }
        return {};
    }

  private:
    Status paragraph(const pugi::xml_node& node, int depth) {
        std::string text;
        CAIRN_TRY(runs(node, text, depth + 1));
        std::string_view trimmed = trim(text);
        if (trimmed.empty()) {
            return {};
        }
        pugi::xml_node properties = child_named(node, "pPr");
        int level = style_level(properties);
        pugi::xml_node numbering = child_named(properties, "numPr");
        bool item = level == kListItem || (level < 0 && numbering);
        if (level > 0) {
            out_.heading(level, trimmed);
        } else if (item) {
            int indent = std::clamp(
                number_or(attribute_named(child_named(numbering, "ilvl"), "val"), 0), 0, 8);
            std::string line = std::string(static_cast<std::size_t>(2 * indent), ' ') + "- " +
                               std::string(trimmed);
            in_list_ ? out_.line(line) : out_.block(line);
        } else {
            out_.block(trimmed);
        }
        in_list_ = item;
        return {};
    }

    /// Heading level, kListItem, or -1.
    int style_level(const pugi::xml_node& properties) const {
        if (pugi::xml_node outline = child_named(properties, "outlineLvl")) {
            int level = 1 + number_or(attribute_named(outline, "val"), 9);
            return level <= 9 ? level : -1;
        }
        auto found = styles_.find(attribute_named(child_named(properties, "pStyle"), "val"));
        return found == styles_.end() ? -1 : found->second;
    }

    /// Text of all runs below a node.
    Status runs(const pugi::xml_node& parent, std::string& text, int depth) {
        if (depth > limits::kMarkupDepthMax) {
            return make_error(Code::kTooLarge, "elements are nested deeper than the limit " +
                                                   std::to_string(limits::kMarkupDepthMax));
        }
        for (pugi::xml_node node : parent.children()) {
            std::string_view name = local_name(node);
            if (name == "t") {
                text += node.text().get();
            } else if (name == "tab") {
                text += ' ';
            } else if (name == "br" || name == "cr") {
                text += '\n';
            } else if (name == "noBreakHyphen") {
                text += '-';
            } else if (name == "p" || name == "tc") {
                text += ' ';
                CAIRN_TRY(runs(node, text, depth + 1));
            } else if (name == "r" && child_named(child_named(node, "rPr"), "vanish")) {
                continue;
            } else if (name != "del" && name != "moveFrom" && name != "pPr" && name != "rPr" &&
                       name != "Fallback" && name != "instrText") {
                CAIRN_TRY(runs(node, text, depth + 1));
            }
        }
        return {};
    }

    Status table(const pugi::xml_node& node, int depth) {
        bool first = true;
        for (pugi::xml_node row : node.children()) {
            if (local_name(row) != "tr") {
                continue;
            }
            std::vector<pugi::xml_node> cells;
            for (pugi::xml_node cell : row.children()) {
                if (local_name(cell) == "tc") {
                    cells.push_back(cell);
                }
            }
            // A table of one column is a frame around normal text.
            if (cells.size() == 1) {
                CAIRN_TRY(blocks(cells[0], depth + 1));
                first = true;
                continue;
            }
            std::vector<std::string> texts(cells.size());
            for (std::size_t i = 0; i < cells.size(); ++i) {
                CAIRN_TRY(runs(cells[i], texts[i], depth + 1));
            }
            std::string line = table_row(texts);
            first ? out_.block(line) : out_.line(line);
            first = first && line.empty();
        }
        in_list_ = false;
        return {};
    }

    Styles styles_;
    DocumentBuilder& out_;
    bool in_list_ = false;
};

}  // namespace

Status read_docx(const ReadRequest& request, DocumentBuilder& out) {
    auto parts = CAIRN_TRY(unpack_office(request.bytes, is_wanted));
    auto body = parts.find("word/document.xml");
    if (body == parts.end()) {
        return make_error(Code::kInvalid, "expected a DOCX file, found no word/document.xml in it");
    }
    Styles levels;
    if (auto styles = parts.find("word/styles.xml"); styles != parts.end()) {
        pugi::xml_document xml;
        CAIRN_TRY(parse_office_xml(styles->first, styles->second, xml));
        levels = read_styles(xml);
    }
    pugi::xml_document xml;
    CAIRN_TRY(parse_office_xml(body->first, body->second, xml));
    DocxWalker walker(std::move(levels), out);
    return walker.blocks(child_named(xml.document_element(), "body"), 0);
}

}  // namespace cairn::data
