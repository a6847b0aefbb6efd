// SPDX-License-Identifier: Apache-2.0
// Trains a Unigram vocabulary (Kudo 2018): frequent substrings of words as a first guess, then
// expectation maximisation and pruning in turns until the vocabulary has the size asked for.
// Deterministic: same texts, same bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct UnigramTrainOptions {
    int vocabulary_size = 8000;  ///< unknown + special tokens + 256 bytes + pieces
    std::vector<std::string> special_tokens = {"<s>", "</s>", "<pad>"};  ///< ids 1, 2, ...
    std::string bos;
    std::string eos = "</s>";
    std::string padding = "<pad>";
    double character_coverage = 0.9995;  ///< rarer characters are said in bytes
    int piece_characters_max = 16;
    int rounds = 2;  ///< of expectation maximisation between two prunings
};

/// Collects words text by text, then trains. Memory grows with the number of different words only.
class UnigramTrainer {
  public:
    static Result<UnigramTrainer> create(UnigramTrainOptions options);
    void add(std::string_view text);
    /// Fewer tokens than asked when the texts do not hold enough frequent substrings.
    Result<TokenizerParts> train() const;
    UnigramTrainer(UnigramTrainer&&) noexcept;
    UnigramTrainer& operator=(UnigramTrainer&&) noexcept;
    ~UnigramTrainer();

  private:
    struct State;
    explicit UnigramTrainer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::text
