// SPDX-License-Identifier: Apache-2.0
// LoRA adapters: the trip through a file, and files that are not adapters.
#include "cairn/format/adapter.h"

#include <gtest/gtest.h>

#include <limits>

#include "cairn/base/files.h"
#include "cairn/format/gguf.h"

namespace cairn::format {
namespace {

Adapter small_adapter() {
    Adapter adapter;
    adapter.alpha = 16;
    adapter.notes["cairn.base.sha256"] = "abc";
    adapter.pairs.push_back({"blk.0.attn_q.weight", 1, 3, 2, {1, 2, 3}, {4, 5}});
    adapter.pairs.push_back({"blk.1.attn_q.weight", 2, 1, 1, {1, 2}, {3, 4}});
    return adapter;
}

std::string read_error(const std::vector<std::string>& tensors, const char* type = "adapter") {
    ScopedFolder folder("adapter");
    const std::vector<float> values(4, 1.0F);
    GgufWriter writer;
    writer.set("general.type", type);
    writer.set("general.architecture", "llama");
    writer.set("adapter.type", "lora");
    writer.set("adapter.lora.alpha", 8.0F);
    for (const std::string& name : tensors) {
        const std::vector<std::uint64_t> dims = name.starts_with("flat")
                                                    ? std::vector<std::uint64_t>{4}
                                                    : std::vector<std::uint64_t>{4, 1};
        EXPECT_TRUE(
            writer.add_tensor(name, TensorType::kF32, dims, std::as_bytes(std::span(values))));
    }
    EXPECT_TRUE(writer.write(folder.path() / "a.gguf"));
    const auto adapter = read_adapter(folder.path() / "a.gguf");
    return adapter ? "no error" : adapter.error().message;
}

TEST(Adapter, SurvivesTheTripThroughAFile) {
    ScopedFolder folder("adapter");
    ASSERT_TRUE(write_adapter(folder.path() / "a.gguf", small_adapter()));
    const Adapter adapter = read_adapter(folder.path() / "a.gguf").value();
    ASSERT_EQ(adapter.pairs.size(), 2U);
    EXPECT_EQ(adapter.alpha, 16);
    EXPECT_EQ(adapter.notes.at("cairn.base.sha256"), "abc");
    EXPECT_EQ(adapter.pairs[0].target, "blk.0.attn_q.weight");
    EXPECT_EQ(adapter.pairs[0].inputs, 3);
    EXPECT_EQ(adapter.pairs[0].outputs, 2);
    EXPECT_EQ(adapter.pairs[0].a, (std::vector<float>{1, 2, 3}));
    EXPECT_EQ(adapter.pairs[1].b, (std::vector<float>{3, 4}));
    // The layout of llama.cpp: A is {inputs, rank}, B is {rank, outputs}, innermost first.
    const GgufFile file = GgufFile::open(folder.path() / "a.gguf").value();
    EXPECT_EQ(file.find_tensor("blk.0.attn_q.weight.lora_a")->dims,
              (std::vector<std::uint64_t>{3, 1}));
    EXPECT_EQ(file.find_tensor("blk.0.attn_q.weight.lora_b")->dims,
              (std::vector<std::uint64_t>{1, 2}));
}

TEST(Adapter, RefusesToWriteWhatDoesNotFit) {
    ScopedFolder folder("adapter");
    Adapter adapter = small_adapter();
    adapter.pairs[0].a.pop_back();
    EXPECT_FALSE(write_adapter(folder.path() / "a.gguf", adapter));
    adapter = small_adapter();
    adapter.pairs[1].b[0] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(write_adapter(folder.path() / "a.gguf", adapter));
    adapter = small_adapter();
    adapter.notes["general.type"] = "model";
    EXPECT_FALSE(write_adapter(folder.path() / "a.gguf", adapter));
}

TEST(Adapter, RefusesFilesThatAreNoAdapters) {
    EXPECT_NE(read_error({}, "model").find("expected a LoRA adapter"), std::string::npos);
    EXPECT_NE(read_error({"x.weight"}).find("found 'x.weight'"), std::string::npos);
    EXPECT_NE(read_error({"x.lora_a"}).find("found only 'x.lora_a'"), std::string::npos);
    EXPECT_NE(read_error({"x.lora_b"}).find("found only 'x.lora_b'"), std::string::npos);
    EXPECT_NE(read_error({"x.lora_a", "x.lora_b"}).find("same rank"), std::string::npos);
    EXPECT_NE(read_error({"flat.lora_a", "flat.lora_b"}).find("F32 matrix"), std::string::npos);
    EXPECT_EQ(read_error({}), "no error");
}

}  // namespace
}  // namespace cairn::format
