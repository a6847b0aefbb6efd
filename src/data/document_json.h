// SPDX-License-Identifier: Apache-2.0
// A document's text, sections and pages as the JSON that is kept as a blob.
#pragma once

#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/text/document.h"

namespace cairn::data {

/// Text, title, language, encoding, media type, sections, pages: all that depends on the file's
/// bytes only.
std::string document_to_json(const text::Document& document);

/// Fills those members. Errors: kInvalid for spans outside the text.
Status document_from_json(std::string_view json, text::Document& document);

}  // namespace cairn::data
