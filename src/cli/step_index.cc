// SPDX-License-Identifier: Apache-2.0
// Step index: chunks of the clean documents in the full-text index.
#include <fmt/format.h>

#include "cairn/data/clean.h"
#include "cairn/knowledge/index.h"
#include "pipeline.h"

namespace cairn::cli {

Result<StepResult> run_index(Session& session, const ScenarioConfig*) {
    StepInput input{"index", "", {}, {}};
    // Titles and sections come from reading, texts from cleaning: a change of either is a change.
    input.inputs.push_back({"read", CAIRN_TRY(stored_output(session, "ingest")).digest});
    input.inputs.push_back({"clean", CAIRN_TRY(stored_output(session, "clean")).digest});
    return run_step(session, input, [&]() -> Result<StepOutput> {
        const auto documents = CAIRN_TRY(data::load_clean_documents(session.store));
        auto index = CAIRN_TRY(knowledge::Index::open(session.store.database()));
        const knowledge::BuildReport report = CAIRN_TRY(index.build(documents));
        StepOutput output;
        output.digest = report.digest;
        output.report = {{"documents", report.documents},
                         {"chunks", report.chunks},
                         {"documents_changed", report.documents_changed},
                         {"documents_removed", report.documents_removed}};
        output.summary = fmt::format("{} chunks of {} documents ({} changed)", report.chunks,
                                     report.documents, report.documents_changed);
        return output;
    });
}

}  // namespace cairn::cli
