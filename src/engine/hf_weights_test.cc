// SPDX-License-Identifier: Apache-2.0
// Quantised Hugging Face checkpoints against the values of their definition (made by
// tools/golden/make_hf_quant_golden.py).
#include "hf_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "cairn/base/files.h"
#include "cairn/kernels/kernels.h"

namespace cairn::engine {
namespace {

struct Case {
    const char* folder;
    TensorType type;
    double relative_error;  ///< 0: bit-equal
};

std::ostream& operator<<(std::ostream& out, const Case& test) {
    return out << test.folder;
}

class HfQuantised : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Methods, HfQuantised,
                         testing::Values(Case{"gptq_symmetric", TensorType::kQ4_0, 5e-4},
                                         Case{"gptq_zeros", TensorType::kQ4_1, 2e-3},
                                         Case{"gptq_v2_zeros", TensorType::kQ4_1, 2e-3},
                                         Case{"gptq_act_order", TensorType::kF16, 0},
                                         Case{"gptq_8_bits", TensorType::kQ8_0, 5e-4},
                                         Case{"awq", TensorType::kQ4_1, 2e-3},
                                         Case{"compressed", TensorType::kQ4_0, 0},
                                         Case{"fp8", TensorType::kBF16, 0},
                                         Case{"mxfp4", TensorType::kMXFP4, 0}),
                         [](const auto& info) { return std::string(info.param.folder); });

/// The reference layers of GPTQ and AWQ round scale * steps to half; Q4_0 and Q8_0 do not, so their
/// difference is that rounding. Q4_1 rounds scale * zero.
TEST_P(HfQuantised, HasTheValuesOfItsDefinition) {
    const auto directory = format::HfDirectory::open(
        std::string(CAIRN_SOURCE_DIR) + "/src/engine/testdata/hf_quantised/" + GetParam().folder);
    ASSERT_TRUE(directory) << directory.error().to_string();
    const auto weights = HfWeights::open(*directory);
    ASSERT_TRUE(weights) << weights.error().to_string();
    const std::string name = GetParam().type == TensorType::kMXFP4 ? "x" : "x.weight";
    EXPECT_EQ(weights->names(), (std::vector<std::string>{"expected", name}));
    EXPECT_TRUE(weights->has(name));
    const auto weight = weights->read(name);
    ASSERT_TRUE(weight) << weight.error().to_string();
    const auto expected = weights->read("expected");
    ASSERT_TRUE(expected);
    EXPECT_EQ(weight->type, GetParam().type);
    ASSERT_EQ(weight->shape, expected->shape);
    std::vector<float> wanted(expected->bytes.size() / 4);
    std::memcpy(wanted.data(), expected->bytes.data(), expected->bytes.size());
    const auto columns = static_cast<std::int64_t>(weight->shape.back());
    const auto rows = static_cast<std::int64_t>(wanted.size()) / columns;
    const std::int64_t stride = kernels::bytes_per_row(weight->type, columns);
    ASSERT_EQ(weight->bytes.size(), static_cast<std::size_t>(rows * stride));
    std::vector<float> got(wanted.size());
    for (std::int64_t r = 0; r < rows; ++r) {
        kernels::dequantise_row(weight->type, weight->bytes.data() + r * stride,
                                got.data() + r * columns, columns);
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
        // Rounding in half is relative to the value; zeros are rounded relative to 16 scales.
        const double allowed = GetParam().relative_error * std::max(std::fabs(wanted[i]), 0.1F);
        ASSERT_NEAR(got[i], wanted[i], allowed) << i;
    }
}

TEST(HfWeights, ReadsEveryFp8Value) {
    EXPECT_EQ(f8_e4m3_to_f32(0x38), 1.0F);
    EXPECT_EQ(f8_e4m3_to_f32(0x7E), 448.0F);
    EXPECT_EQ(f8_e4m3_to_f32(0x01), 0x1p-9F);
    EXPECT_EQ(f8_e4m3_to_f32(0x08), 0x1p-6F);
    EXPECT_TRUE(std::signbit(f8_e4m3_to_f32(0x80)));
    EXPECT_TRUE(std::isnan(f8_e4m3_to_f32(0xFF)));
}

class Hostile : public testing::Test {
  protected:
    Result<HfWeight> read(const std::string& config,
                          const std::vector<format::SafetensorsTensor>& tensors,
                          const std::string& name) {
        std::ofstream(folder_.path() / "config.json")
            << "{\"quantization_config\": " << config << "}";
        std::ofstream(folder_.path() / "model.safetensors", std::ios::binary)
            << format::write_safetensors(tensors).value();
        directory_ = CAIRN_TRY(format::HfDirectory::open(folder_.path()));
        const HfWeights weights = CAIRN_TRY(HfWeights::open(directory_));
        return weights.read(name);
    }
    ScopedFolder folder_{"cairn-hf-weights-"};
    format::HfDirectory directory_;
};

TEST_F(Hostile, RefusesWhatDoesNotFit) {
    using format::SafetensorsType;
    const std::vector<std::int32_t> words(64, 0x77777777);
    const auto bytes = std::as_bytes(std::span(words));
    const auto tensor = [&](const char* name, SafetensorsType type,
                            std::vector<std::uint64_t> shape, std::size_t size) {
        return format::SafetensorsTensor{name, type, std::move(shape), bytes.first(size)};
    };
    const auto message = [&](const std::string& config,
                             const std::vector<format::SafetensorsTensor>& tensors,
                             const std::string& name) {
        const auto weight = read(config, tensors, name);
        return weight ? "no error" : weight.error().message;
    };
    const auto i32 = SafetensorsType::kI32;
    const auto f16 = SafetensorsType::kF16;
    const std::string gptq = R"({"quant_method": "gptq", "bits": 4, "group_size": 32})";
    const auto qweight = tensor("x.qweight", i32, {4, 8}, 128);
    const auto scales = tensor("x.scales", f16, {1, 8}, 16);
    const auto qzeros = tensor("x.qzeros", i32, {1, 1}, 4);
    EXPECT_EQ(message(gptq, {qweight, scales, qzeros}, "x.weight"), "no error");
    EXPECT_NE(message(gptq, {qweight, qzeros}, "x.weight").find("x.scales"), std::string::npos);
    EXPECT_NE(message(gptq, {qweight, scales}, "x.weight").find("x.qzeros"), std::string::npos);
    EXPECT_NE(message(gptq, {tensor("x.qweight", i32, {4, 4}, 64), scales, qzeros}, "x.weight")
                  .find("x.qweight"),
              std::string::npos);
    EXPECT_NE(
        message(gptq, {qweight, scales, qzeros, tensor("x.g_idx", i32, {32}, 128)}, "x.weight")
            .find("groups below 1"),
        std::string::npos);
    EXPECT_NE(message(gptq, {qweight, scales, qzeros}, "y.weight").find("found none"),
              std::string::npos);
    EXPECT_NE(message(R"({"quant_method": "gptq", "bits": 3})", {qweight}, "x").find("3"),
              std::string::npos);
    EXPECT_NE(message(R"({"quant_method": "bitsandbytes"})", {qweight}, "x").find("bitsandbytes"),
              std::string::npos);
    EXPECT_NE(message(R"({"quant_method": "fp8"})",
                      {tensor("x.weight", SafetensorsType::kF8E4M3, {4, 4}, 16),
                       tensor("x.weight_scale_inv", f16, {2, 1}, 4)},
                      "x.weight")
                  .find("1 x 1 floats"),
              std::string::npos);
    EXPECT_NE(message(R"({"quant_method": "mxfp4"})",
                      {tensor("x_blocks", SafetensorsType::kU8, {1, 2, 15}, 30)}, "x")
                  .find("x_blocks"),
              std::string::npos);
    // No bytes, but sides that a loop over rows and columns would never finish.
    EXPECT_NE(message(R"({"quant_method": "fp8"})", {tensor("x.weight", f16, {0, 1ULL << 63}, 0)},
                      "x.weight")
                  .find("no empty side"),
              std::string::npos);
    EXPECT_NE(message(R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})",
                      {tensor("x.weight_packed", i32, {0, 1ULL << 60}, 0),
                       tensor("x.weight_scale", f16, {0, 1}, 0)},
                      "x.weight")
                  .find("x.weight_packed"),
              std::string::npos);
}

}  // namespace
}  // namespace cairn::engine
