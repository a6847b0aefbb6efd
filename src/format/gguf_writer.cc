// SPDX-License-Identifier: Apache-2.0
// Writes GGUF version 3 with alignment 32: header, metadata, tensor infos, then the tensors in the
// order they were added.
#include <fmt/format.h>

#include <array>

#include "cairn/base/limits.h"
#include "cairn/base/write_pieces.h"
#include "cairn/format/gguf.h"

namespace cairn::format {
namespace {

constexpr std::uint64_t kAlignment = 32;
constexpr std::uint32_t kArrayType = 9;
constexpr std::size_t kScalarTypes = 12;  // alternatives of GgufValue before the arrays

template <typename T>
void put(std::string& out, const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
        put(out, static_cast<std::uint64_t>(value.size()));
        out += value;
    } else if constexpr (std::is_same_v<T, bool>) {
        out.push_back(value ? 1 : 0);
    } else {
        out.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
}

/// The file's number of the index-th scalar alternative: number 9 is the array.
std::uint32_t type_number(std::size_t index) {
    return static_cast<std::uint32_t>(index < kArrayType ? index : index + 1);
}

void put_value(std::string& out, const GgufValue& value) {
    const bool is_array = value.index() >= kScalarTypes;
    if (is_array) put(out, kArrayType);
    put(out, type_number(value.index() % kScalarTypes));
    std::visit(
        [&](const auto& held) {
            using T = std::decay_t<decltype(held)>;
            if constexpr (requires { held.size(); } && !std::is_same_v<T, std::string>) {
                put(out, static_cast<std::uint64_t>(held.size()));
                for (const typename T::value_type& element : held) {
                    put(out, element);
                }
            } else {
                put(out, held);
            }
        },
        value);
}

void pad(std::string& out) {
    out.append((kAlignment - out.size() % kAlignment) % kAlignment, '\0');
}

}  // namespace

void GgufWriter::set(std::string_view key, GgufValue value) {
    for (auto& [name, old] : metadata_) {
        if (name == key) {
            old = std::move(value);
            return;
        }
    }
    metadata_.emplace_back(key, std::move(value));
}

Status GgufWriter::add_tensor(std::string_view name, TensorType type,
                              std::vector<std::uint64_t> dims, std::span<const std::byte> bytes) {
    return add({std::string(name), type, std::move(dims), bytes}, {});
}

Status GgufWriter::add_tensor(std::string_view name, TensorType type,
                              std::vector<std::uint64_t> dims, Fill fill) {
    return add({std::string(name), type, std::move(dims), {}}, std::move(fill));
}

Status GgufWriter::add(GgufTensor tensor, Fill fill) {
    const std::string& name = tensor.name;
    if (name.empty() || name.size() > 63) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a tensor name of 1 to 63 bytes, found '{}'", name));
    }
    if (names_.contains(name)) {
        return make_error(Code::kInvalid,
                          fmt::format("expected each tensor once, found '{}' twice", name));
    }
    const bool counted = !tensor.dims.empty() &&
                         tensor.dims.size() <= static_cast<std::size_t>(limits::kGgufDimsMax) &&
                         tensor.dims[0] > 0;
    const std::uint64_t size =
        counted ? row_bytes(tensor.type, tensor.dims[0]) * (tensor.elements() / tensor.dims[0]) : 0;
    if (size == 0 || (!fill && size != tensor.bytes.size())) {
        return make_error(Code::kInvalid,
                          fmt::format("tensor '{}': expected {} bytes for its dims, found {}", name,
                                      size, tensor.bytes.size()));
    }
    names_.insert(name);
    tensors_.push_back({std::move(tensor), size, std::move(fill)});
    return {};
}

std::string GgufWriter::head() const {
    std::string out = "GGUF";
    put(out, std::uint32_t{3});
    put(out, static_cast<std::uint64_t>(tensors_.size()));
    put(out, static_cast<std::uint64_t>(metadata_.size()));
    for (const auto& [key, value] : metadata_) {
        put(out, key);
        put_value(out, value);
    }
    std::uint64_t offset = 0;
    for (const auto& [tensor, size, fill] : tensors_) {
        put(out, tensor.name);
        put(out, static_cast<std::uint32_t>(tensor.dims.size()));
        for (const std::uint64_t dim : tensor.dims) {
            put(out, dim);
        }
        put(out, static_cast<std::uint32_t>(tensor.type));
        put(out, offset);
        offset += (size + kAlignment - 1) / kAlignment * kAlignment;
    }
    pad(out);
    return out;
}

Status GgufWriter::put_tensors(const std::function<Status(std::string_view)>& sink) const {
    constexpr std::array<char, kAlignment> kZeros{};
    std::vector<std::byte> made;
    for (const auto& [tensor, size, fill] : tensors_) {
        std::span<const std::byte> bytes = tensor.bytes;
        if (fill) {
            made.resize(size);
            const Status status = fill(made);
            if (!status) return status.error().with_context("tensor " + tensor.name);
            bytes = made;
        }
        CAIRN_TRY(sink({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
        CAIRN_TRY(sink({kZeros.data(), (kAlignment - size % kAlignment) % kAlignment}));
    }
    return {};
}

std::string GgufWriter::to_bytes() const {
    std::string out = head();
    std::uint64_t size = out.size();
    for (const Pending& pending : tensors_) {
        CAIRN_ASSERT(!pending.fill);
        size += pending.size + kAlignment;
    }
    out.reserve(size);
    const Status status = put_tensors([&](std::string_view piece) {
        out += piece;
        return Status();
    });
    CAIRN_ASSERT(status.has_value());
    return out;
}

Status GgufWriter::write(const std::filesystem::path& path) const {
    return write_file_pieces(path, [&](const PieceSink& sink) -> Status {
        CAIRN_TRY(sink(head()));
        return put_tensors(sink);
    });
}

}  // namespace cairn::format
