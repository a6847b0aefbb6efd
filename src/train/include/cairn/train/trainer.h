// SPDX-License-Identifier: Apache-2.0
// One optimiser step over a window of micro-batches: gradients in a fixed order whatever the number
// of threads, clipping, AdamW. Trains all weights, or LoRA factors over a frozen base.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cairn/base/rng.h"
#include "cairn/base/thread_pool.h"
#include "cairn/train/graph.h"

namespace cairn::train {

struct OptimiserOptions {
    double rate_peak = 1e-3;
    double rate_floor = 0.1;  ///< share of the peak at the end
    double cooldown = 0;      ///< 0: cosine; else constant, then linear in this last share of steps
    std::int64_t warmup_steps = 0;
    std::int64_t steps = 1;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double epsilon = 1e-8;
    double decay = 0.1;  ///< decoupled; matrices only
    bool muon = false;   ///< Muon for the blocks' matrices, AdamW for the rest
    double clip = 1.0;   ///< global gradient norm; 0: off
};

/// Linear from (0 + 1) / warmup to the peak, then half a cosine down to the floor, or the peak
/// until the cooldown: then a run can be made longer before its cooldown begins.
double rate_at(const OptimiserOptions& options, std::int64_t step);

struct StepReport {
    double loss = 0;  ///< mean nats per labelled token of the window
    double gradient_norm = 0;
    double rate = 0;
    std::int64_t tokens = 0;
    std::int64_t labelled = 0;
};

class Trainer {
  public:
    /// All weights are trained. `weights` in base_layout(shape).
    Trainer(ThreadPool& pool, const Shape& shape, Precision precision, std::vector<float> weights);
    /// Only `adapter` (lora_layout) is trained; `base` must outlive the trainer.
    Trainer(ThreadPool& pool, const Shape& shape, Precision precision, const LoraShape& lora,
            std::span<const float> base, std::vector<float> adapter);
    ~Trainer();
    Trainer(Trainer&&) noexcept;

    /// Loss and gradient are normalised by the labelled tokens of the whole window. Errors:
    /// kInvalid when no token is labelled or a batch does not fit, kInternal when the loss is not
    /// finite.
    Result<StepReport> step(std::span<const Batch> window, const OptimiserOptions& options);
    /// Mean nats per labelled token; changes nothing.
    Result<double> evaluate(std::span<const Batch> batches);

    /// Gradient of the last step, before clipping (tests).
    const std::vector<float>& gradients() const;
    const std::vector<float>& weights() const;  ///< the trained ones
    const Layout& layout() const;               ///< of the trained ones

    // State of a checkpoint.
    std::int64_t steps_done() const;
    const std::vector<float>& first_moments() const;
    const std::vector<float>& second_moments() const;
    Status restore(std::int64_t steps_done, std::vector<float> weights, std::vector<float> first,
                   std::vector<float> second);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Normal(0, 0.02), output projections of the blocks by 1 / sqrt(2 * layers); norms are 1.
std::vector<float> initial_weights(const Shape& shape, Rng& rng);
/// A uniform in +-1/sqrt(in), B zero: the adapted model starts equal to the base.
std::vector<float> initial_adapter(const Shape& shape, const LoraShape& lora, Rng& rng);

}  // namespace cairn::train
