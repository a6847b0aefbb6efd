// SPDX-License-Identifier: Apache-2.0
// HTML by gumbo: the main content only (navigation, scripts, footers dropped), headings, lists,
// tables as "a | b" lines. The nesting is bounded before the parser sees the page, because gumbo
// frees its tree recursively.
#include <gumbo.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "cairn/base/limits.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

using GumboTree = std::unique_ptr<GumboOutput, void (*)(GumboOutput*)>;

/// Tags that do not nest when they are left open: void, or closed by the next one of their kind.
bool is_flat_tag(std::string_view name) {
    constexpr std::array<std::string_view, 24> kFlat = {
        "p",   "li",    "td",     "tr",    "th",    "dt",    "dd",     "br",
        "hr",  "img",   "input",  "meta",  "link",  "area",  "base",   "col",
        "wbr", "embed", "option", "tbody", "thead", "tfoot", "source", "param"};
    return std::find(kFlat.begin(), kFlat.end(), name) != kFlat.end();
}

std::string tag_name_at(std::string_view html, std::size_t at) {
    std::string name;
    while (at < html.size() && std::isalnum(static_cast<unsigned char>(html[at])) != 0 &&
           name.size() < 16) {
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(html[at++])));
    }
    return name;
}

/// End of a comment, script or style that begins at `at`, or `at` when there is none.
std::size_t skip_opaque(std::string_view html, std::size_t at, std::string_view name) {
    std::string_view closer;
    if (html.substr(at, 4) == "<!--") {
        closer = "-->";
    } else if (name == "script") {
        closer = "</script";
    } else if (name == "style") {
        closer = "</style";
    } else {
        return at;
    }
    std::size_t end = html.find(closer, at + 4);
    return end == std::string_view::npos ? html.size() : end;
}

bool is_formatting_tag(std::string_view name) {
    constexpr std::array<std::string_view, 14> kFormatting = {
        "a",    "b", "big",   "code",   "em",     "font", "i",
        "nobr", "s", "small", "strike", "strong", "tt",   "u"};
    return std::find(kFormatting.begin(), kFormatting.end(), name) != kFormatting.end();
}

/// Estimates, without building a tree, what the parser would build: the depth of elements, and the
/// elements in all, since every open formatting element is made again in each new block.
class MarkupCost {
  public:
    /// True while both stay under their limits.
    bool add(std::string_view html, std::size_t tag, std::string_view name, bool closing) {
        bool foreign_root = name == "svg" || name == "math";
        if (foreign_root) {
            foreign_ = std::max(0, foreign_ + (closing ? -1 : 1));
        }
        if (is_formatting_tag(name)) {
            formatting_ = std::max(0, formatting_ + (closing ? -1 : 1));
        }
        if (closing) {
            depth_ = std::max(0, depth_ - (nests(html, tag, name) ? 1 : 0));
            return true;
        }
        depth_ += nests(html, tag, name) ? 1 : 0;
        elements_ += 1 + formatting_;
        return depth_ <= limits::kMarkupDepthMax && elements_ <= kElementsMax;
    }

  private:
    static constexpr std::int64_t kElementsMax = 8'000'000;  // about 1 GiB of tree

    bool nests(std::string_view html, std::size_t tag, std::string_view name) const {
        if (foreign_ == 0) {
            return !is_flat_tag(name);
        }
        std::size_t end = html.find('>', tag);
        return end == std::string_view::npos || html[end - 1] != '/';
    }

    int depth_ = 0;
    int foreign_ = 0;
    int formatting_ = 0;
    std::int64_t elements_ = 0;
};

bool too_costly(std::string_view html) {
    MarkupCost cost;
    for (std::size_t i = html.find('<'); i != std::string_view::npos; i = html.find('<', i + 1)) {
        bool closing = i + 1 < html.size() && html[i + 1] == '/';
        std::string name = tag_name_at(html, i + (closing ? 2 : 1));
        std::size_t skipped = closing ? i : skip_opaque(html, i, name);
        if (skipped >= html.size()) {
            return false;
        }
        if (skipped > i) {
            i = skipped;
        } else if (!name.empty() && !cost.add(html, i, name, closing)) {
            return true;
        }
    }
    return false;
}

GumboTree parse(std::string_view html) {
    GumboOptions options = kGumboDefaultOptions;
    options.max_errors = 0;
    return GumboTree(
        gumbo_parse_with_options(&options, html.data(), html.size()),
        [](GumboOutput* output) { gumbo_destroy_output(&kGumboDefaultOptions, output); });
}

std::string_view attribute(const GumboElement& element, const char* name) {
    const GumboAttribute* found = gumbo_get_attribute(&element.attributes, name);
    return found == nullptr ? std::string_view() : std::string_view(found->value);
}

bool is_dropped(const GumboElement& element) {
    switch (element.tag) {
        case GUMBO_TAG_SCRIPT:
        case GUMBO_TAG_STYLE:
        case GUMBO_TAG_NAV:
        case GUMBO_TAG_FOOTER:
        case GUMBO_TAG_NOSCRIPT:
        case GUMBO_TAG_TEMPLATE:
        case GUMBO_TAG_SVG:
        case GUMBO_TAG_IFRAME:
        case GUMBO_TAG_BUTTON:
        case GUMBO_TAG_SELECT:
        case GUMBO_TAG_HEAD:
            return true;
        default:
            break;
    }
    std::string_view role = attribute(element, "role");
    return role == "navigation" || role == "contentinfo" || role == "banner" ||
           gumbo_get_attribute(&element.attributes, "hidden") != nullptr ||
           attribute(element, "aria-hidden") == "true";
}

/// Level of h1 to h6, or 0.
int heading_level(GumboTag tag) {
    return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? 1 + (tag - GUMBO_TAG_H1) : 0;
}

bool is_inline(GumboTag tag) {
    switch (tag) {
        case GUMBO_TAG_A:
        case GUMBO_TAG_ABBR:
        case GUMBO_TAG_B:
        case GUMBO_TAG_CITE:
        case GUMBO_TAG_CODE:
        case GUMBO_TAG_DEL:
        case GUMBO_TAG_DFN:
        case GUMBO_TAG_EM:
        case GUMBO_TAG_FONT:
        case GUMBO_TAG_I:
        case GUMBO_TAG_INS:
        case GUMBO_TAG_KBD:
        case GUMBO_TAG_LABEL:
        case GUMBO_TAG_MARK:
        case GUMBO_TAG_Q:
        case GUMBO_TAG_S:
        case GUMBO_TAG_SMALL:
        case GUMBO_TAG_SPAN:
        case GUMBO_TAG_STRONG:
        case GUMBO_TAG_SUB:
        case GUMBO_TAG_SUP:
        case GUMBO_TAG_TIME:
        case GUMBO_TAG_TT:
        case GUMBO_TAG_U:
        case GUMBO_TAG_VAR:
        case GUMBO_TAG_UNKNOWN:
            return true;
        default:
            return false;
    }
}

const GumboVector& children_of(const GumboNode& node) {
    return node.type == GUMBO_NODE_DOCUMENT ? node.v.document.children : node.v.element.children;
}

bool has_children(const GumboNode& node) {
    return node.type == GUMBO_NODE_ELEMENT || node.type == GUMBO_NODE_DOCUMENT;
}

const GumboNode* find_element(const GumboNode& node, GumboTag tag) {
    if (!has_children(node)) {
        return nullptr;
    }
    if (node.type == GUMBO_NODE_ELEMENT && node.v.element.tag == tag) {
        return &node;
    }
    const GumboVector& children = children_of(node);
    for (unsigned i = 0; i < children.length; ++i) {
        const auto* child = static_cast<const GumboNode*>(children.data[i]);
        if (const GumboNode* found = find_element(*child, tag)) {
            return found;
        }
    }
    return nullptr;
}

/// Walks the tree once and tells the builder what it sees.
class HtmlWalker {
  public:
    explicit HtmlWalker(DocumentBuilder& out) : out_(out) {}

    void walk(const GumboNode& node) {
        switch (node.type) {
            case GUMBO_NODE_TEXT:
            case GUMBO_NODE_WHITESPACE:
            case GUMBO_NODE_CDATA:
                inline_ += node.v.text.text;
                break;
            case GUMBO_NODE_ELEMENT:
                element(node);
                break;
            case GUMBO_NODE_DOCUMENT:
                walk_children(node);
                break;
            default:
                break;
        }
    }

    void flush() {
        if (inline_.empty()) {
            return;
        }
        std::string text = preformatted_ ? std::string(trim(inline_)) : lines_of(inline_);
        inline_.clear();
        if (text.empty()) {
            return;
        }
        if (!item_prefix_.empty()) {
            put_line(item_prefix_ + text);
            item_prefix_.clear();
        } else if (list_depth_ > 0) {
            out_.line(std::string(static_cast<std::size_t>(2 * list_depth_), ' ') + text);
        } else {
            out_.block(text);
        }
    }

  private:
    /// Squeezed lines; \v stands for <br>.
    static std::string lines_of(std::string_view text) {
        std::string out;
        while (true) {
            std::size_t end = text.find('\v');
            std::string line = squeeze_space(text.substr(0, end));
            if (!line.empty()) {
                out += (out.empty() ? "" : "\n") + line;
            }
            if (end == std::string_view::npos) {
                return out;
            }
            text.remove_prefix(end + 1);
        }
    }

    void walk_children(const GumboNode& node) {
        const GumboVector& children = children_of(node);
        for (unsigned i = 0; i < children.length; ++i) {
            walk(*static_cast<const GumboNode*>(children.data[i]));
        }
    }

    /// The text below a node as one line.
    std::string flat_text(const GumboNode& node) {
        std::string outer;
        outer.swap(inline_);
        bool outer_flat = flat_;
        flat_ = true;
        walk_children(node);
        flat_ = outer_flat;
        outer.swap(inline_);
        return squeeze_space(outer);
    }

    void element(const GumboNode& node) {
        const GumboElement& element = node.v.element;
        if (is_dropped(element)) {
            return;
        }
        if (element.tag == GUMBO_TAG_BR) {
            inline_ += flat_ ? ' ' : '\v';
        } else if (element.tag == GUMBO_TAG_IMG) {
            inline_ += attribute(element, "alt");
        } else if (is_inline(element.tag)) {
            walk_children(node);
        } else if (flat_) {
            inline_ += ' ';
            walk_children(node);
            inline_ += ' ';
        } else {
            flush();
            block(node);
            flush();
        }
    }

    void block(const GumboNode& node) {
        GumboTag tag = node.v.element.tag;
        int level = heading_level(tag);
        if (level > 0) {
            out_.heading(level, flat_text(node));
        } else if (tag == GUMBO_TAG_TABLE) {
            fresh_ = true;
            walk_children(node);
        } else if (tag == GUMBO_TAG_TR) {
            row(node);
        } else if (tag == GUMBO_TAG_PRE) {
            preformatted_ = true;
            walk_children(node);
            flush();
            preformatted_ = false;
        } else if (tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL) {
            list(node, tag == GUMBO_TAG_OL);
        } else {
            walk_children(node);
        }
    }

    void list(const GumboNode& node, bool ordered) {
        fresh_ = list_depth_ == 0;
        ++list_depth_;
        int number = 0;
        const GumboVector& children = node.v.element.children;
        for (unsigned i = 0; i < children.length; ++i) {
            const auto* child = static_cast<const GumboNode*>(children.data[i]);
            if (child->type == GUMBO_NODE_ELEMENT && child->v.element.tag == GUMBO_TAG_LI) {
                ++number;
                item_prefix_ = std::string(static_cast<std::size_t>(2 * (list_depth_ - 1)), ' ') +
                               (ordered ? std::to_string(number) + ". " : "- ");
            }
            walk(*child);
        }
        flush();
        item_prefix_.clear();
        --list_depth_;
    }

    void row(const GumboNode& node) {
        if (find_table_below(node)) {
            walk_children(node);
            return;
        }
        std::vector<std::string> cells;
        const GumboVector& children = node.v.element.children;
        for (unsigned i = 0; i < children.length; ++i) {
            const auto* child = static_cast<const GumboNode*>(children.data[i]);
            if (child->type == GUMBO_NODE_ELEMENT && !is_dropped(child->v.element)) {
                cells.push_back(flat_text(*child));
            }
        }
        put_line(table_row(cells));
    }

    /// The first line of a list or table stands apart from the paragraph above it.
    void put_line(const std::string& text) {
        fresh_ ? out_.block(text) : out_.line(text);
        fresh_ = false;
    }

    /// Tables inside table cells are page layout, not data.
    static bool find_table_below(const GumboNode& node) {
        return find_element(node, GUMBO_TAG_TABLE) != nullptr;
    }

    DocumentBuilder& out_;
    std::string inline_;
    std::string item_prefix_;
    int list_depth_ = 0;
    bool fresh_ = false;
    bool flat_ = false;
    bool preformatted_ = false;
};

Error too_costly_error() {
    return make_error(Code::kTooLarge,
                      "the page has more than 8 million elements or nests them deeper than the "
                      "limit " +
                          std::to_string(limits::kMarkupDepthMax));
}

}  // namespace

std::string html_to_text(std::string_view html) {
    if (too_costly(html)) {
        return {};
    }
    DocumentBuilder out;
    GumboTree tree = parse(html);
    HtmlWalker walker(out);
    walker.walk(*tree->document);
    walker.flush();
    text::Document document;
    if (!out.finish(document)) {
        return {};
    }
    return std::string(trim(document.text));
}

Status read_html(const ReadRequest& request, DocumentBuilder& out) {
    std::string html = CAIRN_TRY(decode_text(request.bytes, out));
    if (too_costly(html)) {
        return too_costly_error();
    }
    GumboTree tree = parse(html);
    const GumboNode& root = *tree->document;
    if (const GumboNode* title = find_element(root, GUMBO_TAG_TITLE)) {
        const GumboVector& children = title->v.element.children;
        if (children.length > 0) {
            const auto* child = static_cast<const GumboNode*>(children.data[0]);
            out.set_title(child->type == GUMBO_NODE_TEXT ? child->v.text.text : "");
        }
    }
    const GumboNode* main = find_element(root, GUMBO_TAG_MAIN);
    if (main == nullptr) {
        main = find_element(root, GUMBO_TAG_ARTICLE);
    }
    HtmlWalker walker(out);
    walker.walk(main == nullptr ? root : *main);
    walker.flush();
    return {};
}

}  // namespace cairn::data
