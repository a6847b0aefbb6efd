// SPDX-License-Identifier: Apache-2.0
// Step assess: the first honest verdict on a scenario's data, before anything is spent on it.
#include <fmt/format.h>

#include "cairn/base/hash.h"
#include "cairn/data/assess.h"
#include "cairn/data/ingest.h"
#include "cairn/knowledge/index.h"
#include "cairn/text/json.h"
#include "datasets.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

constexpr int kPassages = 5;

/// Retrieval as the product does it, over the texts as they were read.
Result<data::Retriever> make_retriever(const std::vector<text::Document>& documents) {
    struct Home {
        store::Database database;
        std::optional<knowledge::Index> index;
    };
    auto home = std::make_shared<Home>(Home{CAIRN_TRY(store::Database::open_memory()), {}});
    home->index.emplace(CAIRN_TRY(knowledge::Index::open(home->database)));
    (void)CAIRN_TRY(home->index->build(documents));
    return data::Retriever([home](std::string_view question) {
        std::vector<std::string> texts;
        knowledge::RetrieveOptions options;
        options.k = kPassages;
        const auto found = home->index->retrieve(question, options);
        if (!found) return texts;
        for (const knowledge::Hit& hit : found->hits) {
            texts.push_back(hit.text);
        }
        return texts;
    });
}

Result<data::Assessment> assess_qa(Session& session, const ScenarioConfig& scenario) {
    data::QaInput input;
    input.documents = CAIRN_TRY(data::load_documents(session.store, scenario.sources));
    for (const data::DocumentRow& row :
         CAIRN_TRY(data::list_documents(session.store, scenario.sources))) {
        input.files_failed += row.state == "failed" ? 1 : 0;
        input.files_skipped += row.state == "skipped" ? 1 : 0;
        if (row.state == "done") input.modified_ns.push_back(row.modified_ns);
    }
    for (const eval::QaQuestion& question : CAIRN_TRY(load_questions(session, scenario))) {
        input.questions.push_back(
            {question.question, question.answer, question.quote, question.answerable});
    }
    input.languages = session.config.languages;
    input.clean = clean_options(session.config);
    input.retriever = CAIRN_TRY(make_retriever(input.documents));
    return data::assess_qa(scenario.name, input);
}

Result<data::Assessment> assess_style(Session& session, const ScenarioConfig& scenario) {
    data::StyleInput input;
    input.file = CAIRN_TRY(data::read_examples(scenario.examples));
    const auto model = CAIRN_TRY(session.scheduler())->model();
    input.count_tokens = [model](std::string_view text) {
        return static_cast<std::int64_t>(model->tokenizer().encode(text, {}).size());
    };
    input.reply_tokens_max = model->config().context;
    return data::assess_style(scenario.name, input);
}

Result<StepOutput> assess(Session& session, const ScenarioConfig& scenario) {
    Progress progress(session.progress, "assess " + scenario.name, 1, "scenario");
    const data::Assessment assessment = scenario.kind == ScenarioKind::kQa
                                            ? CAIRN_TRY(assess_qa(session, scenario))
                                            : CAIRN_TRY(assess_style(session, scenario));
    progress.finish();
    StepOutput output;
    output.report = CAIRN_TRY(text::parse_json(data::assessment_json(assessment)));
    output.report["verdict"] = data::verdict_name(assessment.verdict);
    output.html = data::assessment_html(assessment, session.config.name);
    output.digest = sha256_hex(output.report.dump());
    output.summary =
        fmt::format("{}: {}", data::verdict_name(assessment.verdict), assessment.headline);
    return output;
}

}  // namespace

Result<StepResult> run_assess(Session& session, const ScenarioConfig* scenario) {
    StepInput input{"assess", scenario->name, {}, {}};
    input.inputs.push_back({"file", CAIRN_TRY(scenario_file_digest(*scenario))});
    if (scenario->kind == ScenarioKind::kQa) {
        input.inputs.push_back({"documents", CAIRN_TRY(stored_output(session, "ingest")).digest});
        input.parameters = {{"languages", session.config.languages},
                            {"keep", session.config.clean.keep},
                            {"mask_role_addresses", session.config.clean.mask_role_addresses},
                            {"mask_names", session.config.clean.mask_names}};
    } else {
        input.inputs.push_back({"base_model", CAIRN_TRY(session.base_model_digest())});
    }
    return run_step(session, input, [&] { return assess(session, *scenario); });
}

}  // namespace cairn::cli
