// SPDX-License-Identifier: Apache-2.0
// Runs as rows of `runs` and `run_inputs` (tables: store.cc).
#include "cairn/store/runs.h"

#include "cairn/base/clock.h"

namespace cairn::store {
namespace {

constexpr const char* kSelect =
    "SELECT id, step, scenario, state, input_digest, output_digest, parameters, report_digest, "
    "started_ms, finished_ms, error FROM runs ";

Result<std::vector<RunInput>> read_inputs(Database& database, std::int64_t id) {
    std::vector<RunInput> inputs;
    Statement rows = CAIRN_TRY(database.query(
        "SELECT name, digest FROM run_inputs WHERE run_id = ?1 ORDER BY position", id));
    while (CAIRN_TRY(rows.step()))
        inputs.push_back({rows.text(0), rows.text(1)});
    return inputs;
}

Result<std::vector<Run>> read_runs(Database& database, Statement rows) {
    std::vector<Run> runs;
    while (CAIRN_TRY(rows.step())) {
        Run run{rows.integer(0), rows.text(1),
                rows.text(2),    static_cast<RunState>(rows.integer(3)),
                rows.text(4),    rows.text(5),
                rows.text(6),    rows.text(7),
                rows.integer(8), rows.integer(9),
                rows.text(10),   CAIRN_TRY(read_inputs(database, rows.integer(0)))};
        runs.push_back(std::move(run));
    }
    return runs;
}

template <typename... Values>
Result<std::optional<Run>> read_one(Database& database, const char* where,
                                    const Values&... values) {
    const std::string sql = std::string(kSelect) + where + " ORDER BY id DESC LIMIT 1";
    auto runs = CAIRN_TRY(read_runs(database, CAIRN_TRY(database.query(sql, values...))));
    if (runs.empty()) return std::optional<Run>();
    return std::optional<Run>(std::move(runs.front()));
}

Status end_run(Database& database, std::int64_t id, RunState state, std::string_view output_digest,
               std::string_view report_digest, std::string_view error) {
    CAIRN_TRY(database.exec(
        "UPDATE runs SET state = ?2, output_digest = ?3, report_digest = ?4, error = ?5, "
        "finished_ms = ?6 WHERE id = ?1 AND state = 0",
        id, state, output_digest, report_digest, error, utc_ms()));
    if (database.changed_rows() == 1) return {};
    return make_error(Code::kNotFound, "expected run " + std::to_string(id) +
                                           " to be running, found it ended or absent");
}

}  // namespace

std::string_view run_state_name(RunState state) {
    switch (state) {
        case RunState::kRunning:
            return "running";
        case RunState::kDone:
            return "done";
        case RunState::kFailed:
            return "failed";
    }
    return "unknown";
}

Result<std::int64_t> begin_run(Database& database, const NewRun& run) {
    Transaction transaction = CAIRN_TRY(Transaction::begin(database));
    CAIRN_TRY(
        database.exec("UPDATE runs SET state = ?3, error = 'interrupted', finished_ms = ?4 "
                      "WHERE step = ?1 AND scenario = ?2 AND state = 0",
                      run.step, run.scenario, RunState::kFailed, utc_ms()));
    CAIRN_TRY(database.exec(
        "INSERT INTO runs (step, scenario, state, input_digest, parameters, started_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        run.step, run.scenario, RunState::kRunning, run.input_digest, run.parameters, utc_ms()));
    const std::int64_t id = database.last_insert_id();
    for (std::size_t i = 0; i < run.inputs.size(); ++i) {
        CAIRN_TRY(database.exec("INSERT INTO run_inputs VALUES (?1, ?2, ?3, ?4)", id, i,
                                run.inputs[i].name, run.inputs[i].digest));
    }
    CAIRN_TRY(transaction.commit());
    return id;
}

Status finish_run(Database& database, std::int64_t id, std::string_view output_digest,
                  std::string_view report_digest) {
    return end_run(database, id, RunState::kDone, output_digest, report_digest, "");
}

Status fail_run(Database& database, std::int64_t id, std::string_view error) {
    return end_run(database, id, RunState::kFailed, "", "", error);
}

Result<std::optional<Run>> latest_done(Database& database, std::string_view step,
                                       std::string_view scenario) {
    return read_one(database, "WHERE step = ?1 AND scenario = ?2 AND state = 1", step, scenario);
}

Result<std::optional<Run>> find_done(Database& database, std::string_view step,
                                     std::string_view scenario, std::string_view input_digest) {
    return read_one(database,
                    "WHERE step = ?1 AND scenario = ?2 AND state = 1 AND input_digest = ?3", step,
                    scenario, input_digest);
}

Result<std::optional<Run>> find_run(Database& database, std::int64_t id) {
    return read_one(database, "WHERE id = ?1", id);
}

Result<std::vector<Run>> list_runs(Database& database, int limit) {
    const std::string sql = std::string(kSelect) + "ORDER BY id DESC LIMIT ?1";
    return read_runs(database, CAIRN_TRY(database.query(sql, limit)));
}

}  // namespace cairn::store
