// SPDX-License-Identifier: Apache-2.0
// A template's source as tokens, with the white space rules of trim_blocks and lstrip_blocks, under
// which all published chat templates are written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::text::jinja {

struct Token {
    enum class Kind {
        kData,
        kVariableBegin,
        kVariableEnd,
        kBlockBegin,
        kBlockEnd,
        kName,
        kString,
        kInteger,
        kFloat,
        kOperator,
        kEnd,
    };
    Kind kind = Kind::kEnd;
    std::string text;  ///< of strings: without quotes and escapes
    int line = 1;
};

/// Errors: kInvalid with the line.
Result<std::vector<Token>> tokenize(std::string_view source);

Error syntax_error(int line, std::string_view what);

}  // namespace cairn::text::jinja
