// SPDX-License-Identifier: Apache-2.0
// Splits that do not leak: which part an example belongs to is decided by its group (a document, or
// a cluster of near-duplicates), never by the example itself, and stays the same when others come.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/data/examples.h"

namespace cairn::data {

enum class Split {
    kTrain,
    kDev,          ///< chooses between steps and settings of the training
    kCalibration,  ///< chooses thresholds of a trained model; nothing learns from it
    kHoldout,      ///< is reported on, and chooses nothing
};
std::string_view split_name(Split split);

struct SplitShares {
    double train = 0.7;
    double dev = 0.1;
    double calibration = 0.05;  ///< the rest is held out
};

/// By hash of the group's name.
Split split_of(std::string_view group, const SplitShares& shares = {});

/// Groups of examples whose prompts or replies are alike (Jaccard index >= `alike`, see
/// near_duplicates.h): one number an example, the smallest index of its group.
std::vector<std::size_t> group_examples(std::span<const Example> examples, double alike = 0.7);

struct ExampleDataset {
    std::vector<Example> train;
    std::vector<Example> dev;
    std::vector<Example> calibration;
    std::vector<Example> holdout;
    std::vector<LineProblem> dropped;  ///< exact repetitions and lines that are no examples
    std::string digest;                ///< of all four parts

    std::vector<Example>& part(Split split);
};

ExampleDataset make_dataset(const ExampleFile& file, const SplitShares& shares = {});

}  // namespace cairn::data
