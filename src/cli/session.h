// SPDX-License-Identifier: Apache-2.0
// An open workspace and the frame that every step runs in: skipped when nothing changed, recorded
// as a run with its lineage, reported, and never half done.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cairn/base/config.h"
#include "cairn/base/progress.h"
#include "cairn/engine/scheduler.h"
#include "cairn/knowledge/dense.h"
#include "cairn/knowledge/index_files.h"
#include "cairn/store/store.h"
#include "command.h"

namespace cairn::cli {

struct Session {
    WorkspaceConfig config;
    store::Store store;
    ProgressSink progress;
    int threads = 0;
    bool force = false;  ///< run steps even when nothing changed

    /// Opens the workspace that holds `globals.workspace`.
    static Result<Session> open(const Globals& globals);
    /// Errors: kNotFound naming the scenarios there are.
    Result<const ScenarioConfig*> scenario(const std::string& name) const;
    /// What Model::load opens for "file:PATH" (below the workspace), "hf:...", "model:NAME" or a
    /// bundled model; `key` of cairn.toml is named when nothing is there.
    Result<std::filesystem::path> model_path(const std::string& reference,
                                             std::string_view key) const;
    /// The base model's file: the bundled one is written to .cairn/models at first use.
    Result<std::filesystem::path> base_model_path() const;
    /// SHA-256 of that file; remembered with its size and time, so that large files are read once.
    Result<std::string> base_model_digest();
    /// The base model ready to run; loaded at the first call.
    Result<std::shared_ptr<engine::Scheduler>> scheduler();

    std::shared_ptr<engine::Scheduler> loaded_scheduler;          ///< use scheduler()
    std::optional<knowledge::SearchModels> loaded_search_models;  ///< use search_models()
};

/// Everything that decides what a step makes; equal inputs are the same work.
struct StepInput {
    std::string step;
    std::string scenario;  ///< empty: the whole workspace
    nlohmann::json parameters = nlohmann::json::object();
    std::vector<store::RunInput> inputs;

    std::string digest() const;
};

struct StepOutput {
    std::string digest;   ///< of what the step made
    std::string summary;  ///< one line for people
    nlohmann::json report = nlohmann::json::object();
    std::string html;  ///< the report page; empty: none
};

struct StepResult {
    StepOutput output;
    bool skipped = false;  ///< found done; `output.html` is then empty
    double seconds = 0;
};

/// Runs `work` unless the newest done run of this step had the same input and what it made is still
/// there (`present`; empty: always). The report is stored as a blob of JSON:
/// {"summary", "html" (digest of the page or ""), "report"}.
Result<StepResult> run_step(Session& session, const StepInput& input,
                            const std::function<Result<StepOutput>()>& work,
                            const std::function<bool(const std::string& digest)>& present = {});

/// The generations of the index: ROOT/.cairn/index.
knowledge::IndexFiles index_files(const Session& session);

/// The stored output of the newest done run. Errors: kNotFound saying which command to run first.
Result<StepOutput> stored_output(Session& session, const std::string& step,
                                 const std::string& scenario = {});

/// Sink that also writes ROOT/.cairn/progress.json twice a second, for the console.
ProgressSink shared_progress(const std::filesystem::path& folder, ProgressSink inner);

}  // namespace cairn::cli
