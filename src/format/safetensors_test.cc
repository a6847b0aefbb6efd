// SPDX-License-Identifier: Apache-2.0
// Safetensors and Hugging Face folders: what is read, and every hostile case with its words.
#include "cairn/format/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "cairn/base/files.h"
#include "cairn/format/gguf.h"
#include "cairn/format/hf_directory.h"

namespace cairn::format {
namespace {

std::string file_of(std::string_view header, std::size_t data_bytes) {
    const std::uint64_t size = header.size();
    std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += header;
    bytes.append(data_bytes, '\0');
    return bytes;
}

std::string error_of(const std::string& bytes) {
    const auto file = SafetensorsFile::parse(std::as_bytes(std::span(bytes)));
    return file ? "no error" : file.error().message;
}

std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return std::string("{\"dtype\":\"") + std::string(dtype) +
           "\",\"shape\":" + std::string(shape) + ",\"data_offsets\":" + std::string(offsets) + "}";
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return "{\"t\":" + entry(dtype, shape, offsets) + "}";
}

TEST(Safetensors, WritesWhatItReads) {
    const std::vector<float> a = {1, 2, 3, 4, 5, 6};
    const std::vector<std::uint8_t> b = {7, 8, 9};
    const auto bytes =
        write_safetensors({{"a", SafetensorsType::kF32, {2, 3}, std::as_bytes(std::span(a))},
                           {"b", SafetensorsType::kF8E4M3, {3}, std::as_bytes(std::span(b))},
                           {"none", SafetensorsType::kBF16, {0, 4}, {}}},
                          {{"format", "pt"}});
    ASSERT_TRUE(bytes) << bytes.error().to_string();
    EXPECT_EQ(bytes->size() % 8, (a.size() * 4 + b.size()) % 8);
    const auto file = SafetensorsFile::parse(std::as_bytes(std::span(*bytes)));
    ASSERT_TRUE(file) << file.error().to_string();
    ASSERT_EQ(file->tensors().size(), 3U);
    const SafetensorsTensor* tensor = file->find("a");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->shape, (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(std::memcmp(tensor->bytes.data(), a.data(), 24), 0);
    EXPECT_EQ(file->find("b")->type, SafetensorsType::kF8E4M3);
    EXPECT_EQ(file->metadata().at("format"), "pt");
    EXPECT_EQ(file->find("c"), nullptr);
}

/// Written by the Python package safetensors (tools/golden/make_quant_golden.py).
TEST(Safetensors, ReadsTheFileOfAnotherWriter) {
    const auto file = SafetensorsFile::open(std::string(CAIRN_SOURCE_DIR) +
                                            "/src/format/testdata/python.safetensors");
    ASSERT_TRUE(file) << file.error().to_string();
    ASSERT_EQ(file->tensors().size(), 6U);
    EXPECT_EQ(file->metadata().at("format"), "pt");
    float six[6];
    ASSERT_EQ(file->find("f32")->bytes.size(), sizeof six);
    std::memcpy(six, file->find("f32")->bytes.data(), sizeof six);
    EXPECT_EQ(six[5], 5.0F);
    EXPECT_EQ(file->find("f32")->shape, (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(file->find("bf16")->type, SafetensorsType::kBF16);
    EXPECT_EQ(file->find("f8")->type, SafetensorsType::kF8E4M3);
    EXPECT_EQ(file->find("i32")->type, SafetensorsType::kI32);
    EXPECT_TRUE(file->find("scalar")->shape.empty());
    EXPECT_EQ(file->find("scalar")->elements(), 1U);
    EXPECT_EQ(file->find("empty")->elements(), 0U);
}

TEST(Safetensors, RefusesHostileFiles) {
    EXPECT_NE(error_of("").find("at least 8 bytes"), std::string::npos);
    EXPECT_NE(error_of(std::string(8, '\xFF')).find("header of 18446744073709551615 bytes"),
              std::string::npos);
    struct Case {
        std::string header;
        std::size_t data;
        const char* message;
    };
    const std::string twice = "\"t\":" + entry("U8", "[1]", "[0,1]");
    const Case cases[] = {
        {"{", 0, "header"},
        {"[]", 0, "JSON object"},
        {"{" + twice + "," + twice + "}", 1, "t"},
        {one("F99", "[1]", "[0,4]"), 4, "dtype, found 'F99'"},
        {one("F32", "[1]", "[0,4]"), 3, "4 bytes of data, found 3"},
        {one("F32", "[1]", "[0,4]"), 5, "4 bytes of data for all tensors, found 5"},
        {one("F32", "[2]", "[0,4]"), 4, "expected 8 bytes"},
        {one("F32", "[1]", "[4,0]"), 4, "[begin, end]"},
        {one("F32", "[1]", "[0]"), 4, "[begin, end]"},
        {one("F32", "[1]", "[0,4,4]"), 4, "array of at most 2"},
        {one("F32", "[-1]", "[0,4]"), 4, "integers >= 0"},
        {one("F32", "[1.5]", "[0,4]"), 4, "integers >= 0"},
        {one("F32", "[4294967296,4294967296]", "[0,0]"), 4, "below 2^62"},
        {one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "array of at most 8"},
        {one("F32", "\"x\"", "[0,4]"), 4, "'shape' as an array"},
        {"{\"t\":1}", 0, "expected an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__.a as a string"},
        {"{\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"b\":" + entry("U8", "[2]", "[1,3]") + "}", 3,
         "overlap"},
        {"{\"a\":" + entry("U8", "[1]", "[0,1]") + ",\"b\":" + entry("U8", "[1]", "[2,3]") + "}", 3,
         "gap"},
    };
    for (const Case& test : cases) {
        const std::string error = error_of(file_of(test.header, test.data));
        EXPECT_NE(error.find(test.message), std::string::npos) << test.header << " -> " << error;
    }
}

TEST(JsonConfig, ReadsDottedPaths) {
    const auto config = JsonConfig::parse(
        R"({"hidden_size": 64, "theta": 1e6, "eos": [1, 2], "one": 3, "none": null, "tied": true,
            "text_config": {"rope_scaling": {"factor": 2.5}}, "architectures": ["A"]})");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->get_integer("hidden_size").value(), 64);
    EXPECT_EQ(config->get_integer("theta").value(), 1'000'000);
    EXPECT_EQ(config->get_number("text_config.rope_scaling.factor").value(), 2.5);
    EXPECT_EQ(config->at("text_config").get_number("rope_scaling.factor").value(), 2.5);
    EXPECT_EQ(config->get_integers("eos").value(), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(config->get_integers("one").value(), (std::vector<std::int64_t>{3}));
    EXPECT_EQ(config->get_string("architectures.0").value(), "A");
    EXPECT_EQ(config->get_integer_or("none", 7).value(), 7);
    EXPECT_EQ(config->get_integer_or("absent", 7).value(), 7);
    EXPECT_TRUE(config->has("none"));
    EXPECT_TRUE(config->is_null("none"));
    EXPECT_FALSE(config->has("architectures.1"));
    EXPECT_EQ(config->get_integer("absent").error().code, Code::kNotFound);
    EXPECT_EQ(config->get_integer_or("tied", 7).error().code, Code::kInvalid);
    EXPECT_EQ(JsonConfig::parse("[]").error().code, Code::kInvalid);
}

class Folder : public testing::Test {
  protected:
    void put(const std::string& name, const std::string& content) {
        std::ofstream(folder_.path() / name, std::ios::binary) << content;
    }
    std::string open_error() {
        const auto directory = HfDirectory::open(folder_.path());
        return directory ? "no error" : directory.error().message;
    }
    ScopedFolder folder_{"cairn-hf-test-"};
};

TEST_F(Folder, OpensShardsByTheIndex) {
    put("config.json", R"({"torch_dtype": "bfloat16"})");
    put("a.safetensors", file_of("{\"x\":" + entry("F16", "[2]", "[0,4]") + "}", 4));
    put("b.safetensors", file_of("{\"y\":" + entry("F32", "[2,1]", "[0,8]") + "}", 8));
    put("model.safetensors.index.json",
        R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
    const auto directory = HfDirectory::open(folder_.path());
    ASSERT_TRUE(directory) << directory.error().to_string();
    EXPECT_EQ(directory->dtype(), "bfloat16");
    ASSERT_EQ(directory->tensors().size(), 2U);
    ASSERT_NE(directory->find("y"), nullptr);
    EXPECT_EQ(directory->find("y")->shape, (std::vector<std::uint64_t>{2, 1}));
    EXPECT_EQ(directory->find("z"), nullptr);

    const auto index = [&](const std::string& map) {
        put("model.safetensors.index.json", "{\"weight_map\": " + map + "}");
        return open_error();
    };
    EXPECT_NE(index(R"({"x": "../a.safetensors"})").find("found '../a.safetensors'"),
              std::string::npos);
    EXPECT_NE(index(R"({"x": "/etc/passwd"})").find("found '/etc/passwd'"), std::string::npos);
    EXPECT_NE(index(R"({"x": "a.safetensors", "y": "a.safetensors"})").find("'y' in shard a"),
              std::string::npos);
    EXPECT_NE(index(R"({"x": "c.safetensors"})").find("shard c.safetensors"), std::string::npos);
    EXPECT_NE(index("[]").find("weight_map"), std::string::npos);
    put("b.safetensors", file_of("{\"x\":" + entry("F32", "[2,1]", "[0,8]") +
                                     ",\"y\":" + entry("U8", "[1]", "[8,9]") + "}",
                                 9));
    EXPECT_NE(index(R"({"x": "a.safetensors", "y": "b.safetensors"})").find("found 'x' in two"),
              std::string::npos);
}

TEST_F(Folder, SaysWhatIsMissing) {
    EXPECT_NE(open_error().find("config.json"), std::string::npos);
    put("config.json", "{}");
    EXPECT_NE(open_error().find("found neither"), std::string::npos);
    put("model.safetensors", file_of(one("F32", "[1]", "[0,4]"), 4));
    EXPECT_EQ(open_error(), "no error");
}

TEST(GgufParts, HoldsWhatItIsGiven) {
    auto values = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4, 5, 6});
    const std::span<const std::byte> bytes = std::as_bytes(std::span(*values));
    auto file = GgufFile::from_parts({{"general.architecture", std::string("llama")}},
                                     {{"w", TensorType::kF32, {3, 2}, bytes}}, values);
    ASSERT_TRUE(file) << file.error().to_string();
    values.reset();
    EXPECT_EQ(file->get_string("general.architecture").value(), "llama");
    EXPECT_EQ(file->find_tensor("w")->elements(), 6U);
    const auto refused = [&](std::vector<GgufTensor> tensors) {
        return GgufFile::from_parts({}, std::move(tensors), nullptr).error().message;
    };
    const GgufTensor good = {"w", TensorType::kF32, {6}, bytes};
    EXPECT_NE(refused({good, good}).find("twice"), std::string::npos);
    EXPECT_NE(refused({{"w", TensorType::kF32, {5}, bytes}}).find("20 bytes"), std::string::npos);
    EXPECT_NE(refused({{"w", TensorType::kQ4_K, {6}, bytes}}).find("Q4_K"), std::string::npos);
    EXPECT_NE(refused({{"w", TensorType::kF32, {}, bytes}}).find("expected 0"), std::string::npos);
}

}  // namespace
}  // namespace cairn::format
