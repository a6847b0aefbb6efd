// SPDX-License-Identifier: Apache-2.0
// From a file's bytes to a Document with sections and pages. One reader per format (readers/), one
// line each in the table of reader.cc. Nothing outside the given bytes is ever opened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/document.h"

namespace cairn::data {

struct ReadRequest {
    std::string source;      ///< name of the [[source]]
    std::string path;        ///< relative to the source's folder, '/' separated
    std::string_view bytes;  ///< of the file
    int depth = 0;           ///< > 0: inside another document (attachment of a mail)
};

struct ReadOutcome {
    text::Document document;
    std::string note;  ///< what was guessed or left out; empty: nothing
};

/// "text/markdown", "image/png", ... by the path's extension, corrected by the first bytes;
/// "application/octet-stream" when neither says anything.
std::string detect_media_type(std::string_view path, std::string_view bytes);

/// Errors: kUnsupported when there is nothing to read by design (image, no text layer, empty file,
/// unknown type): the file is skipped. Any other code: the file is damaged or over a limit, failed.
Result<ReadOutcome> read_document(const ReadRequest& request);

/// "d_" and 16 hex digits.
std::string document_id(std::string_view source, std::string_view path);

/// Endings that have a reader, for messages and help: ".md", ".pdf", ...
std::vector<std::string> readable_extensions();

}  // namespace cairn::data
