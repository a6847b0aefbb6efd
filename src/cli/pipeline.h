// SPDX-License-Identifier: Apache-2.0
// The way of the data as a table of steps: what `cairn up` walks, what `cairn STEP` runs alone,
// what `cairn status` lists. Each step is a function of content-addressed inputs (session.h:
// run_step).
#pragma once

#include <span>
#include <string>

#include "session.h"

namespace cairn::cli {

struct Step {
    const char* name;
    const char* help;
    bool per_scenario;  ///< else once for the workspace, with scenario == nullptr
    bool (*applies)(const ScenarioConfig& scenario);  ///< nullptr: to every scenario
    Result<StepResult> (*run)(Session& session, const ScenarioConfig* scenario);
};

/// In the order of the way.
std::span<const Step> pipeline();

Result<StepResult> run_ingest(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_assess(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_clean(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_index(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_label(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_tune(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_evaluate(Session& session, const ScenarioConfig* scenario);
Result<StepResult> run_release(Session& session, const ScenarioConfig* scenario);

/// Walks the steps (all, or the one called `only`) for the scenario called `scenario` or all.
/// Prints one line a step. Gate refusals do not stop the walk; they are the error at its end.
Status walk(Session& session, const Globals& globals, const std::string& only = {},
            const std::string& scenario = {});

}  // namespace cairn::cli
