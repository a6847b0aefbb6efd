// SPDX-License-Identifier: Apache-2.0
// Step clean: the corpus without repetitions, boilerplate and personal data; every change listed
// and reversible.
#include <fmt/format.h>

#include "cairn/base/hash.h"
#include "cairn/base/html_report.h"
#include "cairn/data/clean.h"
#include "cairn/data/ingest.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kChangesShown =
    500;  // on the page; the JSON and `cairn clean --changes` have all

std::string changes_page(const Session& session, const data::CleanSummary& summary,
                         const std::vector<data::ChangeRow>& changes) {
    HtmlReport page("What cleaning changed", session.config.name);
    page.verdict(
        Tone::kNeutral, fmt::format("{} changes", summary.changes),
        fmt::format("{} of {} documents stay. Each change has a reason and can be taken back: "
                    "cairn clean --revert ID",
                    summary.documents_out, summary.documents_in));
    std::vector<ReportBar> bars;
    for (const auto& [kind, count] : summary.changes_by_kind) {
        bars.push_back(
            {kind, static_cast<double>(count), std::to_string(count), Tone::kNeutral, {}});
    }
    page.bars("Changes by kind", bars);
    std::vector<std::vector<std::string>> rows;
    for (const data::ChangeRow& row : changes) {
        if (rows.size() >= kChangesShown) break;
        rows.push_back({row.path, std::string(data::change_kind_name(row.change.kind)),
                        row.change.reason, row.change.after, row.change.id});
    }
    const std::vector<std::string> columns = {"Document", "Kind", "Reason", "Now", "Change"};
    page.table(columns, rows,
               fmt::format("The first {} of {} changes", rows.size(), changes.size()));
    return page.html();
}

Result<StepOutput> clean_all(Session& session) {
    const data::CleanSummary summary =
        CAIRN_TRY(data::clean_sources(session.store, {}, {}, session.progress));
    const auto changes = CAIRN_TRY(data::list_changes(session.store));
    StepOutput output;
    output.digest = summary.digest;
    output.report = {{"documents_in", summary.documents_in},
                     {"documents_out", summary.documents_out},
                     {"changes", summary.changes},
                     {"contradictions", summary.contradictions}};
    for (const auto& [kind, count] : summary.changes_by_kind) {
        output.report["changes_by_kind"][kind] = count;
    }
    output.html = changes_page(session, summary, changes);
    output.summary =
        fmt::format("{} of {} documents stay, {} changes, {} contradictions", summary.documents_out,
                    summary.documents_in, summary.changes, summary.contradictions);
    return output;
}

}  // namespace

Result<StepResult> run_clean(Session& session, const ScenarioConfig*) {
    StepInput input{"clean", "", {}, {}};
    input.inputs.push_back({"documents", CAIRN_TRY(stored_output(session, "ingest")).digest});
    Sha256 reverted;
    for (const data::ChangeRow& row : CAIRN_TRY(data::list_changes(session.store))) {
        if (row.reverted) reverted.field(row.change.id);
    }
    input.inputs.push_back({"reverted", reverted.hex()});
    return run_step(session, input, [&] { return clean_all(session); });
}

}  // namespace cairn::cli
