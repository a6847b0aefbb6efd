// SPDX-License-Identifier: Apache-2.0
// GGUF: what is written is read back, byte for byte the same each time; tokenizers survive the
// trip.
#include "cairn/format/gguf.h"

#include <gtest/gtest.h>

#include <cstring>

#include "cairn/base/files.h"
#include "cairn/format/llama2c.h"
#include "cairn/format/tokenizer_gguf.h"

namespace cairn::format {
namespace {

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
    return std::as_bytes(std::span(values));
}
std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

TEST(Gguf, ReadsBackEveryType) {
    GgufWriter writer;
    const std::vector<GgufValue> values = {std::uint8_t{200},
                                           std::int8_t{-5},
                                           std::uint16_t{60000},
                                           std::int16_t{-300},
                                           std::uint32_t{4000000000},
                                           std::int32_t{-7},
                                           1.5F,
                                           true,
                                           std::string("text"),
                                           std::uint64_t{1} << 60,
                                           std::int64_t{-1},
                                           2.5,
                                           std::vector<std::uint8_t>{1, 2},
                                           std::vector<std::int32_t>{-1, 3},
                                           std::vector<float>{},
                                           std::vector<bool>{true, false, true},
                                           std::vector<std::string>{"", "b"},
                                           std::vector<double>{0.5}};
    for (std::size_t i = 0; i < values.size(); ++i) {
        writer.set("key." + std::to_string(i), values[i]);
    }
    const std::string bytes = writer.to_bytes();
    const GgufFile file = GgufFile::parse(bytes_of(bytes)).value();
    for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(file.metadata().at("key." + std::to_string(i)), values[i]) << i;
    }
    EXPECT_TRUE(file.tensors().empty());
}

TEST(Gguf, ReadsBackTensorsAlignedInOrder) {
    const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
    const std::string block(34, 'q');
    GgufWriter writer;
    ASSERT_TRUE(writer.add_tensor("matrix", TensorType::kF32, {3, 2}, bytes_of(matrix)));
    ASSERT_TRUE(writer.add_tensor("packed", TensorType::kQ8_0, {32}, bytes_of(block)));
    ScopedFolder folder("gguf");
    ASSERT_TRUE(writer.write(folder.path() / "m.gguf"));
    const GgufFile file = GgufFile::open(folder.path() / "m.gguf").value();
    ASSERT_EQ(file.tensors().size(), 2U);
    const GgufTensor* tensor = file.find_tensor("matrix");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->dims, (std::vector<std::uint64_t>{3, 2}));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor->bytes.data()) % 32, 0U);
    EXPECT_TRUE(std::ranges::equal(tensor->bytes, bytes_of(matrix)));
    EXPECT_TRUE(std::ranges::equal(file.find_tensor("packed")->bytes, bytes_of(block)));
    EXPECT_EQ(file.find_tensor("none"), nullptr);
    EXPECT_EQ(writer.to_bytes(), read_file(folder.path() / "m.gguf", 1 << 20).value());
}

TEST(Gguf, WriterRefusesWhatTheReaderWould) {
    const std::vector<float> values(6);
    GgufWriter writer;
    EXPECT_FALSE(writer.add_tensor("a", TensorType::kF32, {7}, bytes_of(values)));
    EXPECT_FALSE(writer.add_tensor("a", TensorType::kQ8_0, {6}, bytes_of(values)));
    EXPECT_FALSE(writer.add_tensor("", TensorType::kF32, {6}, bytes_of(values)));
    EXPECT_FALSE(writer.add_tensor(std::string(64, 'n'), TensorType::kF32, {6}, bytes_of(values)));
    EXPECT_TRUE(writer.add_tensor("a", TensorType::kF32, {6}, bytes_of(values)));
    EXPECT_FALSE(writer.add_tensor("a", TensorType::kF32, {6}, bytes_of(values)));
}

TEST(Gguf, GettersNameTheKeyAndCheckTheType) {
    GgufWriter writer;
    writer.set("i", std::int32_t{-1});
    writer.set("u", std::uint16_t{7});
    writer.set("s", "x");
    writer.set("d", 0.5);
    const std::string bytes = writer.to_bytes();
    const GgufFile file = GgufFile::parse(bytes_of(bytes)).value();
    EXPECT_EQ(file.get_u32("u").value(), 7U);
    EXPECT_EQ(file.get_i64("i").value(), -1);
    EXPECT_EQ(file.get_f32("d").value(), 0.5F);
    EXPECT_EQ(file.get_u32_or("none", 3).value(), 3U);
    EXPECT_NE(file.get_u32("i").error().message.find("'i'"), std::string::npos);
    EXPECT_NE(file.get_u32("s").error().message.find("'s'"), std::string::npos);
    EXPECT_EQ(file.get_string("none").error().code, Code::kNotFound);
    EXPECT_FALSE(file.get_u32_or("s", 3));
    EXPECT_FALSE(file.get_integers("s"));
}

/// A llama2.c checkpoint of one layer with recognisable weights: 0, 1, 2, ...
std::string tiny_checkpoint(std::int32_t vocabulary) {
    const std::int32_t header[7] = {4, 6, 1, 2, 1, vocabulary, 8};
    std::string bytes(reinterpret_cast<const char*>(header), sizeof(header));
    const int rows = std::abs(vocabulary);
    const int count =
        rows * 4 + 4 + 16 + 8 + 8 + 16 + 4 + 24 * 3 + 4 + 8 * 2 + (vocabulary < 0 ? rows * 4 : 0);
    for (int i = 0; i < count; ++i) {
        const auto value = static_cast<float>(i);
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    return bytes;
}

std::string tiny_vocabulary(int count) {
    std::string bytes(4, '\1');
    for (int id = 0; id < count; ++id) {
        constexpr char kHex[] = "0123456789ABCDEF";
        const int byte = id - 3;
        std::string token = " t" + std::to_string(id);
        if (byte >= 0 && byte < 256)
            token = std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">";
        const float score = -static_cast<float>(id);
        const auto length = static_cast<std::int32_t>(token.size());
        bytes.append(reinterpret_cast<const char*>(&score), 4);
        bytes.append(reinterpret_cast<const char*>(&length), 4);
        bytes += token;
    }
    return bytes;
}

TEST(Llama2c, ConvertsWeightsInOrder) {
    ScopedFolder folder("llama2c");
    const auto path = [&](const char* name) { return folder.path() / name; };
    ASSERT_TRUE(write_file_atomic(path("m.bin"), tiny_checkpoint(-260)));
    ASSERT_TRUE(write_file_atomic(path("t.bin"), tiny_vocabulary(260)));
    const Status status = convert_llama2c(path("m.bin"), path("t.bin"), path("m.gguf"));
    ASSERT_TRUE(status) << status.error().message;
    const GgufFile file = GgufFile::open(path("m.gguf")).value();
    const auto first = [&](const char* name) {
        float value = -1;
        std::memcpy(&value, file.find_tensor(name)->bytes.data(), sizeof(value));
        return value;
    };
    EXPECT_EQ(first("token_embd.weight"), 0);
    EXPECT_EQ(first("blk.0.attn_norm.weight"), 1040);
    EXPECT_EQ(first("blk.0.attn_q.weight"), 1044);
    EXPECT_EQ(first("blk.0.attn_k.weight"), 1060);
    EXPECT_EQ(first("blk.0.ffn_down.weight"), 1060 + 8 + 8 + 16 + 4 + 24);
    EXPECT_EQ(first("output_norm.weight"), 1060 + 8 + 8 + 16 + 4 + 72);
    EXPECT_EQ(first("output.weight"), 1060 + 8 + 8 + 16 + 4 + 72 + 4 + 16);
    EXPECT_EQ(file.get_u32("llama.attention.head_count_kv").value(), 1U);
    const text::Tokenizer tokenizer = tokenizer_from_gguf(file).value();
    EXPECT_EQ(tokenizer.vocabulary_size(), 260);
    EXPECT_EQ(tokenizer.token_bytes(259), " t259");
    EXPECT_EQ(tokenizer.bos(), 1);
}

TEST(Llama2c, RefusesTruncatedAndImpossibleFiles) {
    ScopedFolder folder("llama2c");
    const auto path = [&](const char* name) { return folder.path() / name; };
    ASSERT_TRUE(write_file_atomic(path("t.bin"), tiny_vocabulary(260)));
    const std::string good = tiny_checkpoint(260);
    for (const std::string& bad : {good.substr(0, 20), good.substr(0, good.size() - 1), good + "x",
                                   std::string(28, '\xFF') + good.substr(28)}) {
        ASSERT_TRUE(write_file_atomic(path("m.bin"), bad));
        EXPECT_FALSE(convert_llama2c(path("m.bin"), path("t.bin"), path("m.gguf")));
        EXPECT_FALSE(std::filesystem::exists(path("m.gguf")));
    }
}

/// Two shards of one tensor each; `change` may spoil the keys of the second.
class GgufShards : public testing::Test {
  protected:
    void write(int number, const std::string& tensor, std::uint16_t no, std::uint16_t count) {
        GgufWriter writer;
        if (number == 1) writer.set("general.architecture", std::string("llama"));
        writer.set("split.no", no);
        writer.set("split.count", count);
        writer.set("split.tensors.count", std::int32_t{2});
        const std::vector<float> values(8, static_cast<float>(number));
        ASSERT_TRUE(
            writer.add_tensor(tensor, TensorType::kF32, {8}, std::as_bytes(std::span(values))));
        ASSERT_TRUE(writer.write(path(number)));
    }
    std::filesystem::path path(int number) const {
        return folder_.path() / ("m-0000" + std::to_string(number) + "-of-00002.gguf");
    }
    std::string open_error(int number = 1) const {
        const auto file = GgufFile::open(path(number));
        return file ? "no error" : file.error().message;
    }
    ScopedFolder folder_{"cairn-gguf-shards-"};
};

TEST_F(GgufShards, AreOneFile) {
    write(1, "a", 0, 2);
    write(2, "b", 1, 2);
    const auto file = GgufFile::open(path(1));
    ASSERT_TRUE(file) << file.error().to_string();
    ASSERT_EQ(file->tensors().size(), 2U);
    ASSERT_NE(file->find_tensor("b"), nullptr);
    EXPECT_EQ(reinterpret_cast<const float*>(file->find_tensor("b")->bytes.data())[7], 2.0F);
    EXPECT_EQ(file->get_string("general.architecture").value(), "llama");
}

TEST_F(GgufShards, SayWhatDoesNotFit) {
    const auto expect = [&](const char* message, int number = 1) {
        EXPECT_NE(open_error(number).find(message), std::string::npos) << open_error(number);
    };
    write(1, "a", 0, 2);
    expect("shard 2 of 2 (m-00002-of-00002.gguf)");
    write(2, "b", 1, 3);
    expect("expected split.no 1 and split.count 2, found 1 and 3");
    write(2, "a", 1, 2);
    expect("found 'a' in two");
    write(2, "b", 1, 2);
    expect("expected the first shard, found shard 2 of 2", 2);
    const auto bytes = read_file(path(1), 1 << 20).value();
    const auto alone = GgufFile::parse(std::as_bytes(std::span(bytes)));
    ASSERT_FALSE(alone);
    EXPECT_NE(alone.error().message.find("first of 2 shards"), std::string::npos);
    std::filesystem::rename(path(1), folder_.path() / "other.gguf");
    EXPECT_NE(GgufFile::open(folder_.path() / "other.gguf").error().message.find("ends in -00001"),
              std::string::npos);
}

/// python.gguf was written by the Python package gguf (tools/golden/make_quant_golden.py).
TEST(GgufForeign, FileOfAnotherWriterIsRead) {
    const auto file =
        GgufFile::open(std::string(CAIRN_SOURCE_DIR) + "/src/format/testdata/python.gguf");
    ASSERT_TRUE(file) << file.error().to_string();
    EXPECT_EQ(file->get_string("general.name").value(), "made by gguf");
    EXPECT_EQ(file->get_u32("test.u32").value(), 7U);
    EXPECT_EQ(file->get_i64("test.i64").value(), -9);
    EXPECT_EQ(file->get_f32("test.f64").value(), 0.25F);
    EXPECT_TRUE(file->get_bool("test.bool").value());
    EXPECT_EQ(file->get_strings("test.strings").value(), (std::vector<std::string>{"a", "ä", ""}));
    EXPECT_EQ(file->get_integers("test.integers").value(), (std::vector<std::int64_t>{1, 2, 3}));
    const GgufTensor* floats = file->find_tensor("f32");
    ASSERT_NE(floats, nullptr);
    EXPECT_EQ(floats->dims, (std::vector<std::uint64_t>{4, 3}));
    EXPECT_EQ(reinterpret_cast<const float*>(floats->bytes.data())[11], 11.0F);
    for (const TensorTypeInfo& info : kTensorTypes) {
        if (info.block == 1) continue;
        const GgufTensor* tensor = file->find_tensor(info.name);
        ASSERT_NE(tensor, nullptr) << info.name;
        EXPECT_EQ(tensor->type, info.type);
        EXPECT_EQ(tensor->dims, (std::vector<std::uint64_t>{info.block, 2})) << info.name;
        EXPECT_EQ(tensor->bytes.size(), 2 * info.bytes) << info.name;
    }
    const GgufTensor* experts = file->find_tensor("experts");
    ASSERT_NE(experts, nullptr);
    EXPECT_EQ(experts->dims, (std::vector<std::uint64_t>{32, 2, 3}));
}

}  // namespace
}  // namespace cairn::format
