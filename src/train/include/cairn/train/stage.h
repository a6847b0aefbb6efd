// SPDX-License-Identifier: Apache-2.0
// One training stage from rows to weights: which rows make which step, the loop, checkpoints, the
// log. Killed at any moment, it goes on from the last checkpoint to the same bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/train/recipe.h"
#include "cairn/train/trainer.h"

namespace cairn::train {

/// Rows of data by number; `add` appends one row's segments to a batch.
struct RowSource {
    std::int64_t rows = 0;
    std::function<void(Batch& batch, std::int64_t row)> add;
    std::string digest;  ///< of the data
};

/// Row numbers of each step, shuffled anew for each pass over the data.
struct StepPlan {
    std::vector<std::int64_t> rows;         ///< of all steps, in order
    std::vector<std::int64_t> step_starts;  ///< index of each step's first row, then rows.size()
    std::int64_t steps() const { return static_cast<std::int64_t>(step_starts.size()) - 1; }
};
StepPlan plan_steps(const StageRecipe& stage, std::int64_t rows_there, std::uint64_t seed);

struct StagePoint {
    std::int64_t step = 0;
    std::int64_t tokens = 0;
    double loss = 0;
    double rate = 0;
    double gradient_norm = 0;
    double seconds = 0;  ///< since this process began the stage
};

struct StageOptions {
    std::string name;
    std::filesystem::path folder;  ///< checkpoints and log.jsonl
    double checkpoint_seconds = 300;
    std::int64_t stop_after_steps = -1;  ///< tests: return kCancelled after so many steps
    int micro_batch_tokens = 2048;
    std::uint64_t seed = 1;
    ProgressSink sink;
};

struct StageResult {
    std::int64_t tokens = 0;
    std::int64_t steps = 0;
    double seconds = 0;    ///< of training, also in earlier processes
    double last_loss = 0;  ///< mean of the last tenth of the steps
    std::vector<StagePoint> curve;
};

/// Trains to the end of the plan. Errors: those of Trainer::step, kCancelled after Ctrl-C (a
/// checkpoint was written).
Result<StageResult> run_stage(Trainer& trainer, const RowSource& source, const StageRecipe& stage,
                              const StageOptions& options);

}  // namespace cairn::train
