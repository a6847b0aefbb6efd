// SPDX-License-Identifier: Apache-2.0
// Runs: one record for each execution of a step, with its inputs and output by digest. A step whose
// inputs did not change finds its done run and is skipped; a chain of runs leads from an answer
// back to a document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/store/database.h"

namespace cairn::store {

enum class RunState { kRunning, kDone, kFailed };
std::string_view run_state_name(RunState state);

struct RunInput {
    std::string name;    ///< "documents", "base_model", ...
    std::string digest;  ///< of a blob, a file or another run's output
};

struct NewRun {
    std::string step;      ///< "ingest", "tune", ...
    std::string scenario;  ///< empty: the whole workspace
    std::string input_digest;
    std::string parameters = "{}";  ///< JSON
    std::vector<RunInput> inputs;
};

struct Run {
    std::int64_t id = 0;
    std::string step;
    std::string scenario;
    RunState state = RunState::kRunning;
    std::string input_digest;
    std::string output_digest;
    std::string parameters;
    std::string report_digest;  ///< blob; empty: no report
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;  ///< 0: not finished
    std::string error;
    std::vector<RunInput> inputs;
};

/// Records that a step begins. A run of the same step and scenario that is still "running" was
/// killed: it becomes failed (two processes never work on one workspace: Store::lock).
Result<std::int64_t> begin_run(Database& database, const NewRun& run);
Status finish_run(Database& database, std::int64_t id, std::string_view output_digest,
                  std::string_view report_digest = {});
Status fail_run(Database& database, std::int64_t id, std::string_view error);

/// The newest done run; empty when there is none.
Result<std::optional<Run>> latest_done(Database& database, std::string_view step,
                                       std::string_view scenario = {});
Result<std::optional<Run>> find_done(Database& database, std::string_view step,
                                     std::string_view scenario, std::string_view input_digest);
Result<std::optional<Run>> find_run(Database& database, std::int64_t id);
/// Newest first.
Result<std::vector<Run>> list_runs(Database& database, int limit);

}  // namespace cairn::store
