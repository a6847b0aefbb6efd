// SPDX-License-Identifier: Apache-2.0
// Learns word vectors from plain text: used once to make the vectors that travel in the binary.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "cairn/base/progress.h"
#include "cairn/knowledge/word_vectors.h"

namespace cairn::knowledge {

struct WordTrainingOptions {
    std::size_t width = 64;
    std::size_t words_max = 20'000;
    std::int64_t count_min = 30;
    std::size_t window = 5;
    int negatives = 5;
    int epochs = 2;
    double rate = 0.05;
    double sample = 1e-4;  ///< frequent words are left out with 1 - sqrt(sample / f)
    std::uint64_t seed = 1;
};

class WordTrainer {
  public:
    explicit WordTrainer(WordTrainingOptions options);
    ~WordTrainer();
    void add(std::string_view text);
    WordVectors train(const ProgressSink& sink);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace cairn::knowledge
