// SPDX-License-Identifier: Apache-2.0
// What reader and writer share: tensor types and sizes.
#include <fmt/format.h>

#include <array>

#include "cairn/format/gguf.h"

namespace cairn::format {

std::string tensor_type_name(std::uint32_t type) {
    // ggml's numbers; empty: withdrawn or never given.
    static constexpr std::array<std::string_view, 42> kNames = {
        "F32",     "F16",   "Q4_0",   "Q4_1",  "",      "",       "Q5_0", "Q5_1",    "Q8_0",
        "Q8_1",    "Q2_K",  "Q3_K",   "Q4_K",  "Q5_K",  "Q6_K",   "Q8_K", "IQ2_XXS", "IQ2_XS",
        "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",   "I16",     "I32",
        "I64",     "F64",   "IQ1_M",  "BF16",  "",      "",       "",     "TQ1_0",   "TQ2_0",
        "",        "",      "",       "MXFP4", "NVFP4", "Q1_0"};
    if (type < kNames.size() && !kNames[type].empty()) return std::string(kNames[type]);
    return fmt::format("type {}", type);
}

std::uint64_t row_bytes(TensorType type, std::uint64_t width) {
    const TensorTypeInfo* info = find_tensor_type(static_cast<std::uint32_t>(type));
    if (info == nullptr || width % info->block != 0) return 0;
    return width / info->block * info->bytes;
}

std::uint64_t GgufTensor::elements() const {
    std::uint64_t count = 1;
    for (const std::uint64_t dim : dims) {
        count *= dim;
    }
    return count;
}

}  // namespace cairn::format
