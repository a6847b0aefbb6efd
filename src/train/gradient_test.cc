// SPDX-License-Identifier: Apache-2.0
// Gradients of every tensor against central finite differences, in double.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/rng.h"
#include "cairn/train/graph.h"
#include "cairn/train/trainer.h"

namespace cairn::train {
namespace {

Shape tiny_shape(bool tied) {
    Shape shape;
    shape.layers = 2;
    shape.width = 12;
    shape.heads = 4;
    shape.kv_heads = 2;
    shape.head_width = 4;
    shape.ff_width = 10;
    shape.vocabulary = 17;
    shape.context = 300;
    shape.tied = tied;
    return shape;
}

/// Three segments of different length; the longest passes one block of queries.
Batch tiny_batch(const Shape& shape, Rng& rng) {
    Batch batch;
    for (int length : {5, 131, 1, 9}) {
        std::vector<std::int32_t> tokens;
        std::vector<std::int32_t> labels;
        for (int i = 0; i < length; ++i) {
            tokens.push_back(static_cast<std::int32_t>(rng.below(shape.vocabulary)));
            labels.push_back(static_cast<std::int32_t>(rng.below(shape.vocabulary)));
            if (length > 100 && i % 7 != 0) labels.back() = kNoLabel;
        }
        labels.back() = kNoLabel;
        batch.add_segment(tokens, labels);
    }
    return batch;
}

std::vector<double> widened(const std::vector<float>& from, Rng& rng) {
    std::vector<double> to(from.begin(), from.end());
    for (double& value : to)
        value = value * 2 + 0.05 * rng.normal();
    return to;
}

struct Case {
    Shape shape;
    LoraShape lora;
    std::vector<double> base;
    std::vector<double> adapter;
    Batch batch;
};

Case make_case(bool tied, int rank) {
    Rng rng(7);
    Case c;
    c.shape = tiny_shape(tied);
    c.lora = {rank, 2.0 * rank};
    c.base = widened(initial_weights(c.shape, rng), rng);
    if (rank > 0) c.adapter = widened(initial_adapter(c.shape, c.lora, rng), rng);
    c.batch = tiny_batch(c.shape, rng);
    return c;
}

/// Checks some entries of each tensor; returns how many were checked.
int expect_finite_differences(Case c) {
    Graph<double> graph(c.shape, c.lora, Precision::kF32);
    const Layout layout = c.lora.rank > 0 ? lora_layout(c.shape, c.lora) : base_layout(c.shape);
    std::vector<double>& trained = c.lora.rank > 0 ? c.adapter : c.base;
    std::vector<double> gradients(trained.size(), 0.0);
    const double scale = 0.37;
    graph.run(c.batch, c.base.data(), c.adapter.data(), gradients.data(), scale);
    int checked = 0;
    for (const TensorPlace& tensor : layout.tensors) {
        const std::int64_t step = std::max<std::int64_t>(1, tensor.size() / 5);
        for (std::int64_t i = 0; i < tensor.size(); i += step, ++checked) {
            double& weight = trained[tensor.offset + i];
            const double before = weight;
            const double h = 1e-5;
            weight = before + h;
            const double up = graph.run(c.batch, c.base.data(), c.adapter.data(), nullptr, 0);
            weight = before - h;
            const double down = graph.run(c.batch, c.base.data(), c.adapter.data(), nullptr, 0);
            weight = before;
            const double expected = scale * (up - down) / (2 * h);
            const double found = gradients[tensor.offset + i];
            EXPECT_NEAR(found, expected, 1e-6 + 1e-5 * std::abs(expected))
                << tensor.name << "[" << i << "]";
        }
    }
    return checked;
}

TEST(Gradient, TiedModelEqualsFiniteDifferences) {
    EXPECT_GT(expect_finite_differences(make_case(true, 0)), 80);
}

TEST(Gradient, UntiedModelEqualsFiniteDifferences) {
    EXPECT_GT(expect_finite_differences(make_case(false, 0)), 80);
}

TEST(Gradient, LoraEqualsFiniteDifferences) {
    EXPECT_GT(expect_finite_differences(make_case(true, 3)), 100);
}

TEST(Gradient, FloatAgreesWithDouble) {
    for (int rank : {0, 3}) {
        const Case c = make_case(true, rank);
        const std::vector<float> base(c.base.begin(), c.base.end());
        const std::vector<float> adapter(c.adapter.begin(), c.adapter.end());
        const std::size_t size = rank > 0 ? adapter.size() : base.size();
        std::vector<float> gradients(size, 0.0F);
        std::vector<double> expected(size, 0.0);
        Graph<float> graph(c.shape, c.lora, Precision::kF32);
        Graph<double> reference(c.shape, c.lora, Precision::kF32);
        const double loss = graph.run(c.batch, base.data(), adapter.data(), gradients.data(), 1.0);
        const double expected_loss =
            reference.run(c.batch, c.base.data(), c.adapter.data(), expected.data(), 1.0);
        EXPECT_NEAR(loss, expected_loss, 1e-5 * expected_loss);
        double error = 0;
        double norm = 0;
        for (std::size_t i = 0; i < size; ++i) {
            error += (gradients[i] - expected[i]) * (gradients[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        EXPECT_LT(std::sqrt(error / norm), 1e-5) << "rank " << rank;
    }
}

TEST(Gradient, SegmentsDoNotSeeEachOther) {
    const Case c = make_case(true, 0);
    Graph<double> graph(c.shape, c.lora, Precision::kF32);
    const double together = graph.run(c.batch, c.base.data(), nullptr, nullptr, 0);
    double apart = 0;
    for (std::size_t i = 0; i + 1 < c.batch.starts.size(); ++i) {
        Batch one;
        one.add_segment({c.batch.tokens.begin() + c.batch.starts[i],
                         c.batch.tokens.begin() + c.batch.starts[i + 1]},
                        {c.batch.labels.begin() + c.batch.starts[i],
                         c.batch.labels.begin() + c.batch.starts[i + 1]});
        if (one.labelled() > 0) apart += graph.run(one, c.base.data(), nullptr, nullptr, 0);
    }
    EXPECT_NEAR(together, apart, 1e-9);
}

}  // namespace
}  // namespace cairn::train
