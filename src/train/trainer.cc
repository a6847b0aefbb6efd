// SPDX-License-Identifier: Apache-2.0
// Determinism: micro-batch i adds to gradient buffer i % buffers in order, each buffer belongs to
// one thread at a time, and buffers are added in order. The number of threads changes nothing.
#include "cairn/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>

#include "muon.h"
#include "ops.h"

namespace cairn::train {
namespace {

constexpr std::size_t kBuffersMax = 8;
constexpr std::size_t kChunk = 1 << 16;  // of flat loops over all weights

}  // namespace

double rate_at(const OptimiserOptions& options, std::int64_t step) {
    if (step < options.warmup_steps) {
        return options.rate_peak * static_cast<double>(step + 1) /
               static_cast<double>(options.warmup_steps);
    }
    const auto span =
        static_cast<double>(std::max<std::int64_t>(1, options.steps - options.warmup_steps));
    const double part = std::min(1.0, static_cast<double>(step - options.warmup_steps) / span);
    if (options.cooldown > 0) {
        const double left = std::min(1.0, (1.0 - part) / options.cooldown);
        return options.rate_peak * (options.rate_floor + (1.0 - options.rate_floor) * left);
    }
    const double wave = 0.5 * (1.0 + std::cos(std::numbers::pi * part));
    return options.rate_peak * (options.rate_floor + (1.0 - options.rate_floor) * wave);
}

struct Trainer::State {
    ThreadPool& pool;
    Shape shape;
    LoraShape lora;
    Precision precision;
    std::span<const float> base;  // frozen; empty when all weights are trained
    Layout layout;
    std::vector<float> weights, first, second, gradients;
    std::int64_t steps_done = 0;
    std::vector<std::vector<float>> buffers;
    std::mutex graphs_mutex;
    std::vector<std::unique_ptr<Graph<float>>> idle_graphs;  // as many as ever ran at once

    State(ThreadPool& p, const Shape& s, const LoraShape& l, Precision kind,
          std::span<const float> frozen)
        : pool(p), shape(s), lora(l), precision(kind), base(frozen) {}
    bool adapter() const { return lora.rank > 0; }
    double run(const Batch& batch, float* to, double scale) {
        std::unique_ptr<Graph<float>> graph = take_graph();
        const double loss = graph->run(batch, adapter() ? base.data() : weights.data(),
                                       adapter() ? weights.data() : nullptr, to, scale);
        const std::lock_guard lock(graphs_mutex);
        idle_graphs.push_back(std::move(graph));
        return loss;
    }
    std::unique_ptr<Graph<float>> take_graph() {
        const std::lock_guard lock(graphs_mutex);
        if (idle_graphs.empty()) return std::make_unique<Graph<float>>(shape, lora, precision);
        std::unique_ptr<Graph<float>> graph = std::move(idle_graphs.back());
        idle_graphs.pop_back();
        return graph;
    }
    void prepare(std::size_t lanes);
    double gather(std::size_t lanes);
    void update(const OptimiserOptions& options, double norm);
};

void Trainer::State::prepare(std::size_t lanes) {
    while (buffers.size() < lanes)
        buffers.emplace_back(weights.size());
}

/// Adds the buffers into `gradients` in order; returns the norm.
double Trainer::State::gather(std::size_t lanes) {
    const Ops<float>& ops = ops_for(float{});
    const std::size_t chunks = (weights.size() + kChunk - 1) / kChunk;
    std::vector<double> squares(chunks);
    pool.parallel_for(chunks, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t c = begin; c < end; ++c) {
            const std::size_t at = c * kChunk;
            const std::size_t size = std::min(kChunk, weights.size() - at);
            std::copy_n(buffers[0].data() + at, size, gradients.data() + at);
            for (std::size_t lane = 1; lane < lanes; ++lane) {
                ops.add(gradients.data() + at, buffers[lane].data() + at,
                        static_cast<std::int64_t>(size));
            }
            squares[c] = ops.sum_squares(gradients.data() + at, static_cast<std::int64_t>(size));
        }
    });
    double total = 0;
    for (double square : squares)
        total += square;
    return std::sqrt(total);
}

void Trainer::State::update(const OptimiserOptions& options, double norm) {
    const Ops<float>& ops = ops_for(float{});
    AdamStep step;
    step.rate = rate_at(options, steps_done);
    step.beta1 = options.beta1;
    step.beta2 = options.beta2;
    step.epsilon = options.epsilon;
    const auto power = static_cast<double>(steps_done + 1);
    step.correction1 = 1.0 - std::pow(options.beta1, power);
    step.correction2 = 1.0 - std::pow(options.beta2, power);
    if (options.clip > 0) step.gradient_scale = std::min(1.0, options.clip / (norm + 1e-6));
    pool.parallel_for(layout.tensors.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const TensorPlace& tensor = layout.tensors[i];
            float* w = weights.data() + tensor.offset;
            float* m = first.data() + tensor.offset;
            const float* g = gradients.data() + tensor.offset;
            const double decay = tensor.decay ? options.decay : 0.0;
            if (options.muon && tensor.decay && tensor.name.starts_with("blk.")) {
                muon_step(w, m, g, tensor.rows, tensor.columns,
                          {step.rate, 0.95, decay, step.gradient_scale});
                continue;
            }
            AdamStep own = step;
            own.decay = decay;
            ops.adam(w, m, second.data() + tensor.offset, g, tensor.size(), own);
        }
    });
    ++steps_done;
}

Trainer::Trainer(ThreadPool& pool, const Shape& shape, Precision precision,
                 std::vector<float> weights)
    : Trainer(pool, shape, precision, LoraShape{}, {}, std::move(weights)) {}

Trainer::Trainer(ThreadPool& pool, const Shape& shape, Precision precision, const LoraShape& lora,
                 std::span<const float> base, std::vector<float> adapter)
    : state_(std::make_unique<State>(pool, shape, lora, precision, base)) {
    state_->layout = lora.rank > 0 ? lora_layout(shape, lora) : base_layout(shape);
    CAIRN_ASSERT(static_cast<std::int64_t>(adapter.size()) == state_->layout.size);
    state_->weights = std::move(adapter);
    state_->first.assign(state_->weights.size(), 0.0F);
    state_->second.assign(state_->weights.size(), 0.0F);
    state_->gradients.assign(state_->weights.size(), 0.0F);
}

Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

Result<StepReport> Trainer::step(std::span<const Batch> window, const OptimiserOptions& options) {
    StepReport report;
    for (const Batch& batch : window) {
        CAIRN_TRY(check_batch(state_->shape, batch));
        report.tokens += static_cast<std::int64_t>(batch.tokens.size());
        report.labelled += batch.labelled();
    }
    if (report.labelled == 0) {
        return make_error(Code::kInvalid, "expected labelled tokens, found none in this window",
                          "check that examples have an assistant's answer inside the context");
    }
    const std::size_t lanes = std::min(kBuffersMax, window.size());
    state_->prepare(lanes);
    const double scale = 1.0 / static_cast<double>(report.labelled);
    std::vector<double> losses(window.size());
    state_->pool.parallel_for(lanes, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t lane = begin; lane < end; ++lane) {
            std::vector<float>& to = state_->buffers[lane];
            std::fill(to.begin(), to.end(), 0.0F);
            for (std::size_t i = lane; i < window.size(); i += lanes) {
                losses[i] = state_->run(window[i], to.data(), scale);
            }
        }
    });
    for (double loss : losses)
        report.loss += loss * scale;
    report.gradient_norm = state_->gather(lanes);
    report.rate = rate_at(options, state_->steps_done);
    if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
        return make_error(
            Code::kInternal,
            fmt::format("loss or gradient is not finite at step {}", state_->steps_done),
            "start again from the last checkpoint with a lower learning rate");
    }
    state_->update(options, report.gradient_norm);
    return report;
}

Result<double> Trainer::evaluate(std::span<const Batch> batches) {
    std::int64_t labelled = 0;
    for (const Batch& batch : batches) {
        CAIRN_TRY(check_batch(state_->shape, batch));
        labelled += batch.labelled();
    }
    if (labelled == 0) return make_error(Code::kInvalid, "expected labelled tokens, found none");
    std::vector<double> losses(batches.size());
    state_->pool.parallel_for(batches.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            losses[i] = state_->run(batches[i], nullptr, 0);
    });
    double total = 0;
    for (double loss : losses)
        total += loss;
    return total / static_cast<double>(labelled);
}

const std::vector<float>& Trainer::gradients() const {
    return state_->gradients;
}
const std::vector<float>& Trainer::weights() const {
    return state_->weights;
}
const Layout& Trainer::layout() const {
    return state_->layout;
}
std::int64_t Trainer::steps_done() const {
    return state_->steps_done;
}
const std::vector<float>& Trainer::first_moments() const {
    return state_->first;
}
const std::vector<float>& Trainer::second_moments() const {
    return state_->second;
}

Status Trainer::restore(std::int64_t steps_done, std::vector<float> weights,
                        std::vector<float> first, std::vector<float> second) {
    const std::size_t size = state_->weights.size();
    if (weights.size() != size || first.size() != size || second.size() != size) {
        return make_error(
            Code::kInvalid,
            fmt::format("expected a checkpoint of {} weights, found {}", size, weights.size()));
    }
    state_->steps_done = steps_done;
    state_->weights = std::move(weights);
    state_->first = std::move(first);
    state_->second = std::move(second);
    return {};
}

std::vector<float> initial_weights(const Shape& shape, Rng& rng) {
    const Layout layout = base_layout(shape);
    std::vector<float> weights(static_cast<std::size_t>(layout.size), 1.0F);
    const double inner = 0.02 / std::sqrt(2.0 * shape.layers);
    for (const TensorPlace& tensor : layout.tensors) {
        if (tensor.rows == 1) continue;
        const bool closes = tensor.name.find("attn_output") != std::string::npos ||
                            tensor.name.find("ffn_down") != std::string::npos;
        for (std::int64_t i = 0; i < tensor.size(); ++i) {
            weights[static_cast<std::size_t>(tensor.offset + i)] =
                static_cast<float>(rng.normal() * (closes ? inner : 0.02));
        }
    }
    return weights;
}

std::vector<float> initial_adapter(const Shape& shape, const LoraShape& lora, Rng& rng) {
    const Layout layout = lora_layout(shape, lora);
    std::vector<float> weights(static_cast<std::size_t>(layout.size), 0.0F);
    for (const TensorPlace& tensor : layout.tensors) {
        if (!tensor.name.ends_with(".lora_a")) continue;
        const double bound = 1.0 / std::sqrt(static_cast<double>(tensor.columns));
        for (std::int64_t i = 0; i < tensor.size(); ++i) {
            weights[static_cast<std::size_t>(tensor.offset + i)] =
                static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
        }
    }
    return weights;
}

}  // namespace cairn::train
