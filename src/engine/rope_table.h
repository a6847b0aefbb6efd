// SPDX-License-Identifier: Apache-2.0
// Rotary frequencies of a model, computed once in double: plain, divided (linear, Llama 3,
// longrope) or mixed (yarn).
#pragma once

#include <cstdint>
#include <vector>

#include "cairn/engine/model.h"

namespace cairn::engine {

struct RopeTable {
    std::vector<double> frequencies;  ///< of each pair
    float attention_factor = 1.0F;    ///< on cosines and sines

    void angles(float* cosines, float* sines, std::int64_t position) const;
};

struct RopeTables {
    RopeTable global;
    RopeTable global_long;  ///< for sequences beyond the original context; empty: as global
    RopeTable local;        ///< empty: the model has no local layers
};

RopeTables make_rope_tables(const Model& model);

}  // namespace cairn::engine
