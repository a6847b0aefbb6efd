// SPDX-License-Identifier: Apache-2.0
// Step clean: the corpus without repetitions, boilerplate and personal data; every change listed
// and reversible.
#include <fmt/format.h>

#include "cairn/base/hash.h"
#include "cairn/base/html_report.h"
#include "cairn/data/clean.h"
#include "cairn/data/ingest.h"
#include "datasets.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kChangesShown =
    500;  // on the page; the JSON and `cairn clean --changes` have all

/// What people have to decide: which of two numbers is right.
void add_contradictions(HtmlReport& page, const data::CleanSummary& summary) {
    std::vector<std::vector<std::string>> rows;
    for (const data::ContradictionRow& row : summary.contradictions) {
        rows.push_back({row.open ? "open" : "settled: the older version is left out", row.path_a,
                        row.sentence_a, row.path_b, row.sentence_b});
    }
    if (rows.empty()) return;
    const std::vector<std::string> columns = {"State", "Document", "says", "Document", "says"};
    page.table(columns, rows, "The same sentence with other numbers: which one is right?");
}

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
    add_contradictions(page, summary);
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
    const data::CleanSummary summary = CAIRN_TRY(
        data::clean_sources(session.store, {}, clean_options(session.config), session.progress));
    const auto changes = CAIRN_TRY(data::list_changes(session.store));
    StepOutput output;
    output.digest = summary.digest;
    output.report = {{"documents_in", summary.documents_in},
                     {"documents_out", summary.documents_out},
                     {"changes", summary.changes},
                     {"contradictions", nlohmann::json::array()}};
    std::int64_t open = 0;
    for (const data::ContradictionRow& row : summary.contradictions) {
        open += row.open ? 1 : 0;
        output.report["contradictions"].push_back(
            {{"open", row.open},
             {"a", {{"path", row.path_a}, {"sentence", row.sentence_a}}},
             {"b", {{"path", row.path_b}, {"sentence", row.sentence_b}}}});
    }
    for (const auto& [kind, count] : summary.changes_by_kind) {
        output.report["changes_by_kind"][kind] = count;
    }
    output.html = changes_page(session, summary, changes);
    output.summary =
        fmt::format("{} of {} documents stay, {} changes, {} open contradictions",
                    summary.documents_out, summary.documents_in, summary.changes, open);
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
    input.parameters = {{"keep", session.config.clean.keep},
                        {"mask_role_addresses", session.config.clean.mask_role_addresses},
                        {"mask_names", session.config.clean.mask_names}};
    return run_step(session, input, [&] { return clean_all(session); });
}

}  // namespace cairn::cli
