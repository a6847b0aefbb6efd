// SPDX-License-Identifier: Apache-2.0
// Opening workspaces and running steps: see session.h.
#include "session.h"

#include <algorithm>

#include "bundled.h"
#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/engine/model_digest.h"
#include "cairn/operate/model_store.h"
#include "cairn/text/json.h"

namespace cairn::cli {

namespace {

constexpr double kProgressFileSeconds = 0.5;

/// What a step made, from the report blob of its run.
Result<StepOutput> read_output(Session& session, const store::Run& run) {
    StepOutput output;
    output.digest = run.output_digest;
    if (run.report_digest.empty()) return output;
    const std::string blob = CAIRN_TRY(session.store.blobs().get(run.report_digest));
    const nlohmann::json stored = CAIRN_TRY(text::parse_json(blob));
    output.summary = stored.value("summary", "");
    output.report = stored.value("report", nlohmann::json::object());
    return output;
}

}  // namespace

Result<Session> Session::open(const Globals& globals) {
    const auto root = CAIRN_TRY(find_workspace(globals.workspace));
    WorkspaceConfig config = CAIRN_TRY(load_workspace_config(root));
    store::Store store = CAIRN_TRY(store::Store::open(root));
    ProgressSink progress = shared_progress(store.folder(), globals.progress());
    return Session{
        std::move(config), std::move(store), std::move(progress), globals.threads, false, nullptr};
}

Result<const ScenarioConfig*> Session::scenario(const std::string& name) const {
    std::string known;
    for (const ScenarioConfig& scenario : config.scenarios) {
        if (scenario.name == name) return &scenario;
        known += (known.empty() ? "" : ", ") + scenario.name;
    }
    return make_error(Code::kNotFound, "no scenario is called '" + name + "'",
                      "cairn.toml has: " + (known.empty() ? "none" : known));
}

Result<std::filesystem::path> Session::model_path(const std::string& reference,
                                                  std::string_view key) const {
    constexpr std::string_view kFile = "file:";
    if (reference.starts_with(kFile)) {
        const std::filesystem::path path = config.root / reference.substr(kFile.size());
        std::error_code ignored;
        if (std::filesystem::exists(path, ignored)) return path;
        return make_error(Code::kNotFound, "the model " + path.string() + " does not exist",
                          "correct " + std::string(key) + " in cairn.toml");
    }
    if (reference.starts_with("hf:") || reference.starts_with("model:")) {
        const auto models = CAIRN_TRY(operate::ModelStore::open(config.model_store));
        return models.path(CAIRN_TRY(models.find(reference)));
    }
    return unpack_bundled_model(reference, store.folder() / "models");
}

Result<std::filesystem::path> Session::base_model_path() const {
    return model_path(config.base_model, "[model] base");
}

Result<std::string> Session::base_model_digest() {
    const auto path = CAIRN_TRY(base_model_path());
    const auto files = CAIRN_TRY(engine::model_files(path));
    std::string key = "model " + path.string();
    for (const FileEntry& file : files)
        key += " " + std::to_string(file.size) + " " + std::to_string(file.modified_ns);
    if (const auto known = CAIRN_TRY(store.meta(key))) return *known;
    const std::string digest = CAIRN_TRY(engine::model_digest(path));
    CAIRN_TRY(store.set_meta(key, digest));
    return digest;
}

Result<std::shared_ptr<engine::Scheduler>> Session::scheduler() {
    if (loaded_scheduler == nullptr) {
        auto model = CAIRN_TRY(engine::Model::load(CAIRN_TRY(base_model_path())));
        // Known from the file's size and time: the first answer must not wait for a hash of it.
        model->know_digest(CAIRN_TRY(base_model_digest()));
        engine::SchedulerOptions options;
        options.threads = threads;
        loaded_scheduler = std::make_shared<engine::Scheduler>(std::move(model), options);
    }
    return loaded_scheduler;
}

std::string StepInput::digest() const {
    Sha256 hash;
    // Another version of the program may make another output from the same inputs.
    hash.field(CAIRN_VERSION).field(step).field(scenario).field(parameters.dump());
    for (const store::RunInput& input : inputs) {
        hash.field(input.name).field(input.digest);
    }
    return hash.hex();
}

Result<StepResult> run_step(Session& session, const StepInput& input,
                            const std::function<Result<StepOutput>()>& work,
                            const std::function<bool(const std::string& digest)>& present) {
    const double start = now_seconds();
    store::Database& database = session.store.database();
    const std::string digest = input.digest();
    StepResult result;
    const auto newest = CAIRN_TRY(store::latest_done(database, input.step, input.scenario));
    const bool known =
        newest && newest->input_digest == digest && (!present || present(newest->output_digest));
    if (known && !session.force) {
        result.output = CAIRN_TRY(read_output(session, *newest));
        result.skipped = true;
        return result;
    }
    const std::int64_t run = CAIRN_TRY(store::begin_run(
        database, {input.step, input.scenario, digest, input.parameters.dump(), input.inputs}));
    auto output = work();
    if (!output) {
        // The step's own error matters more than a failure to record it.
        (void)store::fail_run(database, run, output.error().to_string());
        return output.error().with_context(
            input.scenario.empty() ? input.step : input.step + " " + input.scenario);
    }
    const std::string page =
        output->html.empty() ? "" : CAIRN_TRY(session.store.blobs().put(output->html));
    const nlohmann::json report = {
        {"summary", output->summary}, {"html", page}, {"report", output->report}};
    const std::string blob = CAIRN_TRY(session.store.blobs().put(report.dump()));
    CAIRN_TRY(store::finish_run(database, run, output->digest, blob));
    result.output = std::move(*output);
    result.seconds = now_seconds() - start;
    return result;
}

knowledge::IndexFiles index_files(const Session& session) {
    return knowledge::IndexFiles(session.store.folder() / "index");
}

Result<StepOutput> stored_output(Session& session, const std::string& step,
                                 const std::string& scenario) {
    const auto newest = CAIRN_TRY(store::latest_done(session.store.database(), step, scenario));
    if (!newest) {
        const std::string what = scenario.empty() ? step : step + " of scenario '" + scenario + "'";
        return make_error(Code::kNotFound, "the step " + what + " has not been done yet",
                          "run `cairn up`, or `cairn " + step + "`");
    }
    return read_output(session, *newest);
}

ProgressSink shared_progress(const std::filesystem::path& folder, ProgressSink inner) {
    const auto path = folder / "progress.json";
    auto last = std::make_shared<double>(0);
    return [path, inner = std::move(inner), last](const ProgressRecord& record) {
        inner(record);
        const double now = now_seconds();
        if (!record.finished && now - *last < kProgressFileSeconds) return;
        *last = now;
        const nlohmann::json json = {{"step", record.step},
                                     {"detail", record.detail},
                                     {"done", record.done},
                                     {"total", record.total},
                                     {"unit", record.unit},
                                     {"seconds", record.seconds},
                                     {"eta_seconds", record.eta_seconds},
                                     {"finished", record.finished}};
        // A lost progress file is no reason to stop the work.
        (void)write_file_atomic(
            path, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    };
}

}  // namespace cairn::cli
