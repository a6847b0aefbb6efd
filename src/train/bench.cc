// SPDX-License-Identifier: Apache-2.0
// Times whole optimiser steps on random tokens, then one large product as the limit.
#include "cairn/train/bench.h"

#include <algorithm>
#include <vector>

#include "cairn/base/clock.h"
#include "cairn/kernels/kernels.h"
#include "cairn/train/trainer.h"

namespace cairn::train {
namespace {

constexpr std::int64_t kSide = 2048;  // of the large product

Shape pebble_shape() {
    Shape shape;
    shape.layers = 8;
    shape.width = 256;
    shape.heads = 4;
    shape.kv_heads = 2;
    shape.head_width = 64;
    shape.ff_width = 704;
    shape.vocabulary = 8192;
    shape.context = 1024;
    return shape;
}

std::vector<Batch> random_window(const Shape& shape, const TrainBenchOptions& options) {
    Rng rng(1);
    std::vector<Batch> window;
    for (std::int64_t tokens = 0; tokens < options.window_tokens; tokens += options.row_tokens) {
        if (window.empty() || window.back().tokens.size() >= 2048) window.emplace_back();
        std::vector<std::int32_t> row(static_cast<std::size_t>(options.row_tokens));
        for (std::int32_t& id : row) {
            id = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(shape.vocabulary)));
        }
        std::vector<std::int32_t> labels = row;
        std::rotate(labels.begin(), labels.begin() + 1, labels.end());
        window.back().add_segment(row, labels);
    }
    return window;
}

/// The best of several runs of one product that is large enough to hide everything else.
double product_gflops(ThreadPool& pool, Precision precision) {
    std::vector<float> a(kSide * kSide, 0.5F);
    std::vector<float> b(kSide * kSide, 0.25F);
    std::vector<float> c(kSide * kSide);
    const auto product = precision == Precision::kBf16 ? kernels::gemm_bf16 : kernels::gemm_f32;
    double best = 0;
    for (int run = 0; run < 5; ++run) {
        const double start = now_seconds();
        product(&pool, kernels::Op::kNone, kernels::Op::kNone, kSide, kSide, kSide, 1.0F, a.data(),
                kSide, b.data(), kSide, 0.0F, c.data(), kSide);
        const double flops = 2.0 * kSide * kSide * kSide;
        best = std::max(best, flops / (now_seconds() - start) * 1e-9);
    }
    return best;
}

}  // namespace

Result<TrainBench> bench_train(const TrainBenchOptions& options) {
    ThreadPool pool(options.threads);
    const Shape shape = pebble_shape();
    Rng rng(1);
    Trainer trainer(pool, shape, options.precision, initial_weights(shape, rng));
    const std::vector<Batch> window = random_window(shape, options);
    OptimiserOptions optimiser;
    optimiser.steps = 1000;
    optimiser.rate_peak = 2e-4;
    TrainBench result;
    result.threads = pool.size();
    result.loss_first = CAIRN_TRY(trainer.step(window, optimiser)).loss;
    const double start = now_seconds();
    std::int64_t tokens = 0;
    while (tokens == 0 || now_seconds() - start < options.seconds) {
        const StepReport report = CAIRN_TRY(trainer.step(window, optimiser));
        tokens += report.tokens;
        result.loss_last = report.loss;
    }
    result.tokens_per_second = static_cast<double>(tokens) / (now_seconds() - start);
    result.flops_per_token = training_flops_per_token(shape, 1.0, options.row_tokens / 2.0);
    result.gflops = result.tokens_per_second * result.flops_per_token * 1e-9;
    result.product_gflops = product_gflops(pool, options.precision);
    result.share = result.gflops / result.product_gflops;
    return result;
}

}  // namespace cairn::train
