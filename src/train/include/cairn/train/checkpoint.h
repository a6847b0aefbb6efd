// SPDX-License-Identifier: Apache-2.0
// Training state on disk: one file per checkpoint, written durably in one step, checked by a hash
// when read; the last two are kept, so that a damaged file costs one interval and never the run.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::train {

struct Checkpoint {
    std::string run;  ///< digest of everything that must be equal to go on: recipe, data, shape
    std::int64_t step = 0;
    std::int64_t position = 0;  ///< rows of data that were used
    std::array<std::uint64_t, 4> rng = {};
    std::string notes;  ///< JSON of the caller: loss curve, best score
    std::map<std::string, std::vector<float>> arrays;  ///< "weights", "m", "v", ...
};

/// Writes folder/step-<number>.ckpt, then removes all but the newest two.
Status save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// The newest checkpoint that is whole and belongs to `run`; nullopt when there is none. A damaged
/// file is passed over for the one before it. Errors: kInvalid when only other runs' checkpoints
/// are there.
Result<std::optional<Checkpoint>> load_checkpoint(const std::filesystem::path& folder,
                                                  const std::string& run);

}  // namespace cairn::train
