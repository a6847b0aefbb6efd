// SPDX-License-Identifier: Apache-2.0
// Which words stand for nearly the same thing, for a wider or a narrower one, or are a form of each
// other ("lost" and "mislay", "marry" and "wedding"): English, from WordNet, by index terms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::knowledge {

class Thesaurus {
  public:
    struct Relation {
        std::string_view term;  ///< index term (stemmed); valid as long as the thesaurus
        double weight = 0;      ///< 0..1: how surely one stands for the other
    };

    /// Lines "word other 70 another 35", ASCII, weights in hundredths. Errors: kInvalid names the
    /// line.
    static Result<Thesaurus> parse(std::string_view text);
    /// The one that travels in the binary.
    static const Thesaurus& bundled();

    /// Heaviest first; none for a word that is not in it.
    std::span<const Relation> related(std::string_view term) const;
    std::size_t size() const { return related_.size(); }

  private:
    std::unordered_map<std::string, std::vector<Relation>> related_;
};

}  // namespace cairn::knowledge
