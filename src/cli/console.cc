// SPDX-License-Identifier: Apache-2.0
// Joins runs, releases and documents to what people look at: see console.h.
#include "console.h"

#include <map>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/data/clean.h"
#include "cairn/data/ingest.h"
#include "cairn/operate/releases.h"
#include "cairn/store/runs.h"
#include "cairn/text/json.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

constexpr int kRunsLookedAt = 2000;  // the newest run of every step is among these

using Key = std::pair<std::string, std::string>;  // step, scenario

/// The stored report of a run: {"summary", "html", "report"} (session.h: run_step), or {} when
/// there is none, as of a run that failed or was refused.
nlohmann::json report_of(const store::BlobStore& blobs, const store::Run& run) {
    nlohmann::json nothing = nlohmann::json::object();
    if (run.report_digest.empty()) return nothing;
    const auto blob = blobs.get(run.report_digest);
    if (!blob) return nothing;
    const auto json = text::parse_json(*blob);
    return json && json->is_object() ? *json : nothing;
}

serve::StepStatus step_status(const Step& step, const std::string& scenario,
                              const std::map<Key, store::Run>& newest,
                              const store::BlobStore& blobs) {
    serve::StepStatus status;
    status.step = step.name;
    status.scenario = scenario;
    const auto it = newest.find({status.step, scenario});
    if (it == newest.end()) return status;
    const store::Run& run = it->second;
    const nlohmann::json report = report_of(blobs, run);
    status.state = store::run_state_name(run.state);
    status.started_ms = run.started_ms;
    status.finished_ms = run.finished_ms;
    status.run = run.id;
    status.error = run.error;
    status.summary = report.value("summary", "");
    status.has_report = !report.value("html", "").empty();
    return status;
}

Result<serve::ScenarioStatus> scenario_status(const ScenarioConfig& scenario,
                                              operate::Releases& releases,
                                              const std::map<Key, store::Run>& newest,
                                              const store::BlobStore& blobs) {
    serve::ScenarioStatus status;
    status.name = scenario.name;
    status.kind = scenario.kind == ScenarioKind::kQa ? "qa" : "style";
    const auto member = [&](const char* step, const char* name) -> std::string {
        const auto it = newest.find({step, scenario.name});
        if (it == newest.end()) return "";
        const nlohmann::json report = report_of(blobs, it->second);
        if (!report.contains("report")) return "";
        return report["report"].value(name, "");
    };
    status.verdict = member("assess", "verdict");
    const std::string gate = member("evaluate", "gate");
    if (!gate.empty()) status.gate = gate;
    if (const auto live = CAIRN_TRY(releases.live(scenario.name))) {
        status.release = live->id;
        status.released_ms = live->live_since_ms;
    }
    return status;
}

/// The text as it was when the release's index was made.
Result<text::Document> released_document(store::Store& store, std::string_view id,
                                         std::string_view release) {
    operate::Releases releases = CAIRN_TRY(operate::Releases::open(store.database()));
    const auto found = CAIRN_TRY(releases.find(release));
    if (!found) {
        return make_error(Code::kNotFound, "there is no release '" + std::string(release) + "'");
    }
    const knowledge::IndexFiles files(store.folder() / "index");
    const auto index = CAIRN_TRY(files.open(found->manifest.index_digest));
    return data::load_clean_document_at(store, id, CAIRN_TRY(index.text_blob(id)));
}

}  // namespace

Result<serve::WorkspaceStatus> workspace_status(const WorkspaceConfig& config,
                                                store::Store& store) {
    store::Database& database = store.database();
    const store::BlobStore& blobs = store.blobs();
    serve::WorkspaceStatus status;
    status.name = config.name;
    status.root = config.root.string();
    status.languages = config.languages;
    status.currency = config.currency;
    status.base_model = config.base_model;
    std::map<Key, store::Run> newest;
    for (store::Run& run : CAIRN_TRY(store::list_runs(database, kRunsLookedAt))) {
        Key key{run.step, run.scenario};
        newest.try_emplace(std::move(key), std::move(run));
    }
    for (const Step& step : pipeline()) {
        if (!step.per_scenario) status.steps.push_back(step_status(step, "", newest, blobs));
        for (const ScenarioConfig& scenario : config.scenarios) {
            if (!step.per_scenario || (step.applies != nullptr && !step.applies(scenario)))
                continue;
            status.steps.push_back(step_status(step, scenario.name, newest, blobs));
        }
    }
    operate::Releases releases = CAIRN_TRY(operate::Releases::open(database));
    for (const ScenarioConfig& scenario : config.scenarios) {
        status.scenarios.push_back(CAIRN_TRY(scenario_status(scenario, releases, newest, blobs)));
    }
    for (const data::DocumentRow& row : CAIRN_TRY(data::list_documents(store))) {
        status.documents.done += row.state == "done" ? 1 : 0;
        status.documents.skipped += row.state == "skipped" ? 1 : 0;
        status.documents.failed += row.state == "failed" ? 1 : 0;
    }
    return status;
}

serve::ConsoleSources console_sources(const WorkspaceConfig& config) {
    serve::ConsoleSources sources;
    sources.status = [config](store::Store& store) { return workspace_status(config, store); };
    sources.documents = [](store::Store& store) -> Result<std::vector<serve::DocumentRow>> {
        std::vector<serve::DocumentRow> rows;
        for (const data::DocumentRow& row : CAIRN_TRY(data::list_documents(store))) {
            rows.push_back({row.id, row.source, row.path, row.title, row.media_type, row.language,
                            row.state, row.reason, row.size, row.characters});
        }
        return rows;
    };
    sources.document = [](store::Store& store, std::string_view id,
                          std::string_view release) -> Result<text::Document> {
        if (!release.empty()) return released_document(store, id, release);
        auto clean = data::load_clean_document(store, id);
        // Left out as a duplicate or an old version: shown as it was read.
        if (!clean && clean.error().code == Code::kNotFound) return data::load_document(store, id);
        return clean;
    };
    sources.report = [](store::Store& store, const store::Run& run,
                        serve::ReportFormat format) -> Result<std::string> {
        const nlohmann::json report = report_of(store.blobs(), run);
        if (report.is_null()) return make_error(Code::kNotFound, "this run has no report");
        if (format == serve::ReportFormat::kJson) return report.value("report", report).dump();
        const std::string page = report.value("html", "");
        if (page.empty()) return make_error(Code::kNotFound, "this run has no report page");
        return store.blobs().get(page);
    };
    return sources;
}

}  // namespace cairn::cli
