// SPDX-License-Identifier: Apache-2.0
// The table of steps and the walk along it: see pipeline.h.
#include "pipeline.h"

#include <fmt/format.h>

#include "cairn/base/clock.h"

namespace cairn::cli {

namespace {

bool is_style(const ScenarioConfig& scenario) {
    return scenario.kind == ScenarioKind::kStyle;
}

constexpr Step kSteps[] = {
    {"ingest", "Read the documents of every source", false, nullptr, run_ingest},
    {"assess", "Judge whether the data fits each scenario", true, nullptr, run_assess},
    {"clean", "Repair texts, drop duplicates, mask personal data", false, nullptr, run_clean},
    {"index", "Cut the clean texts into chunks and index them", false, nullptr, run_index},
    {"label", "Build the datasets; propose what people should label", true, nullptr, run_label},
    {"tune", "Train an adapter for each style scenario", true, is_style, run_tune},
    {"evaluate", "Measure on held-out data and apply the gate", true, nullptr, run_evaluate},
    {"release", "Make what passed its gate the live version", true, nullptr, run_release},
};

struct Line {
    std::string step;
    std::string scenario;
    StepResult result;
};

std::string text_of(const Line& line) {
    const std::string name = line.scenario.empty() ? line.step : line.step + " " + line.scenario;
    const std::string time = line.result.skipped ? "unchanged" : human_seconds(line.result.seconds);
    return fmt::format("{:<20} {:>10}  {}", name, time, line.result.output.summary);
}

Status run_one(Session& session, const Globals& globals, const Step& step,
               const ScenarioConfig* scenario, nlohmann::json& json) {
    if (interrupted()) {
        return make_error(Code::kCancelled, "stopped",
                          "what is done is kept: run it again to go on");
    }
    Line line;
    line.step = step.name;
    line.scenario = scenario == nullptr ? "" : scenario->name;
    line.result = CAIRN_TRY(step.run(session, scenario));
    say(globals, text_of(line));
    json.push_back({{"step", line.step},
                    {"scenario", line.scenario},
                    {"skipped", line.result.skipped},
                    {"seconds", line.result.seconds},
                    {"digest", line.result.output.digest},
                    {"summary", line.result.output.summary}});
    return {};
}

}  // namespace

std::span<const Step> pipeline() {
    return kSteps;
}

Status walk(Session& session, const Globals& globals, const std::string& only,
            const std::string& scenario) {
    const ScenarioConfig* chosen = nullptr;
    if (!scenario.empty()) chosen = CAIRN_TRY(session.scenario(scenario));
    const auto lock = CAIRN_TRY(session.store.lock());
    const double start = now_seconds();
    nlohmann::json json = nlohmann::json::array();
    Status refused;
    for (const Step& step : kSteps) {
        if (!only.empty() && only != step.name) continue;
        if (!step.per_scenario) {
            CAIRN_TRY(run_one(session, globals, step, nullptr, json));
            continue;
        }
        for (const ScenarioConfig& candidate : session.config.scenarios) {
            if (chosen != nullptr && chosen != &candidate) continue;
            if (step.applies != nullptr && !step.applies(candidate)) continue;
            const Status status = run_one(session, globals, step, &candidate, json);
            if (status) continue;
            if (status.error().code != Code::kGateRefused) return status;
            refused = status;
            say(globals, fmt::format("{:<20} {:>10}  {}", step.name + (" " + candidate.name),
                                     "refused", status.error().message));
        }
    }
    if (globals.json) print_result(globals, json, "");
    if (only.empty())
        say(globals, "Walked the way in " + human_seconds(now_seconds() - start) + ".");
    return refused;
}

}  // namespace cairn::cli
