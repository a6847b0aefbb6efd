// SPDX-License-Identifier: Apache-2.0
// Cuts text into words before byte-level BPE; merges never cross a word's border. Hand-written
// scanners instead of regular expressions: linear time on any input, any bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn::text {

enum class PreTokenizer {
    /// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    kGpt2,
    /// As GPT-2, with four changes: a run has at most 24 characters (a space in front not counted),
    /// each number
    /// character is a word of its own (with the space in front), marks belong to letters, and line
    /// ends form words
    /// without other space: numbers stay copyable digit by digit and lines stay separable.
    kPebble,
};

/// "gpt-2" or "pebble"; other names are refused by name, never guessed.
Result<PreTokenizer> pre_tokenizer_by_name(std::string_view name);

/// End of the word that begins at `begin` < text.size(). Bytes that are not UTF-8 count as symbols.
std::size_t word_end(PreTokenizer pre, std::string_view text, std::size_t begin);

}  // namespace cairn::text
