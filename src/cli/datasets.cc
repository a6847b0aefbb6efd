// SPDX-License-Identifier: Apache-2.0
// Reads questions and examples: see datasets.h.
#include "datasets.h"

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/data/label.h"

namespace cairn::cli {

namespace {

std::vector<eval::StyleExample> to_style(const std::vector<data::Example>& examples) {
    std::vector<eval::StyleExample> style;
    for (const data::Example& example : examples) {
        style.push_back({example.id, example.prompt(), example.reply()});
    }
    return style;
}

}  // namespace

Result<std::vector<eval::QaQuestion>> load_questions(Session& session,
                                                     const ScenarioConfig& scenario) {
    std::vector<eval::QaQuestion> questions;
    if (!scenario.test.empty()) questions = CAIRN_TRY(eval::read_questions(scenario.test));
    auto queue = CAIRN_TRY(data::LabelQueue::open(session.store.database()));
    for (const data::LabelItem& item : CAIRN_TRY(queue.accepted(scenario.name))) {
        questions.push_back(
            {item.id, item.question, item.answerable, item.answer, item.quote, item.document});
    }
    return questions;
}

Result<data::ExampleDataset> load_dataset(const ScenarioConfig& scenario) {
    if (scenario.examples.empty()) {
        return make_error(Code::kInvalid, "scenario '" + scenario.name + "' has no examples",
                          "give it examples = \"FILE.jsonl\" in cairn.toml");
    }
    return data::make_dataset(CAIRN_TRY(data::read_examples(scenario.examples)));
}

Result<StyleData> load_style_data(const ScenarioConfig& scenario) {
    const data::ExampleDataset dataset = CAIRN_TRY(load_dataset(scenario));
    return StyleData{to_style(dataset.train), to_style(dataset.holdout)};
}

data::CleanOptions clean_options(const WorkspaceConfig& config) {
    data::CleanOptions options;
    options.contacts.keep = config.clean.keep;
    options.contacts.roles = !config.clean.mask_role_addresses;
    options.names = config.clean.mask_names;
    return options;
}

Result<std::string> scenario_file_digest(const ScenarioConfig& scenario) {
    const auto& path = scenario.kind == ScenarioKind::kQa ? scenario.test : scenario.examples;
    if (path.empty()) return std::string();
    return sha256_hex(CAIRN_TRY(read_file(path, limits::kGiB)));
}

}  // namespace cairn::cli
