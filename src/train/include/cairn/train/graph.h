// SPDX-License-Identifier: Apache-2.0
// Loss and gradients of a Llama-type model on one packed micro-batch, with hand-written backward:
// RMSNorm, interleaved RoPE, grouped causal attention per segment, SwiGLU, tied or untied head,
// cross-entropy on labelled positions only. One Graph belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cairn/train/shape.h"

namespace cairn::train {

/// label[t] is the token that should follow token t, or kNoLabel.
inline constexpr std::int32_t kNoLabel = -100;

/// Segments lie one after the other and do not see each other; positions restart in each.
struct Batch {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> labels;
    std::vector<std::int32_t> starts = {0};  ///< first token of each segment, then tokens.size()

    void add_segment(const std::vector<std::int32_t>& segment_tokens,
                     const std::vector<std::int32_t>& segment_labels);
    std::int64_t labelled() const;
};

/// kBf16 rounds the factors of matrix products to bf16; sums, weights and activations stay float.
enum class Precision : std::uint8_t { kF32, kBf16 };

template <typename T>
class Graph {
  public:
    Graph(const Shape& shape, const LoraShape& lora, Precision precision);
    ~Graph();
    Graph(Graph&&) noexcept;
    Graph& operator=(Graph&&) noexcept;

    /// Returns the sum of -log p over the labelled positions. When `gradients` is not null, adds
    /// the gradient of scale * sum: with an adapter in lora_layout (the base is frozen), else in
    /// base_layout. `losses`, when not null, gets one value per labelled position, in order.
    /// Tokens and labels must be inside the vocabulary, segments inside the context.
    double run(const Batch& batch, const T* base, const T* lora, T* gradients, double scale,
               std::vector<T>* losses = nullptr);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Errors: kInvalid for a token, label or segment that does not fit the shape.
Status check_batch(const Shape& shape, const Batch& batch);

extern template class Graph<float>;
extern template class Graph<double>;

}  // namespace cairn::train
