// SPDX-License-Identifier: Apache-2.0
// A LoRA adapter bound to a model: y += scale * B (A x) for each adapted matrix. Chosen per
// request; requests with different adapters run in one batch.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/model.h"
#include "cairn/format/adapter.h"

namespace cairn::engine {

/// a is [rank, inputs], b is [outputs, rank]; rank 0: this matrix is not adapted.
struct LoraDelta {
    std::int64_t rank = 0;
    float scale = 0;  ///< alpha / rank
    std::vector<float> a;
    std::vector<float> b;
};

class Adapter {
  public:
    /// A GGUF adapter or a PEFT folder. kInvalid for targets that the model does not have or whose
    /// shape differs, and when the adapter names another base model (cairn.base.sha256).
    static Result<std::shared_ptr<const Adapter>> load(const std::filesystem::path& path,
                                                       const Model& model);
    /// `digest` identifies the content; it keeps cached prefixes of different adapters apart.
    static Result<std::shared_ptr<const Adapter>> from_parts(const format::Adapter& parts,
                                                             const Model& model,
                                                             std::string digest);

    /// nullptr when the matrix is not adapted. Layer -1: outside of the layers.
    const LoraDelta* delta(std::int64_t layer, Slot slot) const;
    const std::string& digest() const { return digest_; }
    std::int64_t parameter_count() const;

  private:
    Adapter() = default;
    std::vector<std::array<LoraDelta, kSlotCount>> deltas_;  ///< [layer + 1]
    std::string digest_;
};

}  // namespace cairn::engine
