// SPDX-License-Identifier: Apache-2.0
// Step ingest: every file of every source ends as done, skipped or failed, with its reason.
#include <fmt/format.h>

#include "cairn/data/ingest.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

nlohmann::json to_json(const data::IngestSummary& summary) {
    return {{"files", summary.files},          {"done", summary.done},
            {"skipped", summary.skipped},      {"failed", summary.failed},
            {"unchanged", summary.unchanged},  {"removed", summary.removed},
            {"bytes_read", summary.bytes_read}};
}

Result<StepOutput> ingest_all(Session& session) {
    StepOutput output;
    data::IngestSummary total;
    for (const SourceConfig& source : session.config.sources) {
        const auto summary = CAIRN_TRY(data::ingest(session.store, {source.name, source.path, {}},
                                                    {session.threads}, session.progress));
        output.report[source.name] = to_json(summary);
        total.files += summary.files;
        total.done += summary.done;
        total.skipped += summary.skipped;
        total.failed += summary.failed;
    }
    output.digest = CAIRN_TRY(data::corpus_digest(session.store));
    output.summary = fmt::format("{} files: {} done, {} skipped, {} failed", total.files,
                                 total.done, total.skipped, total.failed);
    return output;
}

}  // namespace

Result<StepResult> run_ingest(Session& session, const ScenarioConfig*) {
    StepInput input{"ingest", "", {}, {}};
    for (const SourceConfig& source : session.config.sources) {
        input.inputs.push_back(
            {source.name, CAIRN_TRY(data::source_fingerprint({source.name, source.path, {}}))});
    }
    return run_step(session, input, [&] { return ingest_all(session); });
}

}  // namespace cairn::cli
