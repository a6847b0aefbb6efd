// SPDX-License-Identifier: Apache-2.0
// A real trained model: the 260K-parameter TinyStories checkpoint, converted by us, must continue
// with exactly the text that its maker's program prints for 200 greedy steps.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "cairn/base/files.h"
#include "cairn/engine/scheduler.h"
#include "cairn/format/llama2c.h"

namespace cairn::engine {
namespace {

std::filesystem::path shared_folder() {
    const char* named = std::getenv("CAIRN_SHARED");
    return named != nullptr ? named : CAIRN_SOURCE_DIR "/../shared";
}

TEST(Stories, ContinuesExactlyAsExpected) {
    const auto folder = shared_folder() / "testdata" / "stories260K";
    if (!std::filesystem::exists(folder)) {
        GTEST_SKIP() << "SKIPPED: " << folder << " is not there; set CAIRN_SHARED";
    }
    const ScopedFolder work("engine-stories");
    const auto path = work.path() / "stories.gguf";
    const Status converted =
        format::convert_llama2c(folder / "stories260K.bin", folder / "tok512.bin", path);
    ASSERT_TRUE(converted) << converted.error().to_string();
    const auto model = Model::load(path);
    ASSERT_TRUE(model) << model.error().to_string();
    const std::string expected =
        read_file(folder / "expected-greedy-200steps.txt", 1 << 16).value();

    for (const int threads : {1, 2}) {
        SchedulerOptions options;
        options.threads = threads;
        Scheduler scheduler(*model, options);
        GenerateRequest request;
        request.prompt = {(*model)->tokenizer().bos()};
        request.max_tokens = 200;
        const auto result = scheduler.generate(request);
        ASSERT_TRUE(result) << result.error().to_string();
        std::vector<TokenId> all = request.prompt;
        all.insert(all.end(), result->tokens.begin(), result->tokens.end());
        EXPECT_EQ((*model)->tokenizer().decode(all), expected);
        EXPECT_EQ(result->usage.output_tokens, 200);
    }
}

}  // namespace
}  // namespace cairn::engine
