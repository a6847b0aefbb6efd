// SPDX-License-Identifier: Apache-2.0
// Seeded random numbers, the same on every machine: xoshiro256** (Blackman, Vigna 2018) seeded by
// SplitMix64.
#pragma once

#include <array>
#include <cstdint>

namespace cairn {

class Rng {
  public:
    explicit Rng(std::uint64_t seed);
    std::uint64_t next();
    /// Uniform in [0, bound), unbiased (Lemire). bound > 0.
    std::uint64_t below(std::uint64_t bound);
    /// Uniform in [0, 1) with 53 bits.
    double uniform();
    /// Standard normal (polar method without cached second value: stateless beyond the generator).
    double normal();
    const std::array<std::uint64_t, 4>& state() const { return state_; }
    void set_state(const std::array<std::uint64_t, 4>& state) { state_ = state; }

    /// Fisher-Yates.
    template <typename Container>
    void shuffle(Container& items) {
        for (std::size_t i = items.size(); i > 1; --i) {
            std::swap(items[i - 1], items[below(i)]);
        }
    }

  private:
    std::array<std::uint64_t, 4> state_;
};

}  // namespace cairn
