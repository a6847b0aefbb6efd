// SPDX-License-Identifier: Apache-2.0
// Step index: chunks of the clean documents in a new generation of the full-text index. Generations
// that releases name stay; the others go.
#include <fmt/format.h>

#include "cairn/data/clean.h"
#include "cairn/operate/releases.h"
#include "pipeline.h"
#include "search_models.h"

namespace cairn::cli {

namespace {

/// What must stay when `newest` has been made: a roll-back may go to any release.
Result<std::set<std::string>> wanted_indexes(Session& session, const std::string& newest) {
    std::set<std::string> wanted = {newest};
    auto releases = CAIRN_TRY(operate::Releases::open(session.store.database()));
    for (const operate::Release& release : CAIRN_TRY(releases.list())) {
        wanted.insert(release.manifest.index_digest);
    }
    return wanted;
}

void describe(const knowledge::DenseReport& dense, StepOutput& output) {
    output.report["vectors"] = dense.vectors;
    output.report["embedded"] = dense.embedded;
    output.report["tokens_embedded"] = dense.tokens;
    output.summary += fmt::format(", {} vectors ({} new)", dense.vectors, dense.embedded);
    for (const knowledge::MeaningTrust& trust : dense.trust) {
        output.report["meaning_trust"][trust.language] = {{"weight", trust.weight},
                                                          {"passages", trust.samples},
                                                          {"found_by_words", trust.words},
                                                          {"found_by_both", trust.joined}};
        output.summary += fmt::format(", meaning counts {} in {}", trust.weight, trust.language);
    }
    if (dense.cut == 0) return;
    output.report["chunks_cut"] = dense.cut;
    output.summary +=
        fmt::format("; of {} chunks the embedder reads only the beginning", dense.cut);
}

}  // namespace

Result<StepResult> run_index(Session& session, const ScenarioConfig*) {
    StepInput input{"index", "", {}, {}};
    // Titles and sections come from reading, texts from cleaning: a change of either is a change.
    input.inputs.push_back({"read", CAIRN_TRY(stored_output(session, "ingest")).digest});
    input.inputs.push_back({"clean", CAIRN_TRY(stored_output(session, "clean")).digest});
    const knowledge::SearchModels models = CAIRN_TRY(search_models(session));
    if (models.any()) {
        input.parameters = {{"dense_method", 2},
                            {"embedder", models.embedder_identity},
                            {"reranker", models.reranker_identity}};
    }
    knowledge::IndexFiles files = index_files(session);
    const auto work = [&]() -> Result<StepOutput> {
        const auto documents = CAIRN_TRY(data::load_clean_documents(session.store));
        const auto texts = CAIRN_TRY(data::clean_text_blobs(session.store));
        const auto former = CAIRN_TRY(store::latest_done(session.store.database(), "index", ""));
        const knowledge::BuildReport report =
            CAIRN_TRY(files.build(documents, texts, former ? former->output_digest : "", models));
        (void)CAIRN_TRY(files.remove_all_but(CAIRN_TRY(wanted_indexes(session, report.digest))));
        StepOutput output;
        output.digest = report.digest;
        output.report = {{"documents", report.documents},
                         {"chunks", report.chunks},
                         {"documents_changed", report.documents_changed},
                         {"documents_removed", report.documents_removed}};
        output.summary = fmt::format("{} chunks of {} documents ({} changed)", report.chunks,
                                     report.documents, report.documents_changed);
        if (models.embedder != nullptr) describe(report.dense, output);
        return output;
    };
    return run_step(session, input, work,
                    [&](const std::string& digest) { return files.has(digest); });
}

}  // namespace cairn::cli
