// SPDX-License-Identifier: Apache-2.0
// A run that is killed again and again ends with the same bits as one that is left alone.
#include "cairn/train/stage.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/train/checkpoint.h"
#include "tiny_model.h"

namespace cairn::train {
namespace {

StageRecipe tiny_stage(bool muon) {
    StageRecipe stage;
    stage.row_tokens = 32;
    stage.tokens = 32 * 8 * 40;
    stage.batch_tokens = 32 * 8;
    stage.batch_tokens_first = 32 * 4;
    stage.ramp_tokens = 32 * 8 * 10;
    stage.optimiser.rate_peak = 3e-3;
    stage.optimiser.warmup_steps = 5;
    stage.optimiser.muon = muon;
    return stage;
}

RowSource tiny_rows() {
    RowSource source;
    source.rows = 100;
    source.digest = "tiny";
    source.add = [](Batch& batch, std::int64_t row) {
        std::vector<std::int32_t> tokens;
        std::vector<std::int32_t> labels;
        for (int i = 0; i < 32; ++i) {
            tokens.push_back(static_cast<std::int32_t>((row * 7 + i * 3) % 50));
            labels.push_back(static_cast<std::int32_t>((row * 7 + i * 3 + 3) % 50));
        }
        batch.add_segment(tokens, labels);
    };
    return source;
}

/// Trains in `folder` from wherever it is; returns the digest of the weights, or the error's name.
std::string train_in(const std::filesystem::path& folder, int threads, std::int64_t stop_after,
                     bool muon) {
    const Shape shape = tiny_model_shape(50);
    Rng rng(3);
    ThreadPool pool(threads);
    Trainer trainer(pool, shape, Precision::kBf16, initial_weights(shape, rng));
    StageOptions options;
    options.name = "test";
    options.folder = folder;
    options.checkpoint_seconds = 0;  // after every step
    options.stop_after_steps = stop_after;
    options.micro_batch_tokens = 64;
    const auto result = run_stage(trainer, tiny_rows(), tiny_stage(muon), options);
    if (!result) return std::string(code_name(result.error().code));
    const auto& weights = trainer.weights();
    return sha256_hex(
        {reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float)});
}

TEST(Stage, StoppedRunsGoOnToTheSameBits) {
    for (bool muon : {false, true}) {
        const ScopedFolder folder("stage");
        const std::string expected = train_in(folder.path() / "whole", 2, -1, muon);
        ASSERT_EQ(expected.size(), 64U) << expected;
        EXPECT_EQ(train_in(folder.path() / "cut", 1, 7, muon), code_name(Code::kCancelled));
        EXPECT_EQ(train_in(folder.path() / "cut", 2, 11, muon), code_name(Code::kCancelled));
        EXPECT_EQ(train_in(folder.path() / "cut", 1, -1, muon), expected);
    }
}

TEST(Stage, KilledRunsGoOnToTheSameBits) {
    const ScopedFolder folder("stage");
    const std::string expected = train_in(folder.path() / "whole", 1, -1, false);
    Rng rng(11);
    int kills = 0;
    for (int i = 0; i < 8; ++i) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            train_in(folder.path() / "killed", 1, -1, false);
            _exit(0);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10 + rng.below(60)));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        kills += WIFSIGNALED(status) ? 1 : 0;
    }
    EXPECT_EQ(train_in(folder.path() / "killed", 1, -1, false), expected);
    EXPECT_GT(kills, 0);
}

TEST(Stage, ADamagedCheckpointCostsOneIntervalOnly) {
    const ScopedFolder folder("stage");
    const std::string expected = train_in(folder.path() / "whole", 1, -1, false);
    train_in(folder.path() / "cut", 1, 9, false);
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "cut")) {
        const bool checkpoint = entry.path().extension() == ".ckpt";
        if (checkpoint && entry.path() > newest) newest = entry.path();
    }
    std::string bytes = read_file(newest, 1 << 28).value();
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomic(newest, bytes));
    EXPECT_EQ(train_in(folder.path() / "cut", 1, -1, false), expected);
}

TEST(Stage, AnotherRunsCheckpointIsRefused) {
    const ScopedFolder folder("stage");
    Checkpoint checkpoint;
    checkpoint.run = "a";
    ASSERT_TRUE(save_checkpoint(folder.path(), checkpoint));
    EXPECT_EQ(load_checkpoint(folder.path(), "b").error().code, Code::kInvalid);
    EXPECT_TRUE(load_checkpoint(folder.path(), "a")->has_value());
    EXPECT_FALSE(load_checkpoint(folder.path() / "none", "a")->has_value());
}

TEST(Plan, BatchesGrowAndALongerPlanBeginsTheSame) {
    StageRecipe stage = tiny_stage(false);
    const StepPlan plan = plan_steps(stage, 100, 9);
    EXPECT_EQ(plan.step_starts[1] - plan.step_starts[0], 4);
    EXPECT_EQ(plan.rows.size(), 320U);
    stage.tokens *= 2;
    const StepPlan longer = plan_steps(stage, 100, 9);
    EXPECT_TRUE(std::equal(plan.rows.begin(), plan.rows.end(), longer.rows.begin()));
}

}  // namespace
}  // namespace cairn::train
