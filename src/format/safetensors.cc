// SPDX-License-Identifier: Apache-2.0
// Reads and writes safetensors: u64 header size, JSON header, tensors without gaps.
#include "cairn/format/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/text/json.h"

namespace cairn::format {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "safetensors is read in place: little-endian only");

// An entry takes about 100 bytes, and the largest published shards hold a few thousand tensors.
constexpr std::uint64_t kHeaderBytesMax = 32 * limits::kMiB;
constexpr std::size_t kDimsMax = 8;  // convolutions have 4, nothing has more than 5

struct TypeRow {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array<TypeRow, 16> kTypes = {{{"BOOL", 1},
                                             {"U8", 1},
                                             {"I8", 1},
                                             {"F8_E5M2", 1},
                                             {"F8_E4M3", 1},
                                             {"F8_E8M0", 1},
                                             {"U16", 2},
                                             {"I16", 2},
                                             {"F16", 2},
                                             {"BF16", 2},
                                             {"U32", 4},
                                             {"I32", 4},
                                             {"F32", 4},
                                             {"U64", 8},
                                             {"I64", 8},
                                             {"F64", 8}}};

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "safetensors: " + std::move(message),
                      "the file is damaged or incomplete: fetch it again");
}

Result<SafetensorsType> read_type(const std::string& name, const std::string& shown) {
    const auto found = std::ranges::find(kTypes, shown, &TypeRow::name);
    if (found == kTypes.end()) {
        return make_error(Code::kUnsupported,
                          fmt::format("safetensors: tensor '{}': expected a known dtype, found "
                                      "'{}'",
                                      name, shown));
    }
    return static_cast<SafetensorsType>(found - kTypes.begin());
}

/// An array of at most `count_max` integers >= 0.
Result<std::vector<std::uint64_t>> read_numbers(const json& entry, const char* key,
                                                const std::string& name, std::size_t count_max) {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array() || found->size() > count_max) {
        return invalid(fmt::format("tensor '{}': expected '{}' as an array of at most {}", name,
                                   key, count_max));
    }
    std::vector<std::uint64_t> numbers;
    for (const json& value : *found) {
        if (!value.is_number_unsigned()) {
            return invalid(fmt::format("tensor '{}': expected integers >= 0 in '{}'", name, key));
        }
        numbers.push_back(value.get<std::uint64_t>());
    }
    return numbers;
}

/// Bytes of all values; an error when they do not fit into 63 bits.
Result<std::uint64_t> size_of(const SafetensorsTensor& tensor) {
    std::uint64_t size = safetensors_type_bytes(tensor.type);
    for (const std::uint64_t dim : tensor.shape) {
        if (__builtin_mul_overflow(size, dim, &size) || size > (std::uint64_t{1} << 62)) {
            return invalid(fmt::format("tensor '{}': expected a size below 2^62 bytes, found [{}]",
                                       tensor.name, fmt::join(tensor.shape, ", ")));
        }
    }
    return size;
}

struct Placed {
    SafetensorsTensor tensor;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

Result<Placed> read_entry(const std::string& name, const json& entry) {
    if (!entry.is_object()) return invalid(fmt::format("tensor '{}': expected an object", name));
    Placed placed;
    placed.tensor.name = name;
    const auto type = text::get_string(entry, "dtype");
    if (!type) return type.error().with_context(fmt::format("safetensors: tensor '{}'", name));
    placed.tensor.type = CAIRN_TRY(read_type(name, *type));
    placed.tensor.shape = CAIRN_TRY(read_numbers(entry, "shape", name, kDimsMax));
    const auto offsets = CAIRN_TRY(read_numbers(entry, "data_offsets", name, 2));
    if (offsets.size() != 2 || offsets[0] > offsets[1])
        return invalid(fmt::format("tensor '{}': expected data_offsets [begin, end]", name));
    placed.begin = offsets[0];
    placed.end = offsets[1];
    const std::uint64_t size = CAIRN_TRY(size_of(placed.tensor));
    if (size != placed.end - placed.begin) {
        return invalid(fmt::format("tensor '{}': expected {} bytes for {} [{}], found {}", name,
                                   size, *type, fmt::join(placed.tensor.shape, ", "),
                                   placed.end - placed.begin));
    }
    return placed;
}

/// Side by side from the first byte of the data to the last: no gap, no overlap.
Status place(std::vector<Placed>& all, std::span<const std::byte> data) {
    std::ranges::sort(all, [](const Placed& a, const Placed& b) {
        return a.begin != b.begin ? a.begin < b.begin
                                  : std::tie(a.end, a.tensor.name) < std::tie(b.end, b.tensor.name);
    });
    std::uint64_t next = 0;
    for (Placed& placed : all) {
        if (placed.begin != next) {
            return invalid(fmt::format(
                "tensor '{}': expected its bytes at offset {}, found {} ({})", placed.tensor.name,
                next, placed.begin, placed.begin < next ? "overlap" : "gap"));
        }
        if (placed.end > data.size()) {
            return invalid(fmt::format("tensor '{}': expected {} bytes of data, found {}",
                                       placed.tensor.name, placed.end, data.size()));
        }
        placed.tensor.bytes = data.subspan(placed.begin, placed.end - placed.begin);
        next = placed.end;
    }
    if (next != data.size()) {
        return invalid(
            fmt::format("expected {} bytes of data for all tensors, found {}", next, data.size()));
    }
    return {};
}

}  // namespace

std::string_view safetensors_type_name(SafetensorsType type) {
    return kTypes[static_cast<std::size_t>(type)].name;
}

std::uint64_t safetensors_type_bytes(SafetensorsType type) {
    return kTypes[static_cast<std::size_t>(type)].bytes;
}

std::optional<TensorType> weight_type(SafetensorsType type) {
    if (type == SafetensorsType::kF32) return TensorType::kF32;
    if (type == SafetensorsType::kF16) return TensorType::kF16;
    if (type == SafetensorsType::kBF16) return TensorType::kBF16;
    return std::nullopt;
}

std::uint64_t SafetensorsTensor::elements() const {
    return bytes.size() / safetensors_type_bytes(type);
}

Status SafetensorsFile::read(std::span<const std::byte> bytes) {
    std::uint64_t header_bytes = 0;
    if (bytes.size() < sizeof header_bytes)
        return invalid(fmt::format("expected at least 8 bytes, found {}", bytes.size()));
    std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
    bytes = bytes.subspan(sizeof header_bytes);
    if (header_bytes > bytes.size()) {
        return invalid(fmt::format("expected a header of {} bytes, found {} to the end of the file",
                                   header_bytes, bytes.size()));
    }
    if (header_bytes > kHeaderBytesMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("safetensors: expected a header of at most {} bytes, found "
                                      "{}",
                                      kHeaderBytesMax, header_bytes));
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), header_bytes);
    const auto parsed = text::parse_json(text, {.refuse_duplicate_keys = true});
    if (!parsed) return parsed.error().with_context("safetensors: header");
    if (!parsed->is_object()) return invalid("expected a JSON object as header");
    if (parsed->size() > limits::kGgufTensorsMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("safetensors: expected at most {} tensors, found {}",
                                      limits::kGgufTensorsMax, parsed->size()));
    }
    std::vector<Placed> all;
    for (const auto& [name, entry] : parsed->items()) {
        if (name == "__metadata__") {
            if (!entry.is_object()) return invalid("expected __metadata__ as an object");
            for (const auto& [key, value] : entry.items()) {
                if (!value.is_string())
                    return invalid(fmt::format("expected __metadata__.{} as a string", key));
                metadata_[key] = value.get<std::string>();
            }
            continue;
        }
        all.push_back(CAIRN_TRY(read_entry(name, entry)));
    }
    CAIRN_TRY(place(all, bytes.subspan(header_bytes)));
    for (Placed& placed : all) {
        by_name_.emplace(placed.tensor.name, tensors_.size());
        tensors_.push_back(std::move(placed.tensor));
    }
    return {};
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    auto mapping = std::make_shared<MappedFile>(CAIRN_TRY(MappedFile::open(path)));
    SafetensorsFile file;
    const Status status = file.read(mapping->bytes());
    if (!status) return status.error().with_context(path.string());
    file.mapping_ = std::move(mapping);
    return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
    SafetensorsFile file;
    CAIRN_TRY(file.read(bytes));
    return file;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

Result<std::string> write_safetensors(const std::vector<SafetensorsTensor>& tensors,
                                      const std::map<std::string, std::string>& metadata) {
    json header = json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::uint64_t offset = 0;
    for (const SafetensorsTensor& tensor : tensors) {
        const std::uint64_t size = CAIRN_TRY(size_of(tensor));
        if (header.contains(tensor.name) || tensor.name == "__metadata__")
            return invalid(fmt::format("expected each tensor once, found '{}'", tensor.name));
        if (size != tensor.bytes.size()) {
            return invalid(fmt::format("tensor '{}': expected {} bytes for its shape, found {}",
                                       tensor.name, size, tensor.bytes.size()));
        }
        header[tensor.name] = {{"dtype", safetensors_type_name(tensor.type)},
                               {"shape", tensor.shape},
                               {"data_offsets", {offset, offset + size}}};
        offset += size;
    }
    std::string text = text::dump_json(header);
    text.append((8 - text.size() % 8) % 8, ' ');  // the data starts aligned, as others write it
    const std::uint64_t header_bytes = text.size();
    std::string out(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
    out += text;
    for (const SafetensorsTensor& tensor : tensors)
        out.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    return out;
}

}  // namespace cairn::format
