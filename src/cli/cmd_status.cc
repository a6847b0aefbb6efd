// SPDX-License-Identifier: Apache-2.0
// cairn status: where the workspace stands.
#include <fmt/format.h>

#include "cairn/base/clock.h"
#include "console.h"
#include "session.h"

namespace cairn::cli {

namespace {

std::string status_text(const serve::WorkspaceStatus& status) {
    std::string text = fmt::format("{} ({})\n{} documents read, {} skipped, {} failed\n\n",
                                   status.name, status.root, status.documents.done,
                                   status.documents.skipped, status.documents.failed);
    std::vector<std::vector<std::string>> steps = {{"STEP", "STATE", "TOOK", "RESULT"}};
    for (const serve::StepStatus& step : status.steps) {
        const bool timed = step.finished_ms > 0;
        steps.push_back(
            {step.scenario.empty() ? step.step : step.step + " " + step.scenario, step.state,
             timed ? human_seconds(static_cast<double>(step.finished_ms - step.started_ms) / 1000)
                   : "",
             step.error.empty() ? step.summary : step.error});
    }
    text += table(steps) + "\n";
    std::vector<std::vector<std::string>> scenarios = {
        {"SCENARIO", "KIND", "VERDICT", "GATE", "LIVE RELEASE", "SINCE"}};
    for (const serve::ScenarioStatus& scenario : status.scenarios) {
        scenarios.push_back({scenario.name, scenario.kind,
                             scenario.verdict.empty() ? "-" : scenario.verdict, scenario.gate,
                             scenario.release.empty() ? "none" : scenario.release,
                             scenario.released_ms > 0 ? iso_time(scenario.released_ms) : ""});
    }
    return text + table(scenarios);
}

Status show_status(const Globals& globals) {
    Session session = CAIRN_TRY(Session::open(globals));
    const auto status = CAIRN_TRY(workspace_status(session.config, session.store));
    print_result(globals, nlohmann::json::parse(serve::status_json(status)),
                 globals.json ? "" : status_text(status));
    return {};
}

}  // namespace

void add_status(CLI::App& root, const Globals& globals, Action& action) {
    struct None {};
    add_command<None>(
        root, action, "status", "Where the workspace stands, step by step", [](CLI::App&, None&) {},
        [&globals](const None&) { return show_status(globals); });
}

}  // namespace cairn::cli
