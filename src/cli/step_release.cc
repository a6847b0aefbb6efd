// SPDX-License-Identifier: Apache-2.0
// Step release: binds base, adapter, index, settings and report by digest and makes them live when
// the gate lets them.
#include "cairn/operate/releases.h"
#include "pipeline.h"
#include "release.h"

namespace cairn::cli {

namespace {

Result<operate::Manifest> make_manifest(Session& session, const ScenarioConfig& scenario) {
    const StepOutput evaluation = CAIRN_TRY(stored_output(session, "evaluate", scenario.name));
    operate::Manifest manifest;
    manifest.scenario = scenario.name;
    manifest.base_model = session.config.base_model;
    manifest.base_digest = CAIRN_TRY(session.base_model_digest());
    manifest.settings = evaluation.report.value("settings", nlohmann::json::object()).dump();
    manifest.report_digest = evaluation.digest;
    manifest.gate = CAIRN_TRY(operate::parse_gate_verdict(evaluation.report.value("gate", "")));
    if (scenario.kind == ScenarioKind::kQa) {
        manifest.kind = "qa";
        manifest.index_digest = evaluation.report.value("index", "");
        // Opened once, so that nothing goes live that cannot answer.
        (void)CAIRN_TRY(index_files(session).open(manifest.index_digest));
    } else {
        manifest.kind = "style";
        manifest.adapter_digest = CAIRN_TRY(stored_output(session, "tune", scenario.name)).digest;
    }
    return manifest;
}

}  // namespace

Result<StepResult> release_scenario(Session& session, const ScenarioConfig& scenario,
                                    const std::string& override_reason, bool asked) {
    const operate::Manifest manifest = CAIRN_TRY(make_manifest(session, scenario));
    StepInput input{"release", scenario.name, {{"override", override_reason}}, {}};
    input.inputs = {{"base_model", manifest.base_digest},
                    {"adapter", manifest.adapter_digest},
                    {"index", manifest.index_digest},
                    {"evaluation", manifest.report_digest}};
    const auto is_live = [&](const std::string& release) {
        auto releases = operate::Releases::open(session.store.database());
        const auto live = releases ? releases->live(scenario.name)
                                   : Result<std::optional<operate::Release>>(releases.error());
        return live && *live && (*live)->id == release;
    };
    const auto work = [&]() -> Result<StepOutput> {
        auto releases = CAIRN_TRY(operate::Releases::open(session.store.database()));
        const operate::Release release = CAIRN_TRY(releases.publish(manifest, override_reason));
        StepOutput output;
        output.digest = release.id;
        output.report = {{"release", release.id},
                         {"gate", operate::gate_verdict_name(manifest.gate)}};
        output.summary = release.id + " is live";
        if (manifest.gate == operate::GateVerdict::kNotEnoughEvidence) {
            output.summary += ", not proven yet: the gate has not enough evidence";
        } else if (!override_reason.empty()) {
            output.summary += ", overruled: " + override_reason;
        }
        return output;
    };
    return asked ? run_step(session, input, work, is_live) : run_step(session, input, work);
}

Result<StepResult> run_release(Session& session, const ScenarioConfig* scenario) {
    return release_scenario(session, *scenario, "", false);
}

}  // namespace cairn::cli
