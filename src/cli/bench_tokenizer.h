// SPDX-License-Identifier: Apache-2.0
// The part of `cairn bench` that measures tokenizers.
#pragma once

#include <string>

#include "command.h"

namespace cairn::cli {

struct TokenizerBenchOptions {
    std::string tokenizer;  ///< a GGUF file, tokenizer.json, tokenizer.model or tiktoken file
    std::string text;       ///< a file in UTF-8
};

Status bench_tokenizer(const Globals& globals, const TokenizerBenchOptions& options);

}  // namespace cairn::cli
