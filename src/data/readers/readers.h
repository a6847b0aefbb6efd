// SPDX-License-Identifier: Apache-2.0
// The readers, one per format; each file read_*.cc holds one. All have the same shape, so that a
// new format is one new file and one line in the table of reader.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/data/reader.h"
#include "readers/document_builder.h"

namespace cairn::data {

using ReadFunction = Status (*)(const ReadRequest& request, DocumentBuilder& out);

Status read_markdown(const ReadRequest& request, DocumentBuilder& out);
Status read_html(const ReadRequest& request, DocumentBuilder& out);
Status read_text(const ReadRequest& request, DocumentBuilder& out);
Status read_csv_file(const ReadRequest& request, DocumentBuilder& out);
Status read_docx(const ReadRequest& request, DocumentBuilder& out);
Status read_xlsx(const ReadRequest& request, DocumentBuilder& out);
Status read_pdf(const ReadRequest& request, DocumentBuilder& out);
Status read_mail(const ReadRequest& request, DocumentBuilder& out);

/// A piece of HTML (a block in Markdown, an entity, a mail body) as plain lines. Markup that is
/// nested too deep comes back empty.
std::string html_to_text(std::string_view html);

/// Bytes of unknown encoding as UTF-8; says in the notes what was guessed and replaced.
Result<std::string> decode_text(std::string_view bytes, DocumentBuilder& out);

/// Plain text with light headings: underlined, numbered or capital lines that stand alone. The
/// first short line is the title when there is none yet.
void append_plain_text(std::string_view text, DocumentBuilder& out);

/// Rows as "header: value; header: value", so that each can be quoted; without a header row, the
/// cells alone.
void append_table(const std::vector<std::vector<std::string>>& rows, DocumentBuilder& out);

/// "3 | 4 | 5": a table inside a text.
std::string table_row(const std::vector<std::string>& cells);

}  // namespace cairn::data
