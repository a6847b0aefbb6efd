// SPDX-License-Identifier: Apache-2.0
// cairn release: make a scenario's evaluated state live, list what was, go back.
#include <fmt/format.h>

#include "cairn/base/clock.h"
#include "cairn/operate/releases.h"
#include "command.h"
#include "release.h"
#include "session.h"

namespace cairn::cli {

namespace {

struct ReleaseOptions {
    std::string scenario;
    std::string override_reason;
    bool list = false;
    bool back = false;
};

nlohmann::json to_json(const operate::Release& release) {
    return {{"id", release.id},
            {"scenario", release.manifest.scenario},
            {"gate", operate::gate_verdict_name(release.manifest.gate)},
            {"base_model", release.manifest.base_model},
            {"base_digest", release.manifest.base_digest},
            {"adapter_digest", release.manifest.adapter_digest},
            {"index_digest", release.manifest.index_digest},
            {"report_digest", release.manifest.report_digest},
            {"override_reason", release.override_reason},
            {"created_ms", release.created_ms},
            {"live", release.live_since_ms > 0}};
}

Status list(Session& session, const Globals& globals, const std::string& scenario) {
    auto releases = CAIRN_TRY(operate::Releases::open(session.store.database()));
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"RELEASE", "SCENARIO", "GATE", "MADE", "LIVE"}};
    for (const operate::Release& release : CAIRN_TRY(releases.list(scenario))) {
        json.push_back(to_json(release));
        rows.push_back({release.id, release.manifest.scenario,
                        std::string(operate::gate_verdict_name(release.manifest.gate)),
                        iso_time(release.created_ms), release.live_since_ms > 0 ? "live" : ""});
    }
    print_result(globals, json, table(rows));
    return {};
}

/// Goes back only to what can still answer.
Result<operate::Release> roll_back(Session& session, const std::string& scenario) {
    auto transaction = CAIRN_TRY(store::Transaction::begin(session.store.database()));
    auto releases = CAIRN_TRY(operate::Releases::open(session.store.database()));
    const operate::Release release = CAIRN_TRY(releases.roll_back(scenario));
    if (!release.manifest.index_digest.empty()) {
        (void)CAIRN_TRY(index_files(session).open(release.manifest.index_digest));
    }
    CAIRN_TRY(transaction.commit());
    return release;
}

Status run(const Globals& globals, const ReleaseOptions& options) {
    Session session = CAIRN_TRY(Session::open(globals));
    if (options.list) return list(session, globals, options.scenario);
    const ScenarioConfig* scenario = CAIRN_TRY(session.scenario(options.scenario));
    const auto lock = CAIRN_TRY(session.store.lock());
    if (options.back) {
        const operate::Release release = CAIRN_TRY(roll_back(session, scenario->name));
        print_result(globals, to_json(release), release.id + " is live again");
        return {};
    }
    const StepResult result =
        CAIRN_TRY(release_scenario(session, *scenario, options.override_reason, true));
    print_result(globals, result.output.report, result.output.summary);
    return {};
}

}  // namespace

void add_release(CLI::App& root, const Globals& globals, Action& action) {
    add_command<ReleaseOptions>(
        root, action, "release", "Make what passed its gate live; list releases; go back",
        [](CLI::App& app, ReleaseOptions& options) {
            app.add_option("scenario", options.scenario, "which scenario");
            auto* list = app.add_flag("--list", options.list, "show all releases instead");
            auto* back = app.add_flag("--back", options.back, "make the release before live again");
            app.add_option("--override", options.override_reason,
                           "release in spite of a failed gate; the reason is kept");
            list->excludes(back);
        },
        [&globals](const ReleaseOptions& options) { return run(globals, options); });
}

}  // namespace cairn::cli
