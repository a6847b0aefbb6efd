// SPDX-License-Identifier: Apache-2.0
// Step evaluate: asks the test questions (qa) or compares tuned with base (style), and applies the
// gate.
#include <fmt/format.h>

#include "bundled.h"
#include "cairn/apps/calibrate.h"
#include "cairn/base/hash.h"
#include "cairn/base/html_report.h"
#include "cairn/engine/score.h"
#include "cairn/eval/qa_suite.h"
#include "cairn/eval/style_suite.h"
#include "cairn/operate/releases.h"
#include "datasets.h"
#include "pipeline.h"
#include "serving.h"

namespace cairn::cli {

namespace {

// Weights of the model's opinion beside the lexical evidence: of how it would go on with a quote,
// and of how likely a sentence makes the question.
constexpr double kModelWeights[] = {0.0, 0.1};
constexpr double kReadingWeights[] = {0.1, 0.3};
constexpr int kRepliesShown = 12;  // generated replies per model: enough for a structure share
constexpr int kReplyTokensMax = 220;

std::string gate_name(eval::Verdict verdict) {
    switch (verdict) {
        case eval::Verdict::kPass:
            return "pass";
        case eval::Verdict::kFail:
            return "fail";
        case eval::Verdict::kNotEnoughEvidence:
            break;
    }
    return "not_enough_evidence";
}

/// The report without what the clock decides, so that equal work has an equal digest.
nlohmann::json without_times(const nlohmann::json& value) {
    if (!value.is_structured()) return value;
    nlohmann::json kept = value.is_array() ? nlohmann::json::array() : nlohmann::json::object();
    for (const auto& [key, member] : value.items()) {
        if (value.is_array()) {
            kept.push_back(without_times(member));
        } else if (!key.starts_with("latency")) {
            kept[key] = without_times(member);
        }
    }
    return kept;
}

std::string percent(const eval::Estimate& estimate) {
    return fmt::format("{:.0f} % ({:.0f} to {:.0f})", 100 * estimate.mean,
                       100 * estimate.interval.low, 100 * estimate.interval.high);
}

/// What is said of a scenario that nobody has written a question for.
StepOutput nothing_to_measure(const Session& session, const ScenarioConfig& scenario) {
    StepOutput output;
    const std::string next = "confirm proposed questions with `cairn label work " + scenario.name +
                             "`, or name a file of questions as test = \"...\" in cairn.toml";
    output.report = {{"gate", "not_enough_evidence"},
                     {"settings", apps::to_json(apps::AssistantSettings())},
                     {"questions", 0},
                     {"next", next}};
    HtmlReport page("Evaluation: " + scenario.name, session.config.name);
    page.verdict(Tone::kWarn, "Not enough evidence", "There is no test question yet: " + next);
    output.html = page.html();
    output.summary = "not enough evidence: no test question yet";
    return output;
}

/// The model's opinion in several weights. A model that can chat may also write the quote itself;
/// the bundled demo base cannot, and asking it would only take time.
Result<std::vector<apps::AssistantSettings>> ways_to_answer(Session& session) {
    std::vector<apps::AssistantSettings> ways;
    for (const double weight : kModelWeights) {
        ways.emplace_back();
        ways.back().model_weight = weight;
        if (weight == 0) ways.back().margin_weight = 0;
    }
    const auto scheduler = CAIRN_TRY(session.scheduler());
    if (!scheduler->model()->has_chat()) return ways;
    for (const double weight : kReadingWeights) {
        ways.emplace_back();
        ways.back().model_weight = ways.back().margin_weight = 0;
        ways.back().reading_weight = weight;
    }
    if (session.config.base_model != kBundledBase) {
        ways.emplace_back();
        ways.back().write = true;
    }
    return ways;
}

/// The suite chooses between the ways to answer without looking at what it reports on.
Result<StepOutput> evaluate_qa(Session& session, const ScenarioConfig& scenario,
                               const std::string& index_digest,
                               const std::vector<eval::QaQuestion>& questions) {
    if (questions.empty()) return nothing_to_measure(session, scenario);
    std::vector<apps::AssistantSettings> ways = CAIRN_TRY(ways_to_answer(session));
    // One assistant for all ways: what the embedder makes of the passages is kept between them.
    const auto assistant = CAIRN_TRY(open_assistant(session, index_digest, ways.front()));
    const eval::Ask ask = apps::ask_for_evaluation(*assistant, scenario.sources);
    std::vector<eval::Ask> variants;
    for (apps::AssistantSettings& settings : ways) {
        settings.threshold = 1;  // what a refusal would show is wanted for every question
        variants.push_back([&](const eval::QaQuestion& question) {
            assistant->set_settings(settings);
            return ask(question);
        });
    }
    eval::QaOptions options;
    options.gate = scenario.gate;
    Progress progress(session.progress, "evaluate " + scenario.name,
                      static_cast<std::int64_t>(questions.size() * variants.size()), "questions");
    const eval::QaReport report =
        CAIRN_TRY(eval::run_qa_suite(questions, variants, options, &progress));
    progress.finish();
    apps::AssistantSettings settings = ways.at(static_cast<std::size_t>(report.variant));
    settings.threshold = report.threshold;
    StepOutput output;
    output.report = eval::to_json(report);
    output.report["gate"] = gate_name(report.gate.verdict());
    output.report["settings"] = apps::to_json(settings);
    output.html = eval::to_html(report, scenario.name, session.config.name);
    output.summary = fmt::format("{}: wrong {}, right {}, recall@5 {}",
                                 eval::verdict_name(report.gate.verdict()), percent(report.wrong),
                                 percent(report.right), percent(report.recall_at_5));
    return output;
}

Result<double> reply_loss(const engine::Model& model,
                          const std::shared_ptr<const engine::Model>& shared,
                          const engine::Adapter* adapter, const eval::StyleExample& example) {
    const text::ChatMessage messages[] = {{"user", example.prompt}, {"assistant", example.reply}};
    const text::RenderedChat chat =
        CAIRN_TRY(text::render_chat(model.tokenizer(), messages, false));
    const std::vector<float> logprobs =
        CAIRN_TRY(engine::token_logprobs(shared, adapter, chat.ids));
    double sum = 0;
    int count = 0;
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
        if (chat.trainable[i + 1] == 0) continue;
        sum -= logprobs[i];
        ++count;
    }
    if (count == 0)
        return make_error(Code::kInvalid, "example " + example.id + " has an empty reply");
    return sum / count;
}

eval::StyleModel style_model(const std::shared_ptr<engine::Scheduler>& scheduler,
                             std::shared_ptr<const engine::Adapter> adapter) {
    eval::StyleModel model;
    model.loss = [scheduler, adapter](const eval::StyleExample& example) {
        return reply_loss(*scheduler->model(), scheduler->model(), adapter.get(), example);
    };
    auto made = std::make_shared<int>(0);
    model.reply = [scheduler, adapter,
                   made](const eval::StyleExample& example) -> Result<std::string> {
        if (++*made > kRepliesShown) return std::string();
        const text::ChatMessage messages[] = {{"user", example.prompt}};
        engine::GenerateRequest request;
        request.prompt =
            CAIRN_TRY(text::render_chat(scheduler->model()->tokenizer(), messages, true)).ids;
        request.max_tokens = kReplyTokensMax;
        request.adapter = adapter;
        return CAIRN_TRY(scheduler->generate(std::move(request))).text;
    };
    return model;
}

Result<StepOutput> evaluate_style(Session& session, const ScenarioConfig& scenario,
                                  const std::string& adapter_digest) {
    auto scheduler = CAIRN_TRY(session.scheduler());
    const auto adapter = CAIRN_TRY(load_adapter(session, adapter_digest, *scheduler->model()));
    const StyleData data = CAIRN_TRY(load_style_data(scenario));
    Progress progress(session.progress, "evaluate " + scenario.name,
                      static_cast<std::int64_t>(data.held_out.size()), "examples");
    const eval::StyleReport report = CAIRN_TRY(
        eval::run_style_suite(data.training, data.held_out, style_model(scheduler, nullptr),
                              style_model(scheduler, adapter), scenario.gate, &progress));
    progress.finish();
    StepOutput output;
    output.report = eval::to_json(report);
    output.report["gate"] = gate_name(report.gate.verdict());
    output.report["settings"] = nlohmann::json::object();
    output.html = eval::to_html(report, scenario.name, session.config.name);
    output.summary = fmt::format("{}: loss {:.2f} -> {:.2f} nats a token, structure {} -> {}",
                                 eval::verdict_name(report.gate.verdict()), report.base_loss.mean,
                                 report.tuned_loss.mean, percent(report.base_structure),
                                 percent(report.tuned_structure));
    return output;
}

}  // namespace

Result<StepResult> run_evaluate(Session& session, const ScenarioConfig* scenario) {
    StepInput input{"evaluate", scenario->name, {}, {}};
    input.inputs.push_back({"base_model", CAIRN_TRY(session.base_model_digest())});
    input.parameters = {{"wrong_max", scenario->gate.wrong_max},
                        {"recall_min", scenario->gate.recall_min},
                        {"improvement_min", scenario->gate.improvement_min}};
    if (scenario->kind == ScenarioKind::kQa) input.parameters["evidence"] = apps::kEvidenceVersion;
    std::function<Result<StepOutput>()> work;
    if (scenario->kind == ScenarioKind::kQa) {
        const std::string index = CAIRN_TRY(stored_output(session, "index")).digest;
        input.inputs.push_back({"index", index});
        const auto label = CAIRN_TRY(stored_output(session, "label", scenario->name));
        input.inputs.push_back({"dataset", label.digest});
        work = [&session, scenario, index]() -> Result<StepOutput> {
            StepOutput output = CAIRN_TRY(evaluate_qa(
                session, *scenario, index, CAIRN_TRY(load_questions(session, *scenario))));
            output.report["index"] = index;  // what was measured is what is released
            return output;
        };
    } else {
        const std::string adapter =
            CAIRN_TRY(stored_output(session, "tune", scenario->name)).digest;
        input.inputs.push_back({"adapter", adapter});
        input.inputs.push_back(
            {"dataset", CAIRN_TRY(stored_output(session, "label", scenario->name)).digest});
        work = [&session, scenario, adapter] {
            return evaluate_style(session, *scenario, adapter);
        };
    }
    return run_step(session, input, [&]() -> Result<StepOutput> {
        StepOutput output = CAIRN_TRY(work());
        output.digest = sha256_hex(without_times(output.report).dump());
        return output;
    });
}

}  // namespace cairn::cli
