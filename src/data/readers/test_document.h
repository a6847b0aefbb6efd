// SPDX-License-Identifier: Apache-2.0
// Short ways for reader tests: bytes in, document or error out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "cairn/data/reader.h"

namespace cairn::data {

inline text::Document read_or_fail(std::string_view path, std::string_view bytes) {
    Result<ReadOutcome> read = read_document({"test", std::string(path), bytes});
    EXPECT_TRUE(read) << (read ? "" : read.error().to_string());
    return read ? read->document : text::Document();
}

inline Error error_of(std::string_view path, std::string_view bytes) {
    Result<ReadOutcome> read = read_document({"test", std::string(path), bytes});
    EXPECT_FALSE(read) << "expected an error, read: " << read->document.text.substr(0, 200);
    return read ? Error() : read.error();
}

/// Sections lie end to end over the whole text.
inline void expect_covering_sections(const text::Document& document) {
    std::int64_t at = 0;
    for (const text::Section& section : document.sections) {
        EXPECT_EQ(section.span.begin, at);
        at = section.span.end;
    }
    EXPECT_EQ(at, static_cast<std::int64_t>(document.text.size()));
}

}  // namespace cairn::data
