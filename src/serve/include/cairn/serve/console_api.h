// SPDX-License-Identifier: Apache-2.0
// What the console shows of a workspace. The server may not use the data room, so the composition
// root hands in functions; `cairn status --json` prints the same records.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/store.h"
#include "cairn/text/document.h"

namespace cairn::serve {

struct StepStatus {
    std::string step;
    std::string scenario;         ///< empty: the whole workspace
    std::string state = "never";  ///< done, running, failed, never
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;
    std::string summary;   ///< "36 files: 33 done, 2 skipped, 1 failed"
    std::int64_t run = 0;  ///< 0: never ran
    bool has_report = false;
    std::string error;
};

struct ScenarioStatus {
    std::string name;
    std::string kind;            ///< "qa", "style"
    std::string verdict;         ///< tune, retrieve, both, do_not; empty: not assessed
    std::string gate = "never";  ///< pass, fail, not_enough_evidence, never
    std::string release;         ///< empty: none is live
    std::int64_t released_ms = 0;
};

struct DocumentCounts {
    std::int64_t done = 0;
    std::int64_t skipped = 0;
    std::int64_t failed = 0;
};

struct WorkspaceStatus {
    std::string name;
    std::string root;
    std::vector<std::string> languages;
    std::string currency;
    std::string base_model;
    std::vector<StepStatus> steps;  ///< in the order of the way, those that never ran too
    std::vector<ScenarioStatus> scenarios;
    DocumentCounts documents;
};

/// The JSON of GET /api/status.
std::string status_json(const WorkspaceStatus& status);

struct DocumentRow {
    std::string id;
    std::string source;
    std::string path;
    std::string title;
    std::string media_type;
    std::string language;
    std::string state;   ///< done, skipped, failed, removed
    std::string reason;  ///< why it is not done
    std::int64_t bytes = 0;
    std::int64_t characters = 0;
};

enum class ReportFormat : std::uint8_t { kHtml, kJson };

/// Called on several threads at once, each with a store of its own.
struct ConsoleSources {
    std::function<Result<WorkspaceStatus>(store::Store&)> status;
    std::function<Result<std::vector<DocumentRow>>(store::Store&)> documents;
    /// The text whose offsets the citations of `release` use; empty: the newest text. kNotFound for
    /// an unknown id.
    std::function<Result<text::Document>(store::Store&, std::string_view id,
                                         std::string_view release)>
        document;
    /// kNotFound when the run has no report (or none in this format).
    std::function<Result<std::string>(store::Store&, const store::Run&, ReportFormat)> report;
};

}  // namespace cairn::serve
