// SPDX-License-Identifier: Apache-2.0
// Step label: fixes what each scenario is tuned on and measured with; where questions are missing,
// proposes some for people to confirm.
#include <fmt/format.h>

#include "cairn/base/hash.h"
#include "cairn/data/clean.h"
#include "cairn/data/label.h"
#include "datasets.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

// Fewer test questions than this cannot prove "at most 5 % wrong" (eval: zero failures of 59).
constexpr std::size_t kQuestionsWanted = 60;

Result<StepOutput> label_qa(Session& session, const ScenarioConfig& scenario) {
    const auto questions = CAIRN_TRY(load_questions(session, scenario));
    auto queue = CAIRN_TRY(data::LabelQueue::open(session.store.database()));
    int proposed = 0;
    if (questions.size() < kQuestionsWanted) {
        const auto documents =
            CAIRN_TRY(data::load_clean_documents(session.store, scenario.sources));
        proposed = CAIRN_TRY(queue.add(data::propose_questions(scenario.name, documents)));
    }
    const data::LabelCounts counts = CAIRN_TRY(queue.counts(scenario.name));
    StepOutput output;
    Sha256 hash;
    int answerable = 0;
    for (const eval::QaQuestion& question : questions) {
        hash.field(question.question).field(question.answer).field(question.quote);
        hash.field(question.document).field(question.answerable ? "1" : "0");
        answerable += question.answerable ? 1 : 0;
    }
    output.digest = hash.hex();
    output.report = {{"questions", questions.size()},
                     {"answerable", answerable},
                     {"proposed", proposed},
                     {"queue_open", counts.open}};
    output.summary = fmt::format("{} test questions ({} answerable)", questions.size(), answerable);
    if (counts.open > 0) {
        output.summary +=
            fmt::format("; {} proposals wait: cairn label work {}", counts.open, scenario.name);
    }
    return output;
}

Result<StepOutput> label_style(const ScenarioConfig& scenario) {
    const data::ExampleDataset dataset = CAIRN_TRY(load_dataset(scenario));
    StepOutput output;
    output.digest = dataset.digest;
    output.report = {{"train", dataset.train.size()},
                     {"dev", dataset.dev.size()},
                     {"calibration", dataset.calibration.size()},
                     {"holdout", dataset.holdout.size()},
                     {"dropped", nlohmann::json::array()}};
    for (const data::LineProblem& problem : dataset.dropped) {
        output.report["dropped"].push_back({{"line", problem.line}, {"reason", problem.reason}});
    }
    output.summary =
        fmt::format("{} to train, {} dev, {} calibration, {} held out, {} lines dropped",
                    dataset.train.size(), dataset.dev.size(), dataset.calibration.size(),
                    dataset.holdout.size(), dataset.dropped.size());
    return output;
}

}  // namespace

Result<StepResult> run_label(Session& session, const ScenarioConfig* scenario) {
    StepInput input{"label", scenario->name, {}, {}};
    input.inputs.push_back({"file", CAIRN_TRY(scenario_file_digest(*scenario))});
    if (scenario->kind == ScenarioKind::kStyle) {
        return run_step(session, input, [&] { return label_style(*scenario); });
    }
    input.inputs.push_back({"documents", CAIRN_TRY(stored_output(session, "clean")).digest});
    auto queue = CAIRN_TRY(data::LabelQueue::open(session.store.database()));
    Sha256 decided;
    for (const data::LabelItem& item : CAIRN_TRY(queue.accepted(scenario->name))) {
        decided.field(item.id).field(item.question).field(item.answer).field(item.quote);
    }
    input.inputs.push_back({"labels", decided.hex()});
    return run_step(session, input, [&] { return label_qa(session, *scenario); });
}

}  // namespace cairn::cli
