// SPDX-License-Identifier: Apache-2.0
// GGUF version 3, the model file: typed metadata and tensors over a read-only mapping, and a writer
// whose bytes depend on its input only. The reader trusts nothing: every size is checked against
// the rest of the file before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/tensor_type.h"

namespace cairn::format {

/// Tensor types that are read (cairn/base/tensor_type.h). Others are refused by name.
using cairn::TensorType;

/// "F32", "Q8_0", ... for known numbers, also those that are refused; "type 97" for others.
std::string tensor_type_name(std::uint32_t type);

/// Bytes of a row of `width` values; 0 when the width is not a multiple of the type's block.
std::uint64_t row_bytes(TensorType type, std::uint64_t width);

/// A metadata value with the exact type that the file holds.
using GgufValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                 std::int32_t, float, bool, std::string, std::uint64_t, std::int64_t, double,
                 std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                 std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                 std::vector<float>, std::vector<bool>, std::vector<std::string>,
                 std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>>;

struct GgufTensor {
    std::string name;
    TensorType type = TensorType::kF32;
    /// 1 to 4, innermost (contiguous) first: a matrix is {columns, rows}, the experts of a layer
    /// are {columns, rows, experts}.
    std::vector<std::uint64_t> dims;
    std::span<const std::byte> bytes;  ///< inside the mapping, aligned to the file's alignment
    std::uint64_t elements() const;
};

class GgufFile {
  public:
    /// Of a model in shards: the path of the first, NAME-00001-of-00003.gguf; all are mapped and
    /// checked against split.no, split.count and split.tensors.count.
    static Result<GgufFile> open(const std::filesystem::path& path);
    /// Over memory that the caller keeps alive.
    static Result<GgufFile> parse(std::span<const std::byte> bytes);
    /// A file that was never one: metadata and tensors from another format, under GGUF's names.
    /// `keep_alive` owns the memory of all tensor bytes. Errors: kInvalid for a duplicate or empty
    /// name and for bytes that do not fit type and dims.
    static Result<GgufFile> from_parts(std::map<std::string, GgufValue, std::less<>> metadata,
                                       std::vector<GgufTensor> tensors,
                                       std::shared_ptr<const void> keep_alive);

    GgufFile(GgufFile&&) noexcept;
    GgufFile& operator=(GgufFile&&) noexcept;
    ~GgufFile();

    bool has(std::string_view key) const;
    const std::map<std::string, GgufValue, std::less<>>& metadata() const;

    /// kNotFound when the key is absent, kInvalid when it has another type; both name the key.
    /// Integers of any width are accepted where the value fits; get_f32 takes f32 and f64.
    Result<std::uint32_t> get_u32(std::string_view key) const;
    Result<std::int64_t> get_i64(std::string_view key) const;
    Result<float> get_f32(std::string_view key) const;
    Result<bool> get_bool(std::string_view key) const;
    Result<std::string> get_string(std::string_view key) const;
    Result<std::vector<std::string>> get_strings(std::string_view key) const;
    Result<std::vector<std::int64_t>> get_integers(std::string_view key) const;
    Result<std::vector<float>> get_floats(std::string_view key) const;
    /// The value when the key is absent; a present key of another type is still an error.
    Result<std::uint32_t> get_u32_or(std::string_view key, std::uint32_t other) const;
    Result<float> get_f32_or(std::string_view key, float other) const;
    Result<bool> get_bool_or(std::string_view key, bool other) const;
    Result<std::string> get_string_or(std::string_view key, std::string_view other) const;

    const std::vector<GgufTensor>& tensors() const;              ///< in the file's order
    const GgufTensor* find_tensor(std::string_view name) const;  ///< nullptr when absent

  private:
    struct State;
    explicit GgufFile(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Collects metadata and tensors, then writes the file in one atomic step. Same calls, same bytes.
class GgufWriter {
  public:
    /// Keys come out in the order of their first set; a second set replaces the value.
    void set(std::string_view key, GgufValue value);
    /// `bytes` must stay alive until the file is written. Errors: kInvalid for a size that does not
    /// fit the dims, a duplicate or too long name.
    Status add_tensor(std::string_view name, TensorType type, std::vector<std::uint64_t> dims,
                      std::span<const std::byte> bytes);
    /// A tensor that is made only when it is written: `fill` gets memory of its whole size.
    using Fill = std::function<Status(std::span<std::byte> bytes)>;
    Status add_tensor(std::string_view name, TensorType type, std::vector<std::uint64_t> dims,
                      Fill fill);
    /// Only for tensors with bytes.
    std::string to_bytes() const;
    /// In one atomic step; holds one tensor of `Fill` at a time.
    Status write(const std::filesystem::path& path) const;

  private:
    struct Pending {
        GgufTensor tensor;
        std::uint64_t size = 0;
        Fill fill;  ///< empty: the tensor has its bytes
    };
    Status add(GgufTensor tensor, Fill fill);
    std::string head() const;
    Status put_tensors(const std::function<Status(std::string_view)>& sink) const;

    std::vector<std::pair<std::string, GgufValue>> metadata_;
    std::vector<Pending> tensors_;
    std::set<std::string, std::less<>> names_;
};

}  // namespace cairn::format
