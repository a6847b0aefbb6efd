// SPDX-License-Identifier: Apache-2.0
// A model folder out of one fuzz input: JSON, a zero byte, then a line for each tensor,
// "NAME TYPE FILL DIM DIM ..."; every byte of a tensor is FILL. So mutations reach what reads
// configurations, names, types and shapes, and need not keep offsets right.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/files.h"
#include "cairn/format/safetensors.h"

namespace cairn::fuzz {

inline constexpr std::uint64_t kTensorBytesMax = 1 << 18;
inline constexpr std::size_t kTensorsMax = 256;

inline std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(at), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// False for a line that names no tensor of a size for fuzzing.
inline bool read_tensor(std::string_view line, format::SafetensorsTensor& tensor) {
    static const auto kBytes = [] {
        std::array<std::vector<std::byte>, 256> all;
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i].assign(i < 3 || i == 0x11 ? kTensorBytesMax : 4096, static_cast<std::byte>(i));
        return all;
    }();
    const auto words = split(line, ' ');
    if (words.size() < 3 || words.size() > 3 + 8) return false;
    tensor.name = words[0];
    for (int type = 0; format::safetensors_type_name(tensor.type) != words[1]; ++type) {
        if (type > static_cast<int>(format::SafetensorsType::kF64)) return false;
        tensor.type = static_cast<format::SafetensorsType>(type);
    }
    std::uint8_t fill = 0;
    std::from_chars(words[2].data(), words[2].data() + words[2].size(), fill);
    std::uint64_t bytes = format::safetensors_type_bytes(tensor.type);
    for (std::size_t i = 3; i < words.size(); ++i) {
        std::uint64_t dim = 0;
        std::from_chars(words[i].data(), words[i].data() + words[i].size(), dim);
        tensor.shape.push_back(dim);
        if (__builtin_mul_overflow(bytes, dim, &bytes)) return false;
    }
    if (bytes > kBytes[fill].size()) return false;
    tensor.bytes = std::span(kBytes[fill]).first(bytes);
    return true;
}

inline void write(const std::filesystem::path& path, std::string_view bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    CAIRN_ASSERT(file != nullptr);
    CAIRN_ASSERT(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    CAIRN_ASSERT(std::fclose(file) == 0);
}

/// Writes JSON and weights under these names; false when no weights can be made of the lines.
inline bool write_folder(const std::filesystem::path& folder, std::string_view input,
                         const char* json_name, const char* weights_name) {
    const std::size_t cut = std::min(input.find('\0'), input.size());
    std::map<std::string, format::SafetensorsTensor> tensors;
    for (const std::string_view line : split(input.substr(cut), '\n')) {
        format::SafetensorsTensor tensor;
        const bool good = read_tensor(line.starts_with('\0') ? line.substr(1) : line, tensor);
        if (good && tensors.size() < kTensorsMax) tensors.insert_or_assign(tensor.name, tensor);
    }
    std::vector<format::SafetensorsTensor> list;
    for (auto& [name, tensor] : tensors)
        list.push_back(std::move(tensor));
    const auto weights = format::write_safetensors(list);
    if (!weights) return false;
    write(folder / json_name, input.substr(0, cut));
    write(folder / weights_name, *weights);
    return true;
}

}  // namespace cairn::fuzz
