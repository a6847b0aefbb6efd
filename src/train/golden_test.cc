// SPDX-License-Identifier: Apache-2.0
// Loss, gradients and optimiser steps against PyTorch (tools/golden/make_train_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/text/json.h"
#include "cairn/train/trainer.h"

namespace cairn::train {
namespace {

struct Golden {
    nlohmann::json facts;
    std::map<std::string, std::vector<float>> arrays;
    Shape shape;
    Batch batch;
};

Golden load_golden() {
    const std::string stem = CAIRN_SOURCE_DIR "/src/train/testdata/train_golden";
    Golden golden;
    golden.facts = text::parse_json(read_file(stem + ".json", 1 << 20).value()).value();
    const std::string bytes = read_file(stem + ".bin", 1 << 24).value();
    std::size_t at = 0;
    for (const auto& name : golden.facts["order"]) {
        const auto key = name.get<std::string>();
        std::vector<float>& values = golden.arrays[key];
        values.resize(golden.facts["arrays"][key].get<std::size_t>());
        EXPECT_LE(at + values.size() * 4, bytes.size());
        std::memcpy(values.data(), bytes.data() + at, values.size() * 4);
        at += values.size() * 4;
    }
    golden.shape.layers = 2;
    golden.shape.width = 16;
    golden.shape.heads = 2;
    golden.shape.kv_heads = 1;
    golden.shape.head_width = 8;
    golden.shape.ff_width = 24;
    golden.shape.vocabulary = 32;
    golden.shape.context = 64;
    for (const auto& segment : golden.facts["segments"]) {
        golden.batch.add_segment(segment[0].get<std::vector<std::int32_t>>(),
                                 segment[1].get<std::vector<std::int32_t>>());
    }
    return golden;
}

/// Relative error of each tensor in the L2 norm.
void expect_close(const Layout& layout, const std::vector<float>& found,
                  const std::vector<float>& expected, double tolerance) {
    ASSERT_EQ(found.size(), expected.size());
    ASSERT_EQ(static_cast<std::int64_t>(found.size()), layout.size);
    for (const TensorPlace& tensor : layout.tensors) {
        double error = 0;
        double norm = 0;
        for (std::int64_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            error += std::pow(double{found[at]} - expected[at], 2);
            norm += std::pow(double{expected[at]}, 2);
        }
        EXPECT_LT(std::sqrt(error), tolerance * std::sqrt(norm) + 1e-12) << tensor.name;
    }
}

TEST(Golden, LossGradientsAndAdamStepsEqualPyTorch) {
    const Golden golden = load_golden();
    ThreadPool pool(2);
    Trainer trainer(pool, golden.shape, Precision::kF32, golden.arrays.at("weights"));
    OptimiserOptions options;
    options.rate_peak = golden.facts["peak"];
    options.rate_floor = golden.facts["floor"];
    options.decay = golden.facts["decay"];
    options.steps = golden.facts["steps"];
    const std::vector<Batch> window = {golden.batch};
    for (int step = 0; step < options.steps; ++step) {
        const auto report = trainer.step(window, options);
        ASSERT_TRUE(report);
        const double expected = golden.facts["losses"][static_cast<std::size_t>(step)];
        EXPECT_NEAR(report->loss, expected, 1e-5 * expected);
        if (step > 0) continue;
        EXPECT_NEAR(report->loss, golden.facts["loss"], 1e-6 * expected);
        expect_close(trainer.layout(), trainer.gradients(), golden.arrays.at("gradients"), 1e-5);
    }
    expect_close(trainer.layout(), trainer.weights(), golden.arrays.at("after"), 1e-5);
}

TEST(Golden, LoraGradientsEqualPyTorch) {
    const Golden golden = load_golden();
    ThreadPool pool(1);
    const LoraShape lora{golden.facts["rank"], golden.facts["alpha"]};
    Trainer trainer(pool, golden.shape, Precision::kF32, lora, golden.arrays.at("weights"),
                    golden.arrays.at("lora"));
    const std::vector<Batch> window = {golden.batch};
    const auto report = trainer.step(window, {});
    ASSERT_TRUE(report);
    const double expected = golden.facts["lora_loss"];
    EXPECT_NEAR(report->loss, expected, 1e-5 * expected);
    expect_close(trainer.layout(), trainer.gradients(), golden.arrays.at("lora_gradients"), 2e-5);
}

TEST(Golden, Bf16ProductsStayNear) {
    const Golden golden = load_golden();
    ThreadPool pool(1);
    Trainer trainer(pool, golden.shape, Precision::kBf16, golden.arrays.at("weights"));
    const std::vector<Batch> window = {golden.batch};
    const auto report = trainer.step(window, {});
    ASSERT_TRUE(report);
    const double expected = golden.facts["loss"];
    EXPECT_NEAR(report->loss, expected, 1e-2 * expected);
    expect_close(trainer.layout(), trainer.gradients(), golden.arrays.at("gradients"), 3e-2);
}

}  // namespace
}  // namespace cairn::train
