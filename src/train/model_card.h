// SPDX-License-Identifier: Apache-2.0
// The page that travels with a pre-trained model: recipe, data with attributions, figures, limits.
#pragma once

#include <string>

#include "cairn/train/recipe.h"
#include "cairn/train/stage.h"
#include "measure.h"

namespace cairn::train {

struct CardFacts {
    Recipe recipe;
    StageResult text_stage;
    std::vector<StageResult> chat_stages;
    Measurement measurement;
    int threads = 1;
    std::int64_t model_bytes = 0;
    std::string model_digest;
    std::int64_t corpus_tokens = 0;
    std::string manifest;  ///< the corpus' MANIFEST.md
};

std::string model_card(const CardFacts& facts);

}  // namespace cairn::train
