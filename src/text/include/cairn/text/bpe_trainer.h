// SPDX-License-Identifier: Apache-2.0
// Trains a byte-level BPE vocabulary: counts pre-token words, then merges the most frequent pair
// until the vocabulary is full (Sennrich et al. 2016), with incremental counts. Deterministic: ties
// go to the smaller pair of ids.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct BpeTrainOptions {
    int vocabulary_size = 4096;  ///< special tokens + 256 bytes + merges
    std::vector<std::string> special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>",
                                               "<|pad|>"};  ///< ids 0, 1, ...
    std::string bos;  ///< name of a special token, or empty: none
    std::string eos = "<|endoftext|>";
    std::string eot = "<|im_end|>";
    std::string padding = "<|pad|>";
    std::string pre = "pebble";
    std::int64_t min_frequency = 2;  ///< pairs that are rarer are not merged
};

/// Collects words text by text, then trains. Memory grows with the number of different words only.
class BpeTrainer {
  public:
    static Result<BpeTrainer> create(BpeTrainOptions options);
    void add(std::string_view text);
    /// Fewer tokens than asked when the texts do not hold enough frequent pairs.
    Result<TokenizerParts> train() const;
    BpeTrainer(BpeTrainer&&) noexcept;
    BpeTrainer& operator=(BpeTrainer&&) noexcept;
    ~BpeTrainer();

  private:
    struct State;
    explicit BpeTrainer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Calls `next` until it returns false; each call may put one text into its argument.
Result<TokenizerParts> train_bpe(const std::function<bool(std::string& text)>& next,
                                 BpeTrainOptions options);

}  // namespace cairn::text
