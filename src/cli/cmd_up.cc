// SPDX-License-Identifier: Apache-2.0
// cairn up: the whole way. And each step as a command of its own (ingest, assess, clean, index,
// tune, evaluate).
#include "command.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

struct StepOptions {
    std::string scenario;
    bool force = false;
};

void declare(CLI::App& app, StepOptions& options) {
    app.add_option("--scenario", options.scenario, "only this scenario (default: all)");
    app.add_flag("--force", options.force, "do it again even when nothing changed");
}

Status run(const Globals& globals, const StepOptions& options, const std::string& only) {
    Session session = CAIRN_TRY(Session::open(globals));
    session.force = options.force;
    return walk(session, globals, only, options.scenario);
}

}  // namespace

void add_up(CLI::App& root, const Globals& globals, Action& action) {
    add_command<StepOptions>(
        root, action, "up", "Walk the whole way, from the documents to the release", declare,
        [&globals](const StepOptions& options) { return run(globals, options, ""); });
}

void add_steps(CLI::App& root, const Globals& globals, Action& action) {
    for (const Step& step : pipeline()) {
        const std::string name = step.name;
        if (name == "clean" || name == "label" || name == "release")
            continue;  // these have commands of their own
        add_command<StepOptions>(
            root, action, name, step.help, declare,
            [&globals, name](const StepOptions& options) { return run(globals, options, name); });
    }
}

}  // namespace cairn::cli
