// SPDX-License-Identifier: Apache-2.0
// Safetensors: a JSON header and tensors side by side, over a read-only mapping. The reader trusts
// nothing: header size, dtypes, shapes and offsets are checked, gaps, overlaps and duplicates
// refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/tensor_type.h"

namespace cairn::format {

enum class SafetensorsType : std::uint8_t {
    kBool,
    kU8,
    kI8,
    kF8E5M2,
    kF8E4M3,
    kF8E8M0,
    kU16,
    kI16,
    kF16,
    kBF16,
    kU32,
    kI32,
    kF32,
    kU64,
    kI64,
    kF64,
};

/// "F32", "BF16", "F8_E4M3", ...
std::string_view safetensors_type_name(SafetensorsType type);
std::uint64_t safetensors_type_bytes(SafetensorsType type);
/// F32, F16 and BF16 are used in place; nullopt for all others.
std::optional<TensorType> weight_type(SafetensorsType type);

struct SafetensorsTensor {
    std::string name;
    SafetensorsType type = SafetensorsType::kF32;
    std::vector<std::uint64_t> shape;  ///< outermost first, as in Python; empty: one value
    /// Inside the mapping. The format promises no alignment: copy with memcpy, or use in place
    /// where the kernels read unaligned.
    std::span<const std::byte> bytes;
    std::uint64_t elements() const;
};

class SafetensorsFile {
  public:
    static Result<SafetensorsFile> open(const std::filesystem::path& path);
    /// Over memory that the caller keeps alive.
    static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);

    const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }  ///< by offset
    const SafetensorsTensor* find(std::string_view name) const;
    /// The strings of `__metadata__`.
    const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
    /// Owns the mapping; nullptr after `parse`.
    std::shared_ptr<const void> keep_alive() const { return mapping_; }

  private:
    Status read(std::span<const std::byte> bytes);

    std::shared_ptr<const void> mapping_;
    std::vector<SafetensorsTensor> tensors_;
    std::map<std::string, std::size_t, std::less<>> by_name_;
    std::map<std::string, std::string, std::less<>> metadata_;
};

/// What a writer puts into a file, with the strings of `__metadata__`. Same input, same bytes.
/// Errors: kInvalid for a duplicate name and for bytes that do not fit type and shape.
Result<std::string> write_safetensors(const std::vector<SafetensorsTensor>& tensors,
                                      const std::map<std::string, std::string>& metadata = {});

}  // namespace cairn::format
