// SPDX-License-Identifier: Apache-2.0
// What a generation may say: a mask over the vocabulary before each token. Constraints are state of
// one request; the scheduler's thread calls them.
#pragma once

#include <cstdint>
#include <vector>

#include "cairn/text/tokenizer.h"

namespace cairn::engine {

using text::TokenId;

/// Allowed tokens and, if the constraint has an opinion, a bias in nats that is added to their
/// logits.
class TokenMask {
  public:
    void reset(std::int64_t vocabulary) {
        allowed_.assign(static_cast<std::size_t>(vocabulary), 0);
        bias_.clear();
        count_ = 0;
    }
    void allow(TokenId id) {
        std::uint8_t& cell = allowed_[static_cast<std::size_t>(id)];
        count_ += cell == 0 ? 1 : 0;
        cell = 1;
    }
    void set_bias(TokenId id, float nats) {
        if (bias_.empty()) bias_.assign(allowed_.size(), 0.0F);
        bias_[static_cast<std::size_t>(id)] = nats;
    }
    bool test(TokenId id) const { return allowed_[static_cast<std::size_t>(id)] != 0; }
    float bias(TokenId id) const {
        return bias_.empty() ? 0.0F : bias_[static_cast<std::size_t>(id)];
    }
    std::int64_t count() const { return count_; }
    std::int64_t vocabulary() const { return static_cast<std::int64_t>(allowed_.size()); }

  private:
    std::vector<std::uint8_t> allowed_;
    std::vector<float> bias_;  ///< empty: no bias
    std::int64_t count_ = 0;
};

class Constraint {
  public:
    virtual ~Constraint() = default;
    /// Sets the tokens that may come next on a mask that was reset. End tokens are allowed where
    /// the text may end.
    virtual void fill(TokenMask& mask) = 0;
    /// Takes the chosen token; false when it was not allowed (the state is then unchanged).
    virtual bool accept(TokenId token) = 0;
    /// The text is complete and nothing but an end token may follow: generation stops here.
    virtual bool finished() const = 0;
};

}  // namespace cairn::engine
