// SPDX-License-Identifier: Apache-2.0
// The loop: window of rows, step, log line, now and then a checkpoint.
#include "cairn/train/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/text/json.h"
#include "cairn/train/checkpoint.h"

namespace cairn::train {
namespace {

nlohmann::json to_json(const StagePoint& point) {
    return {{"step", point.step}, {"tokens", point.tokens},      {"loss", point.loss},
            {"rate", point.rate}, {"norm", point.gradient_norm}, {"seconds", point.seconds}};
}

std::string write_notes(const StageResult& result) {
    nlohmann::json curve = nlohmann::json::array();
    for (const StagePoint& point : result.curve)
        curve.push_back(to_json(point));
    return text::dump_json(
        {{"curve", curve}, {"tokens", result.tokens}, {"seconds", result.seconds}});
}

Status read_notes(const std::string& notes, StageResult& result) {
    const nlohmann::json json = CAIRN_TRY(text::parse_json(notes));
    result.tokens = CAIRN_TRY(text::get_int(json, "tokens"));
    result.seconds = CAIRN_TRY(text::get_double(json, "seconds"));
    for (const auto& item : json.value("curve", nlohmann::json::array())) {
        StagePoint point;
        point.step = CAIRN_TRY(text::get_int(item, "step"));
        point.tokens = CAIRN_TRY(text::get_int(item, "tokens"));
        point.loss = CAIRN_TRY(text::get_double(item, "loss"));
        point.rate = CAIRN_TRY(text::get_double(item, "rate"));
        point.gradient_norm = CAIRN_TRY(text::get_double(item, "norm"));
        point.seconds = CAIRN_TRY(text::get_double(item, "seconds"));
        result.curve.push_back(point);
    }
    return {};
}

Status save(const Trainer& trainer, const StageOptions& options, const std::string& run,
            const StepPlan& plan, const StageResult& result) {
    Checkpoint checkpoint;
    checkpoint.run = run;
    checkpoint.step = trainer.steps_done();
    checkpoint.position = plan.step_starts[static_cast<std::size_t>(trainer.steps_done())];
    checkpoint.rng = Rng(options.seed).state();
    checkpoint.notes = write_notes(result);
    checkpoint.arrays = {{"weights", trainer.weights()},
                         {"m", trainer.first_moments()},
                         {"v", trainer.second_moments()}};
    return save_checkpoint(options.folder, checkpoint);
}

Status resume(Trainer& trainer, const StageOptions& options, const std::string& run,
              StageResult& result) {
    std::optional<Checkpoint> found = CAIRN_TRY(load_checkpoint(options.folder, run));
    if (!found) return {};
    CAIRN_TRY(read_notes(found->notes, result));
    return trainer.restore(found->step, std::move(found->arrays["weights"]),
                           std::move(found->arrays["m"]), std::move(found->arrays["v"]));
}

std::vector<Batch> make_window(const RowSource& source, const StepPlan& plan, std::int64_t step,
                               const StageOptions& options) {
    std::vector<Batch> window;
    const auto at = static_cast<std::size_t>(step);
    for (std::int64_t i = plan.step_starts[at]; i < plan.step_starts[at + 1]; ++i) {
        const bool full = window.empty() || static_cast<int>(window.back().tokens.size()) >=
                                                options.micro_batch_tokens;
        if (full) window.emplace_back();
        source.add(window.back(), plan.rows[static_cast<std::size_t>(i)]);
    }
    return window;
}

double tail_mean(const std::vector<StagePoint>& curve) {
    const std::size_t count = std::max<std::size_t>(1, curve.size() / 10);
    if (curve.empty()) return 0;
    double sum = 0;
    for (std::size_t i = curve.size() - count; i < curve.size(); ++i)
        sum += curve[i].loss;
    return sum / static_cast<double>(count);
}

}  // namespace

StepPlan plan_steps(const StageRecipe& stage, std::int64_t rows_there, std::uint64_t seed) {
    StepPlan plan;
    if (rows_there <= 0) return plan;
    const std::int64_t wanted = std::max<std::int64_t>(1, stage.tokens / stage.row_tokens);
    Rng rng(seed);
    std::vector<std::int64_t> pass(static_cast<std::size_t>(rows_there));
    while (static_cast<std::int64_t>(plan.rows.size()) < wanted) {
        std::iota(pass.begin(), pass.end(), 0);
        rng.shuffle(pass);
        const auto left = static_cast<std::size_t>(wanted) - plan.rows.size();
        plan.rows.insert(plan.rows.end(), pass.begin(),
                         pass.begin() + static_cast<std::ptrdiff_t>(std::min(left, pass.size())));
    }
    for (std::int64_t row = 0; row < wanted;) {
        plan.step_starts.push_back(row);
        const double part = stage.ramp_tokens > 0
                                ? std::min(1.0, static_cast<double>(row * stage.row_tokens) /
                                                    static_cast<double>(stage.ramp_tokens))
                                : 1.0;
        const auto growth = static_cast<double>(stage.batch_tokens - stage.batch_tokens_first);
        const auto tokens = stage.batch_tokens_first + static_cast<std::int64_t>(part * growth);
        row += std::max<std::int64_t>(1, tokens / stage.row_tokens);
    }
    plan.step_starts.push_back(wanted);
    return plan;
}

Result<StageResult> run_stage(Trainer& trainer, const RowSource& source, const StageRecipe& stage,
                              const StageOptions& options) {
    const StepPlan plan = plan_steps(stage, source.rows, options.seed);
    if (plan.rows.empty()) return make_error(Code::kInvalid, "expected training data, found none");
    OptimiserOptions optimiser = stage.optimiser;
    optimiser.steps = plan.steps();
    StageResult result;
    const std::string run = Sha256()
                                .field(options.name)
                                .field(source.digest)
                                .field(std::to_string(options.seed))
                                .field(std::to_string(optimiser.rate_peak))
                                .hex();
    CAIRN_TRY(make_folders(options.folder));
    CAIRN_TRY(resume(trainer, options, run, result));
    if (trainer.steps_done() > plan.steps()) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a checkpoint of at most {} steps, found {}",
                                      plan.steps(), trainer.steps_done()),
                          "plan more tokens, or use another work folder");
    }
    const double before = result.seconds;
    const double start = now_seconds();
    double saved = start;
    Progress progress(options.sink ? options.sink : silent_progress(), options.name, stage.tokens,
                      "tokens");
    progress.resume(result.tokens);
    std::ofstream log(options.folder / "log.jsonl", std::ios::app);
    for (std::int64_t done = 0; trainer.steps_done() < plan.steps(); ++done) {
        const bool stop = interrupted() || done == options.stop_after_steps;
        if (stop || now_seconds() - saved > options.checkpoint_seconds) {
            CAIRN_TRY(save(trainer, options, run, plan, result));
            saved = now_seconds();
        }
        if (stop) {
            return make_error(
                Code::kCancelled,
                fmt::format("stopped at step {} of {}", trainer.steps_done(), plan.steps()),
                "run the same command to go on");
        }
        const std::int64_t step = trainer.steps_done();
        const std::vector<Batch> window = make_window(source, plan, step, options);
        const StepReport report = CAIRN_TRY(trainer.step(window, optimiser));
        result.tokens += report.tokens;
        result.seconds = before + now_seconds() - start;
        result.curve.push_back(
            {step, result.tokens, report.loss, report.rate, report.gradient_norm, result.seconds});
        log << text::dump_json(to_json(result.curve.back())) << "\n" << std::flush;
        progress.set(result.tokens, fmt::format("loss {:.3f}", report.loss));
    }
    result.steps = trainer.steps_done();
    result.last_loss = tail_mean(result.curve);
    CAIRN_TRY(save(trainer, options, run, plan, result));
    progress.finish();
    return result;
}

}  // namespace cairn::train
