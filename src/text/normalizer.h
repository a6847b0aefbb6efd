// SPDX-License-Identifier: Apache-2.0
// The steps that change text before it is cut into words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer_parts.h"
#include "charsmap.h"
#include "split_pattern.h"

namespace cairn::text {

class Normalizer {
  public:
    static Result<Normalizer> compile(std::vector<NormalizerStep> steps);
    bool empty() const { return steps_.empty(); }
    std::string apply(std::string_view text) const;

  private:
    struct Step {
        NormalizerStep rule;
        std::optional<SplitPattern> pattern;
        std::optional<Charsmap> charsmap;
    };
    static std::string run(const Step& step, std::string text);
    std::vector<Step> steps_;
};

}  // namespace cairn::text
