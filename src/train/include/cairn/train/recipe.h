// SPDX-License-Identifier: Apache-2.0
// How a bundled model is made, as a TOML file: shape, tokenizer, share of each corpus group, the
// two training stages. Its digest, with the corpus', names the run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/train/shape.h"
#include "cairn/train/trainer.h"

namespace cairn::train {

struct StageRecipe {
    std::int64_t tokens = 0;                 ///< that are trained on, padding not counted
    int row_tokens = 512;                    ///< longest segment
    std::int64_t batch_tokens_first = 8192;  ///< grows linearly to batch_tokens
    std::int64_t batch_tokens = 16384;
    std::int64_t ramp_tokens = 0;
    OptimiserOptions optimiser;
    double plain_share = 0;  ///< of rows with plain text among chats
    double short_share = 0;  ///< of chats with one or two short passages
};

struct Recipe {
    std::string name;
    std::uint64_t seed = 1;
    Shape shape;  ///< the vocabulary is that of the tokenizer
    int vocabulary = 8192;
    std::int64_t sample_characters = 0;    ///< text for the tokenizer's training
    std::map<std::string, double> corpus;  ///< group -> share of its documents
    Precision precision = Precision::kBf16;
    StageRecipe stage1;              ///< plain text
    std::vector<StageRecipe> chats;  ///< [stage2] and, where there is one, [stage3] ...
    std::string text;                ///< the file itself
};

/// Errors: kInvalid names the unknown or missing key, or the value that does not fit.
Result<Recipe> parse_recipe(std::string text);
Result<Recipe> load_recipe(const std::filesystem::path& path);

}  // namespace cairn::train
