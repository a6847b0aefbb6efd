// SPDX-License-Identifier: Apache-2.0
// From bytes of unknown encoding to UTF-8: byte order mark, valid UTF-8, then uchardet's guess;
// conversion by ICU.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn::text {

struct EncodingGuess {
    std::string name;    ///< "UTF-8", "UTF-16LE", "WINDOWS-1252", "GB18030", ...
    std::string reason;  ///< "byte order mark", "valid UTF-8", "statistics", "nothing else fits"
    std::size_t mark_bytes = 0;  ///< length of the byte order mark
};

EncodingGuess detect_encoding(std::string_view bytes);

struct DecodedText {
    std::string text;  ///< valid UTF-8 without byte order mark
    EncodingGuess encoding;
    std::size_t replaced = 0;  ///< U+FFFD put in for bytes that do not belong to the encoding
};

/// Errors: kUnsupported for an encoding that ICU does not know (named).
Result<DecodedText> to_utf8(std::string_view bytes, const EncodingGuess& encoding);
Result<DecodedText> to_utf8(std::string_view bytes);

}  // namespace cairn::text
