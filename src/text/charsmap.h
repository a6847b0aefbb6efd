// SPDX-License-Identifier: Apache-2.0
// SentencePiece's compiled normalisation: a double-array trie (Darts) from strings to their
// replacements, in one blob that model files carry. Nothing in the blob is trusted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::text {

class Charsmap {
  public:
    static Result<Charsmap> parse(std::string_view blob);

    /// Longest matches from left to right, as SentencePiece normalises.
    std::string normalize(std::string_view text) const;
    /// As the library behind tokenizer.json: graphemes below 6 bytes first, then characters; of
    /// several matches the shortest gives the replacement of the whole.
    std::string normalize_by_grapheme(std::string_view text) const;

  private:
    struct Found {
        std::size_t length = 0;
        std::uint32_t value = 0;
    };
    Found find(std::string_view text, bool longest) const;
    std::string_view replacement(std::uint32_t value) const;
    bool replace(std::string_view part, std::string& out) const;

    std::vector<std::uint32_t> units_;
    std::array<bool, 128> begins_{};  // ASCII characters that a key begins with
    std::string strings_;
};

/// The text in base64 as bytes; nothing when it is malformed.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace cairn::text
