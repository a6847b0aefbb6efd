// SPDX-License-Identifier: Apache-2.0
// Edits of a text as spans and replacements, applied in one pass with a map of offsets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/data/clean.h"

namespace cairn::data {

struct Edit {
    text::Span span;
    std::string after;
    ChangeKind kind = ChangeKind::kUnicode;
    std::string reason;
};

struct EditedText {
    std::string text;
    OffsetMap map;
};

/// `edits` in order of span.begin, without overlaps.
EditedText apply_edits(std::string_view text, const std::vector<Edit>& edits);

/// Broken or hidden characters: normal form C, control and format characters, double encoding.
std::vector<Edit> unicode_edits(std::string_view text);

/// Lines and sentences of one document that the documents of its source repeat.
struct Boilerplate {
    std::vector<Edit> edits;        ///< all but the copy that stays, so that nothing is lost
    std::vector<text::Span> spans;  ///< every copy, also the one that stays; in order
};

/// texts[i] belongs to documents[i], and so does the result; the first document that stays keeps
/// its copy, documents that do not stay are not counted.
std::vector<Boilerplate> find_boilerplate(const std::vector<text::Document>& documents,
                                          const std::vector<EditedText>& texts,
                                          const std::vector<bool>& stays);

/// A document that is left out, and for which one.
struct LeftOut {
    std::size_t document = 0;
    std::size_t kept = 0;
    ChangeKind kind = ChangeKind::kExactDuplicate;
    std::string reason;
};

/// Exact and near duplicates and old versions within each source.
std::vector<LeftOut> find_left_out(const std::vector<text::Document>& documents,
                                   const std::vector<EditedText>& texts,
                                   const std::vector<std::int64_t>& modified_ns);

/// The same sentence with other numbers in two documents (spans in the original texts); page lines
/// and other boilerplate say nothing that could be contradicted.
std::vector<Contradiction> find_contradictions(const std::vector<text::Document>& documents,
                                               const std::vector<EditedText>& texts,
                                               const std::vector<Boilerplate>& boilerplate);

/// True when the two texts have a sentence in common except for its numbers.
bool numbers_differ(std::string_view a, std::string_view b);

/// The newest date that path, title and the text's head tell, as yyyymmdd (missing parts 0).
int date_evidence(const text::Document& document);

}  // namespace cairn::data
