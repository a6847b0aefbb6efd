// SPDX-License-Identifier: Apache-2.0
// Markdown by md4c: headings become sections, markup and link targets go, tables become "a | b"
// lines, paragraphs become one line each so that a quote never breaks. Front matter gives the
// title.
#include <md4c.h>

#include <string>
#include <vector>

#include "cairn/text/utf8.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

struct List {
    bool ordered = false;
    unsigned next = 1;
};

/// Receives md4c's events and tells the builder what it sees.
class MarkdownWalker {
  public:
    explicit MarkdownWalker(DocumentBuilder& out) : out_(out) {}

    void enter(MD_BLOCKTYPE type, void* detail) {
        switch (type) {
            case MD_BLOCK_UL:
                flush();
                fresh_ = lists_.empty();
                lists_.push_back({false, 1});
                break;
            case MD_BLOCK_OL:
                flush();
                fresh_ = lists_.empty();
                lists_.push_back({true, static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start});
                break;
            case MD_BLOCK_LI:
                flush();
                open_item();
                break;
            case MD_BLOCK_TABLE:
                fresh_ = true;
                break;
            case MD_BLOCK_TR:
                cells_.clear();
                break;
            default:
                break;
        }
    }

    void leave(MD_BLOCKTYPE type, void* detail) {
        switch (type) {
            case MD_BLOCK_H:
                out_.heading(static_cast<int>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level),
                             take());
                break;
            case MD_BLOCK_UL:
            case MD_BLOCK_OL:
                flush();
                if (!lists_.empty()) {
                    lists_.pop_back();
                }
                break;
            case MD_BLOCK_HTML:
                text_ = html_to_text(text_);
                flush();
                break;
            case MD_BLOCK_TH:
            case MD_BLOCK_TD:
                cells_.push_back(take());
                break;
            case MD_BLOCK_TR:
                put_line(table_row(cells_));
                break;
            default:
                flush();
        }
    }

    void text(MD_TEXTTYPE type, std::string_view text) {
        switch (type) {
            case MD_TEXT_NULLCHAR:
                break;
            case MD_TEXT_BR:
                text_ += '\n';
                break;
            case MD_TEXT_SOFTBR:
                text_ += ' ';
                break;
            case MD_TEXT_ENTITY:
                text_ += html_to_text(text);
                break;
            case MD_TEXT_HTML:
                html(text);
                break;
            default:
                text_ += text;
        }
    }

    void set_html_block(bool inside) { html_block_ = inside; }

  private:
    /// Raw HTML: whole in a block, dropped inside a line (its text comes as normal text).
    void html(std::string_view text) {
        if (html_block_) {
            text_ += text;
        } else if (text.starts_with("<br")) {
            text_ += '\n';
        }
    }

    void open_item() {
        if (lists_.empty()) {
            return;
        }
        List& list = lists_.back();
        std::string mark = list.ordered ? std::to_string(list.next++) + ". " : "- ";
        prefix_ = std::string(2 * (lists_.size() - 1), ' ') + mark;
    }

    std::string take() {
        std::string text(trim(text_));
        text_.clear();
        return text;
    }

    void flush() {
        std::string text = take();
        if (text.empty()) {
            return;
        }
        if (lists_.empty()) {
            out_.block(text);
        } else if (!prefix_.empty()) {
            put_line(prefix_ + text);
            prefix_.clear();
        } else {
            out_.line(std::string(2 * lists_.size(), ' ') + text);
        }
    }

    /// The first line of a list or table stands apart from the paragraph above it.
    void put_line(const std::string& text) {
        fresh_ ? out_.block(text) : out_.line(text);
        fresh_ = false;
    }

    DocumentBuilder& out_;
    std::string text_;
    std::string prefix_;
    std::vector<List> lists_;
    std::vector<std::string> cells_;
    bool html_block_ = false;
    bool fresh_ = false;
};

int on_enter(MD_BLOCKTYPE type, void* detail, void* user) {
    auto* walker = static_cast<MarkdownWalker*>(user);
    walker->set_html_block(type == MD_BLOCK_HTML);
    walker->enter(type, detail);
    return 0;
}

int on_leave(MD_BLOCKTYPE type, void* detail, void* user) {
    auto* walker = static_cast<MarkdownWalker*>(user);
    walker->leave(type, detail);
    walker->set_html_block(false);
    return 0;
}

int on_span(MD_SPANTYPE, void*, void*) {
    return 0;
}

int on_text(MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
    static_cast<MarkdownWalker*>(user)->text(type, std::string_view(text, size));
    return 0;
}

/// "title: X" of the front matter, quotes removed.
std::string front_matter_title(std::string_view front) {
    constexpr std::string_view kKey = "\ntitle:";
    std::string padded = "\n" + std::string(front);
    std::size_t at = padded.find(kKey);
    if (at == std::string::npos) {
        return {};
    }
    std::size_t begin = at + kKey.size();
    std::string_view title =
        trim(std::string_view(padded).substr(begin, padded.find('\n', begin) - begin));
    if (title.size() >= 2 && (title.front() == '"' || title.front() == '\'') &&
        title.back() == title.front()) {
        title = title.substr(1, title.size() - 2);
    }
    return std::string(title);
}

/// Cuts the YAML block between two "---" lines off the front; empty when there is none.
std::string_view cut_front_matter(std::string_view& text) {
    if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) {
        return {};
    }
    std::size_t begin = text.find('\n') + 1;
    std::size_t end = text.find("\n---", begin - 1);
    if (end == std::string_view::npos) {
        return {};
    }
    std::string_view front = text.substr(begin, end + 1 - begin);
    std::size_t next = text.find('\n', end + 1);
    text = next == std::string_view::npos ? std::string_view() : text.substr(next + 1);
    return front;
}

/// Removes the tags of static site generators ({% ... %}, {{ ... }}): pages with front matter hold
/// them in link targets, where they would break the links.
std::string without_template_tags(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t open = text.find('{');
        if (open == std::string_view::npos || open + 1 >= text.size()) {
            break;
        }
        char kind = text[open + 1];
        std::string_view closer = kind == '%' ? "%}" : "}}";
        std::size_t close =
            kind == '%' || kind == '{' ? text.find(closer, open + 2) : std::string_view::npos;
        if (close == std::string_view::npos ||
            text.substr(open, close - open).find("\n\n") != std::string_view::npos) {
            out += text.substr(0, open + 1);
            text.remove_prefix(open + 1);
            continue;
        }
        out += text.substr(0, open);
        text.remove_prefix(close + 2);
    }
    out += text;
    return out;
}

}  // namespace

Status read_markdown(const ReadRequest& request, DocumentBuilder& out) {
    std::string decoded = CAIRN_TRY(decode_text(request.bytes, out));
    std::string_view body = decoded;
    std::string_view front = cut_front_matter(body);
    std::string text(body);
    if (!front.empty()) {
        out.set_title(front_matter_title(front));
        text = without_template_tags(body);
    }
    MD_PARSER parser = {};
    parser.flags =
        MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEURLAUTOLINKS;
    parser.enter_block = on_enter;
    parser.leave_block = on_leave;
    parser.enter_span = on_span;
    parser.leave_span = on_span;
    parser.text = on_text;
    MarkdownWalker walker(out);
    if (md_parse(text.data(), static_cast<MD_SIZE>(text.size()), &parser, &walker) != 0) {
        return make_error(Code::kExhausted, "the Markdown parser ran out of memory");
    }
    return {};
}

}  // namespace cairn::data
