// SPDX-License-Identifier: Apache-2.0
// Which words mean nearly the same: 8-bit vectors of index terms, so that "trial period" can find
// "probation period". Learned from openly licensed English text; other words have none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::knowledge {

class WordVectors {
  public:
    WordVectors() = default;
    /// Rows of `width` floats, one per word; each is scaled to length 1 and rounded to 8 bits.
    static WordVectors from_floats(std::vector<std::string> words, std::span<const float> values,
                                   std::size_t width);
    /// Errors: kInvalid names what is wrong with the bytes.
    static Result<WordVectors> parse(std::string_view bytes);
    std::string serialise() const;
    /// The vectors that travel in the binary.
    static const WordVectors& bundled();

    /// Row of a term, -1 when it is not known.
    std::int32_t find(std::string_view term) const;
    /// Cosine of two rows in [-1, 1].
    double cosine(std::int32_t a, std::int32_t b) const;
    std::size_t size() const { return words_.size(); }
    /// The nearest terms, best first.
    std::vector<std::pair<std::string, double>> nearest(std::string_view term, int count) const;

  private:
    void index();
    std::size_t width_ = 0;
    std::vector<std::string> words_;
    std::vector<std::int8_t> values_;
    std::vector<float> scales_;  ///< 1 / length of each row
    std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace cairn::knowledge
