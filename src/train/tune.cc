// SPDX-License-Identifier: Apache-2.0
// One run: rows, plan, steps with evaluations between them; what is best on dev is written.
#include "cairn/train/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/format/adapter.h"
#include "cairn/text/json.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/export.h"
#include "cairn/train/packing.h"
#include "cairn/train/stage.h"
#include "cairn/train/trainer.h"

namespace cairn::train {
namespace {

namespace fs = std::filesystem;

// Memory grows with a row times the vocabulary, and models know far longer contexts than examples
// have: several examples share a row of this length, and a longer one gets a row of its own.
constexpr std::size_t kRowTokens = 1024;

struct Rows {
    std::vector<Segment> segments;
    std::vector<std::vector<std::int32_t>> packed;

    Batch batch(std::int64_t row) const {
        Batch batch;
        for (std::int32_t item : packed[static_cast<std::size_t>(row)]) {
            const Segment& segment = segments[static_cast<std::size_t>(item)];
            batch.add_segment(segment.tokens, segment.labels);
        }
        return batch;
    }
};

Result<Rows> make_rows(std::span<const text::RenderedChat> examples, int context,
                       std::string_view what) {
    Rows rows;
    std::vector<std::int64_t> lengths;
    for (std::size_t i = 0; i < examples.size(); ++i) {
        Result<Segment> segment = to_segment(examples[i], context);
        if (!segment) {
            return segment.error().with_context(fmt::format("{} example {}", what, i + 1));
        }
        lengths.push_back(static_cast<std::int64_t>(segment->tokens.size()));
        rows.segments.push_back(std::move(*segment));
    }
    rows.packed = pack_best_fit(lengths, context);
    return rows;
}

/// Everything of one run that checkpoints carry along.
struct Run {
    const TuneOptions& options;
    LoadedBase base;
    LoraShape lora;
    Rows train;
    std::vector<Batch> dev;
    StepPlan plan;
    OptimiserOptions optimiser;
    std::string id;
    TuneResult result;
    std::vector<float> best;
    double loss_sum = 0;  // since the last point
    std::int64_t loss_count = 0;
};

std::string run_id(const Run& run) {
    Sha256 hash;
    const TuneOptions& o = run.options;
    hash.field("tune 1").field(run.base.digest);
    hash.field(fmt::format("{} {} {} {} {} {} {} {} {} {}", o.rank, o.alpha, o.rate, o.epochs,
                           o.seed, o.batch_tokens, o.warmup_share, o.evaluations, o.patience,
                           static_cast<int>(o.precision)));
    for (const Segment& segment : run.train.segments) {
        hash.field({reinterpret_cast<const char*>(segment.tokens.data()),
                    segment.tokens.size() * sizeof(std::int32_t)});
        hash.field({reinterpret_cast<const char*>(segment.labels.data()),
                    segment.labels.size() * sizeof(std::int32_t)});
    }
    for (const Batch& batch : run.dev) {
        hash.field({reinterpret_cast<const char*>(batch.tokens.data()),
                    batch.tokens.size() * sizeof(std::int32_t)});
    }
    return hash.hex();
}

std::string write_notes(const Run& run) {
    nlohmann::json curve = nlohmann::json::array();
    for (const TunePoint& point : run.result.curve) {
        curve.push_back({point.step, point.train_loss, point.dev_loss});
    }
    return text::dump_json({{"curve", curve},
                            {"best_step", run.result.best_step},
                            {"tokens", run.result.tokens},
                            {"seconds", run.result.seconds},
                            {"loss_sum", run.loss_sum},
                            {"loss_count", run.loss_count}});
}

Status read_notes(const std::string& notes, Run& run) {
    const nlohmann::json json = CAIRN_TRY(text::parse_json(notes));
    run.result.best_step = CAIRN_TRY(text::get_int(json, "best_step"));
    run.result.tokens = CAIRN_TRY(text::get_int(json, "tokens"));
    run.result.seconds = CAIRN_TRY(text::get_double(json, "seconds"));
    run.loss_sum = CAIRN_TRY(text::get_double(json, "loss_sum"));
    run.loss_count = CAIRN_TRY(text::get_int(json, "loss_count"));
    run.result.curve.clear();
    for (const auto& point : json.value("curve", nlohmann::json::array())) {
        if (!point.is_array() || point.size() != 3) continue;
        run.result.curve.push_back(
            {point[0].get<std::int64_t>(), point[1].get<double>(), point[2].get<double>()});
    }
    return {};
}

Status save(const Trainer& trainer, const fs::path& folder, const Run& run) {
    Checkpoint checkpoint;
    checkpoint.run = run.id;
    checkpoint.step = trainer.steps_done();
    checkpoint.position = run.plan.step_starts[static_cast<std::size_t>(trainer.steps_done())];
    checkpoint.rng = Rng(run.options.seed).state();
    checkpoint.notes = write_notes(run);
    checkpoint.arrays = {{"weights", trainer.weights()},
                         {"m", trainer.first_moments()},
                         {"v", trainer.second_moments()},
                         {"best", run.best}};
    return save_checkpoint(folder, checkpoint);
}

/// True when a checkpoint was there.
Result<bool> resume(Trainer& trainer, const fs::path& folder, Run& run) {
    std::optional<Checkpoint> found = CAIRN_TRY(load_checkpoint(folder, run.id));
    if (!found) return false;
    CAIRN_TRY(read_notes(found->notes, run));
    run.best = std::move(found->arrays["best"]);
    CAIRN_TRY(trainer.restore(found->step, std::move(found->arrays["weights"]),
                              std::move(found->arrays["m"]), std::move(found->arrays["v"])));
    return true;
}

/// Adds a point to the curve; keeps the weights when they are the best so far.
Status evaluate(Trainer& trainer, Run& run) {
    TunePoint point;
    point.step = trainer.steps_done();
    point.dev_loss = CAIRN_TRY(trainer.evaluate(run.dev));
    if (run.loss_count > 0) point.train_loss = run.loss_sum / static_cast<double>(run.loss_count);
    run.loss_sum = 0;
    run.loss_count = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (const TunePoint& before : run.result.curve)
        lowest = std::min(lowest, before.dev_loss);
    run.result.curve.push_back(point);
    if (point.dev_loss < lowest) {
        run.result.best_step = point.step;
        run.best = trainer.weights();
    }
    return {};
}

bool patience_is_over(const Run& run) {
    const auto after =
        std::count_if(run.result.curve.begin(), run.result.curve.end(),
                      [&](const TunePoint& point) { return point.step > run.result.best_step; });
    return after >= run.options.patience;
}

Result<StepReport> one_step(Trainer& trainer, Run& run) {
    const auto step = static_cast<std::size_t>(trainer.steps_done());
    std::vector<Batch> window;
    for (std::int64_t i = run.plan.step_starts[step]; i < run.plan.step_starts[step + 1]; ++i) {
        window.push_back(run.train.batch(run.plan.rows[static_cast<std::size_t>(i)]));
    }
    return trainer.step(window, run.optimiser);
}

Status train(Trainer& trainer, Run& run, const ProgressSink& sink, const fs::path& folder) {
    const bool resumed = CAIRN_TRY(resume(trainer, folder, run));
    if (!resumed) CAIRN_TRY(evaluate(trainer, run));
    const std::int64_t every =
        std::max<std::int64_t>(1, run.plan.steps() / std::max(1, run.options.evaluations));
    Progress progress(sink ? sink : silent_progress(), "tune", run.plan.steps(), "steps");
    progress.resume(trainer.steps_done());
    const double before = run.result.seconds;
    const double start = now_seconds();
    double saved = start;
    while (trainer.steps_done() < run.plan.steps() && !patience_is_over(run)) {
        run.result.seconds = before + now_seconds() - start;
        if (interrupted() || now_seconds() - saved > run.options.checkpoint_seconds) {
            CAIRN_TRY(save(trainer, folder, run));
            saved = now_seconds();
        }
        if (interrupted()) {
            return make_error(
                Code::kCancelled,
                fmt::format("stopped at step {} of {}", trainer.steps_done(), run.plan.steps()),
                "run the same command to go on");
        }
        const StepReport report = CAIRN_TRY(one_step(trainer, run));
        run.result.tokens += report.tokens;
        run.loss_sum += report.loss;
        ++run.loss_count;
        const bool last = trainer.steps_done() == run.plan.steps();
        if (last || trainer.steps_done() % every == 0) CAIRN_TRY(evaluate(trainer, run));
        progress.set(trainer.steps_done(), fmt::format("loss {:.3f}", report.loss));
    }
    run.result.seconds = before + now_seconds() - start;
    progress.finish();
    return save(trainer, folder, run);
}

format::Adapter to_adapter(const Run& run) {
    format::Adapter adapter;
    adapter.alpha = static_cast<float>(run.options.alpha);
    adapter.notes["cairn.base.sha256"] = run.base.digest;
    const Layout layout = lora_layout(run.base.shape, run.lora);
    for (std::size_t i = 0; i + 1 < layout.tensors.size(); i += 2) {
        const TensorPlace& a = layout.tensors[i];
        const TensorPlace& b = layout.tensors[i + 1];
        format::LoraPair pair;
        pair.target = a.name.substr(0, a.name.size() - std::string_view(".lora_a").size());
        pair.rank = run.lora.rank;
        pair.inputs = static_cast<int>(a.columns);
        pair.outputs = static_cast<int>(b.rows);
        pair.a.assign(run.best.begin() + a.offset, run.best.begin() + a.offset + a.size());
        pair.b.assign(run.best.begin() + b.offset, run.best.begin() + b.offset + b.size());
        adapter.pairs.push_back(std::move(pair));
    }
    return adapter;
}

struct Split {
    std::vector<text::RenderedChat> train;
    std::vector<text::RenderedChat> dev;
};

/// A seeded share of the examples becomes dev, at least one of them.
Split split_dev(std::span<const text::RenderedChat> examples, const TuneOptions& options) {
    std::vector<std::size_t> order(examples.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    Rng rng(options.seed);
    rng.shuffle(order);
    const auto wanted = static_cast<std::size_t>(
        std::max(1.0, options.dev_share * static_cast<double>(examples.size())));
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted));
    Split split;
    for (std::size_t i = 0; i < examples.size(); ++i) {
        const bool is_dev = std::binary_search(
            order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted), i);
        (is_dev ? split.dev : split.train).push_back(examples[i]);
    }
    return split;
}

int row_length(int context, std::span<const text::RenderedChat> examples,
               std::span<const text::RenderedChat> dev) {
    std::size_t longest = kRowTokens;
    for (const auto part : {examples, dev}) {
        for (const text::RenderedChat& example : part)
            longest = std::max(longest, example.ids.size());
    }
    return static_cast<int>(std::min(longest, static_cast<std::size_t>(context)));
}

Status prepare(Run& run, std::span<const text::RenderedChat> examples,
               std::span<const text::RenderedChat> dev) {
    const int row_tokens = row_length(run.base.shape.context, examples, dev);
    run.train = CAIRN_TRY(make_rows(examples, row_tokens, "training"));
    const Rows dev_rows = CAIRN_TRY(make_rows(dev, row_tokens, "dev"));
    for (std::size_t i = 0; i < dev_rows.packed.size(); ++i) {
        run.dev.push_back(dev_rows.batch(static_cast<std::int64_t>(i)));
    }
    const auto rows = static_cast<std::int64_t>(run.train.packed.size());
    StageRecipe stage;
    stage.row_tokens = row_tokens;
    stage.tokens = rows * run.options.epochs * row_tokens;
    stage.batch_tokens = std::max(row_tokens, run.options.batch_tokens);
    stage.batch_tokens_first = stage.batch_tokens;
    run.plan = plan_steps(stage, rows, run.options.seed);
    run.optimiser.rate_peak = run.options.rate;
    run.optimiser.beta2 = 0.999;
    run.optimiser.decay = 0;
    run.optimiser.steps = run.plan.steps();
    run.optimiser.warmup_steps = static_cast<std::int64_t>(
        run.options.warmup_share * static_cast<double>(run.plan.steps()) + 0.999);
    run.result.examples = static_cast<std::int64_t>(examples.size());
    run.result.dev_examples = static_cast<std::int64_t>(dev.size());
    run.result.base_digest = run.base.digest;
    run.id = run_id(run);
    return {};
}

}  // namespace

Result<TuneResult> tune_lora(const fs::path& base, std::span<const text::RenderedChat> examples,
                             std::span<const text::RenderedChat> dev, const TuneOptions& options,
                             const ProgressSink& sink, const fs::path& folder,
                             const fs::path& output) {
    if (examples.size() < 2 || options.rank < 1 || options.epochs < 1) {
        return make_error(Code::kInvalid,
                          fmt::format("expected at least 2 examples, rank 1 and 1 epoch, found {}, "
                                      "{} and {}",
                                      examples.size(), options.rank, options.epochs));
    }
    Split split;
    if (dev.empty()) {
        split = split_dev(examples, options);
        examples = split.train;
        dev = split.dev;
    }
    Run run{options, CAIRN_TRY(load_base(base)), {options.rank, options.alpha}};
    CAIRN_TRY(prepare(run, examples, dev));
    ThreadPool pool(options.threads);
    Rng rng(options.seed);
    Trainer trainer(pool, run.base.shape, options.precision, run.lora, run.base.weights,
                    initial_adapter(run.base.shape, run.lora, rng));
    CAIRN_TRY(train(trainer, run, sink, folder));
    CAIRN_TRY(format::write_adapter(output, to_adapter(run)));
    run.result.steps = trainer.steps_done();
    run.result.dev_loss_base = run.result.curve.front().dev_loss;
    run.result.dev_loss_best = run.result.dev_loss_base;
    for (const TunePoint& point : run.result.curve) {
        run.result.dev_loss_best = std::min(run.result.dev_loss_best, point.dev_loss);
    }
    run.result.adapter_digest = sha256_hex(CAIRN_TRY(read_file(output, limits::kGiB)));
    return std::move(run.result);
}

}  // namespace cairn::train
