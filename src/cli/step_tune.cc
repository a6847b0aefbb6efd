// SPDX-License-Identifier: Apache-2.0
// Step tune: a LoRA adapter for a style scenario, from its training examples, kept as a blob.
#include <fmt/format.h>

#include "cairn/base/files.h"
#include "cairn/base/html_report.h"
#include "cairn/base/limits.h"
#include "cairn/train/tune.h"
#include "datasets.h"
#include "pipeline.h"

namespace cairn::cli {

namespace {

/// Examples as token ids; those longer than the context are left out and counted.
Result<std::vector<text::RenderedChat>> render(const engine::Model& model,
                                               const std::vector<data::Example>& examples,
                                               int& too_long) {
    std::vector<text::RenderedChat> chats;
    for (const data::Example& example : examples) {
        auto chat = CAIRN_TRY(text::render_chat(model.tokenizer(), example.messages, false));
        if (static_cast<std::int64_t>(chat.ids.size()) > model.config().context) {
            ++too_long;
            continue;
        }
        chats.push_back(std::move(chat));
    }
    return chats;
}

std::string loss_page(const Session& session, const ScenarioConfig& scenario,
                      const train::TuneResult& result) {
    HtmlReport page("Tuning: " + scenario.name, session.config.name);
    page.verdict(
        result.dev_loss_best < result.dev_loss_base ? Tone::kGood : Tone::kBad,
        fmt::format("Dev loss {:.3f} -> {:.3f} nats a token", result.dev_loss_base,
                    result.dev_loss_best),
        fmt::format("{} examples, {} steps, {} tokens in {}; the adapter of step {} was kept",
                    result.examples, result.steps, result.tokens, human_seconds(result.seconds),
                    result.best_step));
    ReportSeries train{"train", {}};
    ReportSeries dev{"dev", {}};
    for (const train::TunePoint& point : result.curve) {
        const auto step = static_cast<double>(point.step);
        if (point.step > 0) train.points.emplace_back(step, point.train_loss);
        dev.points.emplace_back(step, point.dev_loss);
    }
    const std::vector<ReportSeries> series = {train, dev};
    page.lines("Loss", "step", "nats a token", series);
    return page.html();
}

Result<StepOutput> tune(Session& session, const ScenarioConfig& scenario,
                        const train::TuneOptions& options, const std::string& input_digest) {
    const data::ExampleDataset dataset = CAIRN_TRY(load_dataset(scenario));
    const auto scheduler = CAIRN_TRY(session.scheduler());
    int too_long = 0;
    const auto chats = CAIRN_TRY(render(*scheduler->model(), dataset.train, too_long));
    const auto dev = CAIRN_TRY(render(*scheduler->model(), dataset.dev, too_long));
    // Named by its input, so that a killed run finds its checkpoints and another one does not.
    const auto folder = session.store.folder() / "tune" / input_digest.substr(0, 16);
    CAIRN_TRY(make_folders(folder));
    const auto file = folder / "adapter.gguf";
    const train::TuneResult result = CAIRN_TRY(train::tune_lora(
        CAIRN_TRY(session.base_model_path()), chats, dev, options, session.progress, folder, file));
    StepOutput output;
    output.digest = CAIRN_TRY(session.store.blobs().put(CAIRN_TRY(read_file(file, limits::kGiB))));
    output.report = {{"examples", result.examples},
                     {"dev_examples", result.dev_examples},
                     {"too_long", too_long},
                     {"steps", result.steps},
                     {"best_step", result.best_step},
                     {"tokens", result.tokens},
                     {"seconds", result.seconds},
                     {"dev_loss_base", result.dev_loss_base},
                     {"dev_loss_best", result.dev_loss_best}};
    output.html = loss_page(session, scenario, result);
    output.summary = fmt::format("{} examples, dev loss {:.2f} -> {:.2f}", result.examples,
                                 result.dev_loss_base, result.dev_loss_best);
    return output;
}

}  // namespace

Result<StepResult> run_tune(Session& session, const ScenarioConfig* scenario) {
    const TuneConfig& config = session.config.tune;
    train::TuneOptions options;
    options.rank = config.rank;
    options.alpha = config.alpha;
    options.rate = config.learning_rate;
    options.epochs = config.epochs;
    options.seed = config.seed;
    options.threads = session.threads;
    StepInput input{"tune", scenario->name, {}, {}};
    input.parameters = {{"rank", config.rank},
                        {"alpha", config.alpha},
                        {"learning_rate", config.learning_rate},
                        {"epochs", config.epochs},
                        {"seed", config.seed}};
    input.inputs = {{"base_model", CAIRN_TRY(session.base_model_digest())},
                    {"dataset", CAIRN_TRY(stored_output(session, "label", scenario->name)).digest}};
    auto result =
        run_step(session, input, [&] { return tune(session, *scenario, options, input.digest()); });
    if (result) {
        // The adapter is a blob now; the checkpoints have served.
        std::error_code ignored;
        std::filesystem::remove_all(session.store.folder() / "tune" / input.digest().substr(0, 16),
                                    ignored);
    }
    return result;
}

}  // namespace cairn::cli
