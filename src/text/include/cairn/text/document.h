// SPDX-License-Identifier: Apache-2.0
// The nouns document and section: extracted text with the way back to the source file kept.
// Written by data (ingest, clean), read by knowledge (chunks), eval and apps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cairn/text/span.h"

namespace cairn::text {

/// A piece under one heading (or one page, one mail, one table row group).
struct Section {
    std::vector<std::string> heading_path;  ///< outermost first: {"Leave", "Parental leave"}
    Span span;                              ///< in Document::text, heading line included
    int page = 0;                           ///< 1-based first page; 0: the format has no pages
};

/// One source file as text. `text` is valid UTF-8 with '\n' line ends.
struct Document {
    std::string id;           ///< "d_" + first 16 hex of sha256(source name, relative path)
    std::string source;       ///< name of the [[source]]
    std::string path;         ///< relative to the source's folder, '/' separated
    std::string media_type;   ///< "text/markdown", "application/pdf", ...
    std::string title;        ///< first heading, HTML title, mail subject, or the file name
    std::string language;     ///< BCP 47 primary tag, or empty when not known
    std::string encoding;     ///< of the file: "UTF-8", "windows-1252", ...
    std::string file_digest;  ///< sha256 of the file's bytes
    std::int64_t file_bytes = 0;
    std::string text;
    std::vector<Section> sections;  ///< in order of span.begin, covering `text`
    /// Byte offset in `text` of each page's first byte; empty: no pages.
    std::vector<std::int64_t> page_starts;
};

/// 1-based page of a byte offset; 0 when the document has no pages.
int page_of(const Document& document, std::int64_t offset);

/// The section that holds a byte offset, or nullptr.
const Section* section_of(const Document& document, std::int64_t offset);

}  // namespace cairn::text
