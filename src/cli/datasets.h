// SPDX-License-Identifier: Apache-2.0
// What a scenario learns from and is measured with, read from its files and the label queue.
#pragma once

#include <string>
#include <vector>

#include "cairn/data/clean.h"
#include "cairn/data/dataset.h"
#include "cairn/eval/qa_suite.h"
#include "cairn/eval/style_suite.h"
#include "session.h"

namespace cairn::cli {

/// Test questions of a qa scenario: its file, then what people accepted in the label queue.
Result<std::vector<eval::QaQuestion>> load_questions(Session& session,
                                                     const ScenarioConfig& scenario);

/// The dataset of a style scenario. Errors: kInvalid without an examples file.
Result<data::ExampleDataset> load_dataset(const ScenarioConfig& scenario);

struct StyleData {
    std::vector<eval::StyleExample> training;
    std::vector<eval::StyleExample> held_out;
};
Result<StyleData> load_style_data(const ScenarioConfig& scenario);

/// What [clean] in cairn.toml says.
data::CleanOptions clean_options(const WorkspaceConfig& config);

/// SHA-256 of the scenario's own file (test or examples); empty when it names none.
Result<std::string> scenario_file_digest(const ScenarioConfig& scenario);

}  // namespace cairn::cli
