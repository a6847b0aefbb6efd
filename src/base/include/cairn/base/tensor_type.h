// SPDX-License-Identifier: Apache-2.0
// The types in which weights are stored: one table of number, name, values per block and bytes per
// block. The numbers are GGUF's. `format` reads and writes them, `kernels` computes with them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn {

enum class TensorType : std::uint32_t {
    kF32 = 0,
    kF16 = 1,
    kQ4_0 = 2,
    kQ4_1 = 3,
    kQ5_0 = 6,
    kQ5_1 = 7,
    kQ8_0 = 8,
    kQ2_K = 10,
    kQ3_K = 11,
    kQ4_K = 12,
    kQ5_K = 13,
    kQ6_K = 14,
    kIQ4_NL = 20,
    kIQ4_XS = 23,
    kBF16 = 30,
    kMXFP4 = 39,
};

struct TensorTypeInfo {
    TensorType type;
    std::string_view name;
    std::uint32_t block;  ///< values that are stored together; rows are a multiple of it
    std::uint32_t bytes;  ///< of one block
};

inline constexpr std::array<TensorTypeInfo, 16> kTensorTypes = {{
    {TensorType::kF32, "F32", 1, 4},
    {TensorType::kF16, "F16", 1, 2},
    {TensorType::kBF16, "BF16", 1, 2},
    {TensorType::kQ4_0, "Q4_0", 32, 18},
    {TensorType::kQ4_1, "Q4_1", 32, 20},
    {TensorType::kQ5_0, "Q5_0", 32, 22},
    {TensorType::kQ5_1, "Q5_1", 32, 24},
    {TensorType::kQ8_0, "Q8_0", 32, 34},
    {TensorType::kQ2_K, "Q2_K", 256, 84},
    {TensorType::kQ3_K, "Q3_K", 256, 110},
    {TensorType::kQ4_K, "Q4_K", 256, 144},
    {TensorType::kQ5_K, "Q5_K", 256, 176},
    {TensorType::kQ6_K, "Q6_K", 256, 210},
    {TensorType::kIQ4_NL, "IQ4_NL", 32, 18},
    {TensorType::kIQ4_XS, "IQ4_XS", 256, 136},
    {TensorType::kMXFP4, "MXFP4", 32, 17},
}};

/// nullptr for a number that is not in the table.
constexpr const TensorTypeInfo* find_tensor_type(std::uint32_t number) {
    for (const TensorTypeInfo& info : kTensorTypes) {
        if (static_cast<std::uint32_t>(info.type) == number) return &info;
    }
    return nullptr;
}

/// Place in kTensorTypes.
constexpr std::size_t tensor_type_index(TensorType type) {
    std::size_t index = 0;
    while (kTensorTypes[index].type != type)
        ++index;
    return index;
}

constexpr const TensorTypeInfo* find_tensor_type(std::string_view name) {
    for (const TensorTypeInfo& info : kTensorTypes) {
        if (info.name == name) return &info;
    }
    return nullptr;
}

}  // namespace cairn
