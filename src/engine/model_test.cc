// SPDX-License-Identifier: Apache-2.0
// Loading: round trip of the configuration, clear errors, and hostile files that must never abort.
#include "cairn/engine/model.h"

#include <gtest/gtest.h>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/engine/model_digest.h"
#include "test_model.h"

namespace cairn::engine {
namespace {

using testing::test_model_bytes;

TEST(ModelConfig, SurvivesWritingAndReading) {
    ModelConfig config;
    config.layers = 3;
    config.model_width = 96;
    config.heads = 6;
    config.kv_heads = 2;
    config.head_width = 24;  // not model_width / heads
    config.ff_width = 256;
    config.vocabulary = 10;
    config.context = 512;
    config.rms_epsilon = 1e-6F;
    config.rope_base = 250000.0F;
    format::GgufWriter writer;
    write_model_config(writer, config, "a name");
    const std::vector<std::byte> embedding(96 * 10 * 4);
    ASSERT_TRUE(
        writer.add_tensor("token_embd.weight", format::TensorType::kF32, {96, 10}, embedding));
    ASSERT_TRUE(writer.add_tensor("output.weight", format::TensorType::kF32, {96, 10}, embedding));
    const std::string bytes = writer.to_bytes();
    const auto file = format::GgufFile::parse(std::as_bytes(std::span(bytes))).value();
    const auto read = read_model_config(file);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->layers, 3);
    EXPECT_EQ(read->model_width, 96);
    EXPECT_EQ(read->heads, 6);
    EXPECT_EQ(read->kv_heads, 2);
    EXPECT_EQ(read->head_width, 24);
    EXPECT_EQ(read->ff_width, 256);
    EXPECT_EQ(read->vocabulary, 10);
    EXPECT_EQ(read->context, 512);
    EXPECT_EQ(read->rms_epsilon, 1e-6F);
    EXPECT_EQ(read->rope_base, 250000.0F);
    EXPECT_FALSE(read->tied_head);
    EXPECT_EQ(file.get_string("general.name").value(), "a name");
}

TEST(ModelConfig, NamesTheFieldThatIsOutOfBounds) {
    ModelConfig good;
    good.layers = good.model_width = good.ff_width = good.vocabulary = good.context = 8;
    good.heads = 4;
    good.kv_heads = 2;
    good.head_width = 2;
    ASSERT_TRUE(check_model_config(good));
    const auto refused = [&](auto change, std::string_view words) {
        ModelConfig config = good;
        change(config);
        const Status status = check_model_config(config);
        ASSERT_FALSE(status) << words;
        EXPECT_NE(status.error().message.find(words), std::string::npos) << status.error().message;
    };
    refused([](ModelConfig& c) { c.layers = 0; }, "layers");
    refused([](ModelConfig& c) { c.layers = 1'000'000; }, "layers");
    refused([](ModelConfig& c) { c.kv_heads = 3; }, "kv heads");
    refused([](ModelConfig& c) { c.head_width = 3; }, "rotary width");
    refused([](ModelConfig& c) { c.head_width = 1 << 20; }, "head width");
    refused([](ModelConfig& c) { c.rms_epsilon = std::numeric_limits<float>::quiet_NaN(); },
            "epsilon");
    refused([](ModelConfig& c) { c.rope_base = 0; }, "rope base");
    refused([](ModelConfig& c) { c.architecture = "mamba"; }, "'mamba' is not known (known: ");
}

TEST(Model, LoadsFromAFileAndKnowsItself) {
    const ScopedFolder folder("engine-model");
    const std::string bytes = test_model_bytes({});
    ASSERT_TRUE(write_file_atomic(folder.path() / "m.gguf", bytes));
    const auto model = Model::load(folder.path() / "m.gguf");
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ((*model)->digest(), sha256_hex(bytes));
    EXPECT_TRUE((*model)->has_chat());
    EXPECT_EQ((*model)->name(), "test");
    const ModelConfig& c = (*model)->config();
    EXPECT_TRUE(c.tied_head);
    const std::int64_t layer = 2 * 64 + 64 * (64 + 32 + 32 + 64) + 3 * 64 * 96;
    EXPECT_EQ((*model)->parameter_count(), c.vocabulary * 64 + 2 * layer + 64);
    EXPECT_EQ((*model)->weight_bytes(), 4 * (*model)->parameter_count());
    EXPECT_EQ(Model::load(folder.path() / "absent.gguf").error().code, Code::kNotFound);
}

std::string replaced(std::string bytes, std::string_view from, std::string_view to) {
    EXPECT_EQ(from.size(), to.size());
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return bytes.replace(at, from.size(), to);
}

TEST(Model, SaysWhichTensorDoesNotFit) {
    const std::string good = test_model_bytes({});
    // The tensor is there, but under a name that the architecture does not know.
    const auto unknown =
        Model::from_bytes(replaced(good, "blk.1.attn_q.weight", "blk.1.attn_q.biases"));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Code::kUnsupported);
    EXPECT_NE(unknown.error().message.find("blk.1.attn_q.biases"), std::string::npos);

    // One more layer than the file has tensors for.
    format::GgufWriter writer;
    const auto file = format::GgufFile::parse(std::as_bytes(std::span(good))).value();
    for (const auto& [key, value] : file.metadata())
        writer.set(key, value);
    writer.set("llama.block_count", std::uint32_t{3});
    for (const auto& tensor : file.tensors()) {
        ASSERT_TRUE(writer.add_tensor(tensor.name, tensor.type, tensor.dims, tensor.bytes));
    }
    const auto missing = Model::from_bytes(writer.to_bytes());
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message,
              "tensor blk.2.attn_norm.weight: expected [64], file does not have it");

    writer.set("llama.block_count", std::uint32_t{2});
    writer.set("llama.feed_forward_length", std::uint32_t{97});
    const auto shape = Model::from_bytes(writer.to_bytes());
    ASSERT_FALSE(shape);
    EXPECT_EQ(shape.error().message,
              "tensor blk.0.ffn_gate.weight: expected [64, 97], file has [64, 96]");

    writer.set("llama.feed_forward_length", std::uint32_t{96});
    writer.set("llama.rope.scaling.type", std::string("spiral"));
    EXPECT_EQ(Model::from_bytes(writer.to_bytes()).error().message,
              "llama.rope.scaling.type: expected none, linear, yarn or longrope, found 'spiral'");
    writer.set("llama.rope.scaling.type", std::string("none"));
    writer.set("llama.attention.clamp_kqv", 8.0F);
    EXPECT_EQ(Model::from_bytes(writer.to_bytes()).error().message,
              "key llama.attention.clamp_kqv is not known");
}

TEST(Model, RefusesDamagedFilesWithoutAborting) {
    const std::string good = test_model_bytes({});
    for (std::size_t size = 0; size < good.size(); size += 97) {
        EXPECT_FALSE(Model::from_bytes(good.substr(0, size))) << "cut at " << size;
    }
    // Random damage in the head: it may load when only a string changed, but must not crash.
    const std::size_t head = good.find("output_norm.weight") + 64;
    Rng rng(3);
    for (int round = 0; round < 3000; ++round) {
        std::string bad = good;
        for (int hit = 0; hit < 3; ++hit)
            bad[rng.below(head)] = static_cast<char>(rng.next());
        const auto model = Model::from_bytes(std::move(bad));
        if (!model) {
            EXPECT_FALSE(model.error().message.empty());
        }
    }
}

/// Sessions name a base by its files before it is loaded; adapters and meters by the loaded model.
TEST(ModelDigest, IsThatOfTheLoadedModel) {
    const ScopedFolder temporary("cairn-model-digest");
    const auto file = temporary.path() / "one.gguf";
    ASSERT_TRUE(write_file_atomic(file, test_model_bytes({})));
    EXPECT_EQ(model_digest(file).value(), sha256_hex(test_model_bytes({})));
    EXPECT_EQ(model_digest(file).value(), Model::load(file).value()->digest());
    EXPECT_EQ(Model::from_bytes(test_model_bytes({})).value()->digest(),
              model_digest(file).value());

    const auto folder = temporary.path() / "folder";
    std::filesystem::copy(
        std::filesystem::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/arch/qwen3", folder);
    const std::string before = model_digest(folder).value();
    EXPECT_EQ(before, Model::load(folder).value()->digest());
    ASSERT_TRUE(write_file_atomic(folder / "README.md", "words about it"));
    EXPECT_EQ(model_digest(folder).value(), before);
    const std::string config = read_file(folder / "config.json", 1 << 20).value();
    ASSERT_TRUE(write_file_atomic(folder / "config.json", config + " "));
    EXPECT_NE(model_digest(folder).value(), before);
    EXPECT_EQ(model_digest(folder).value(), Model::load(folder).value()->digest());
}

/// Every tensor and key in the first of two shards, the last tensor in the second.
TEST(ModelDigest, OfShardsReadsAllOfThem) {
    const std::string bytes = test_model_bytes({});
    const auto file = format::GgufFile::parse(std::as_bytes(std::span(bytes))).value();
    const ScopedFolder temporary("cairn-model-digest");
    const std::size_t cut = file.tensors().size() - 1;
    for (std::uint16_t number = 0; number < 2; ++number) {
        format::GgufWriter writer;
        if (number == 0) {
            for (const auto& [key, value] : file.metadata())
                writer.set(key, value);
        }
        writer.set("split.no", number);
        writer.set("split.count", std::uint16_t{2});
        writer.set("split.tensors.count", static_cast<std::int32_t>(file.tensors().size()));
        for (std::size_t i = number == 0 ? 0 : cut; i < (number == 0 ? cut : cut + 1); ++i) {
            const format::GgufTensor& t = file.tensors()[i];
            ASSERT_TRUE(writer.add_tensor(t.name, t.type, t.dims, t.bytes));
        }
        const std::string name = number == 0 ? "m-00001-of-00002.gguf" : "m-00002-of-00002.gguf";
        ASSERT_TRUE(writer.write(temporary.path() / name));
    }
    const auto first = temporary.path() / "m-00001-of-00002.gguf";
    const auto model = Model::load(first);
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ((*model)->digest(), model_digest(first).value());
    EXPECT_EQ(model_files(first)->size(), 2U);
    const auto second = temporary.path() / "m-00002-of-00002.gguf";
    std::string changed = read_file(second, 1 << 24).value();
    changed.back() = static_cast<char>(changed.back() ^ 1);
    ASSERT_TRUE(write_file_atomic(second, changed));
    EXPECT_NE(model_digest(first).value(), (*model)->digest());
}

}  // namespace
}  // namespace cairn::engine
