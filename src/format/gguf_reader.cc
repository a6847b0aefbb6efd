// SPDX-License-Identifier: Apache-2.0
// Reads GGUF version 3 (ggml docs/gguf.md). A cursor that knows what is left of the file gives
// every value, so that no declared size is believed before it is compared with the bytes that are
// there.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/gguf.h"

namespace cairn::format {
namespace {

static_assert(std::endian::native == std::endian::little,
              "GGUF is read in place: little-endian only");

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kKeyBytesMax = 65'535;     // of the specification
constexpr std::size_t kTensorNameBytesMax = 63;  // ggml keeps names in 64 bytes
constexpr std::uint32_t kAlignmentDefault = 32;
constexpr std::uint32_t kAlignmentMax = 1 << 16;
constexpr std::uint32_t kArrayType = 9;

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "GGUF: " + std::move(message),
                      "the file is damaged or incomplete: fetch or convert it again");
}

class Cursor {
  public:
    explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

    std::uint64_t left() const { return bytes_.size() - offset_; }
    std::uint64_t offset() const { return offset_; }

    template <typename T>
    Result<T> read() {
        if constexpr (std::is_same_v<T, std::string>) {
            return read_string(limits::kGgufStringBytesMax);
        } else if constexpr (std::is_same_v<T, bool>) {
            const auto byte = CAIRN_TRY(read<std::uint8_t>());
            if (byte > 1) return invalid(fmt::format("expected a bool of 0 or 1, found {}", byte));
            return byte == 1;
        } else {
            if (left() < sizeof(T)) return short_of(sizeof(T));
            T value;
            std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
            offset_ += sizeof(T);
            return value;
        }
    }

    Result<std::string> read_string(std::uint64_t bytes_max) {
        const auto length = CAIRN_TRY(read<std::uint64_t>());
        if (length > left()) return short_of(length);
        if (length > bytes_max) {
            return make_error(Code::kTooLarge,
                              fmt::format("GGUF: expected a string of at most {} bytes, found {}",
                                          bytes_max, length));
        }
        std::string value(reinterpret_cast<const char*>(bytes_.data() + offset_), length);
        offset_ += length;
        return value;
    }

    Error short_of(std::uint64_t needed) const {
        return invalid(
            fmt::format("expected {} more bytes at offset {}, found {} to the end of the file",
                        needed, offset_, left()));
    }

  private:
    std::span<const std::byte> bytes_;
    std::uint64_t offset_ = 0;
};

template <typename T>
Result<GgufValue> read_value(Cursor& cursor, bool is_array) {
    if (!is_array) return GgufValue(CAIRN_TRY(cursor.read<T>()));
    const auto count = CAIRN_TRY(cursor.read<std::uint64_t>());
    constexpr std::uint64_t kBytesMin = std::is_same_v<T, std::string> ? 8 : sizeof(T);
    if (count > cursor.left() / kBytesMin) {
        return invalid(fmt::format(
            "expected an array that fits into the remaining {} bytes, found {} elements",
            cursor.left(), count));
    }
    std::vector<T> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        values.push_back(CAIRN_TRY(cursor.read<T>()));
    }
    return GgufValue(std::move(values));
}

Result<GgufValue> read_typed(Cursor& cursor, std::uint32_t type, bool is_array) {
    switch (type) {
        case 0:
            return read_value<std::uint8_t>(cursor, is_array);
        case 1:
            return read_value<std::int8_t>(cursor, is_array);
        case 2:
            return read_value<std::uint16_t>(cursor, is_array);
        case 3:
            return read_value<std::int16_t>(cursor, is_array);
        case 4:
            return read_value<std::uint32_t>(cursor, is_array);
        case 5:
            return read_value<std::int32_t>(cursor, is_array);
        case 6:
            return read_value<float>(cursor, is_array);
        case 7:
            return read_value<bool>(cursor, is_array);
        case 8:
            return read_value<std::string>(cursor, is_array);
        case 10:
            return read_value<std::uint64_t>(cursor, is_array);
        case 11:
            return read_value<std::int64_t>(cursor, is_array);
        case 12:
            return read_value<double>(cursor, is_array);
        default:
            break;
    }
    return invalid(
        fmt::format("expected a value type 0 to 12 (arrays not nested), found {}", type));
}

struct Header {
    std::uint64_t tensors = 0;
    std::uint64_t keys = 0;
};

Result<Header> read_header(Cursor& cursor) {
    const auto magic = CAIRN_TRY(cursor.read<std::uint32_t>());
    if (magic != 0x46554747) {  // "GGUF"
        return make_error(Code::kInvalid,
                          "expected a GGUF file (first bytes 'GGUF'), found something else",
                          "give a model file that ends in .gguf");
    }
    const auto version = CAIRN_TRY(cursor.read<std::uint32_t>());
    if (version == __builtin_bswap32(kVersion)) {
        return make_error(Code::kUnsupported,
                          "GGUF: expected a little-endian file, found a big-endian one");
    }
    if (version != kVersion) {
        return make_error(Code::kUnsupported,
                          fmt::format("GGUF: expected version 3, found {}", version),
                          "convert the model again with a current converter");
    }
    Header header;
    header.tensors = CAIRN_TRY(cursor.read<std::uint64_t>());
    header.keys = CAIRN_TRY(cursor.read<std::uint64_t>());
    if (header.tensors > limits::kGgufTensorsMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("GGUF: expected at most {} tensors, found {}",
                                      limits::kGgufTensorsMax, header.tensors));
    }
    if (header.keys > limits::kGgufKeysMax) {
        return make_error(Code::kTooLarge, fmt::format("GGUF: expected at most {} keys, found {}",
                                                       limits::kGgufKeysMax, header.keys));
    }
    return header;
}

using Metadata = std::map<std::string, GgufValue, std::less<>>;

Status read_metadata(Cursor& cursor, std::uint64_t count, Metadata& metadata) {
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string key = CAIRN_TRY(cursor.read_string(kKeyBytesMax));
        if (key.empty())
            return invalid(fmt::format("expected a name for key {}, found an empty one", i));
        if (metadata.contains(key))
            return invalid(fmt::format("expected each key once, found '{}' twice", key));
        auto type = CAIRN_TRY(cursor.read<std::uint32_t>());
        const bool is_array = type == kArrayType;
        if (is_array) type = CAIRN_TRY(cursor.read<std::uint32_t>());
        auto value = read_typed(cursor, type, is_array);
        if (!value) return value.error().with_context(fmt::format("key '{}'", key));
        metadata.emplace(std::move(key), *std::move(value));
    }
    return {};
}

Result<std::uint64_t> alignment_of(const Metadata& metadata) {
    const auto found = metadata.find("general.alignment");
    if (found == metadata.end()) return std::uint64_t{kAlignmentDefault};
    const auto* alignment = std::get_if<std::uint32_t>(&found->second);
    if (alignment == nullptr)
        return invalid("expected general.alignment as u32, found another type");
    if (!std::has_single_bit(*alignment) || *alignment < 4 || *alignment > kAlignmentMax) {
        return invalid(
            fmt::format("expected an alignment that is a power of two from 4 to {}, found {}",
                        kAlignmentMax, *alignment));
    }
    return std::uint64_t{*alignment};
}

struct TensorInfo {
    GgufTensor tensor;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// Bytes of all values; 0 when the size does not fit into 63 bits or the type's blocks.
std::uint64_t checked_size(const GgufTensor& tensor) {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t elements = 1;
    for (const std::uint64_t dim : tensor.dims) {
        if (__builtin_mul_overflow(elements, dim, &elements) || elements > kMax / 8) return 0;
    }
    // dims[0] <= elements, so neither factor nor product passes 2^63.
    return row_bytes(tensor.type, tensor.dims[0]) * (elements / tensor.dims[0]);
}

Result<TensorInfo> read_tensor_info(Cursor& cursor, std::uint64_t alignment) {
    TensorInfo info;
    GgufTensor& tensor = info.tensor;
    tensor.name = CAIRN_TRY(cursor.read_string(limits::kGgufStringBytesMax));
    const std::string shown = tensor.name.substr(0, kTensorNameBytesMax);
    if (tensor.name.empty() || tensor.name.size() > kTensorNameBytesMax) {
        return invalid(fmt::format("expected tensor names of 1 to {} bytes, found {} ('{}')",
                                   kTensorNameBytesMax, tensor.name.size(), shown));
    }
    const auto dims = CAIRN_TRY(cursor.read<std::uint32_t>());
    if (dims < 1 || dims > static_cast<std::uint32_t>(limits::kGgufDimsMax)) {
        return invalid(fmt::format("tensor '{}': expected 1 to {} dims, found {}", shown,
                                   limits::kGgufDimsMax, dims));
    }
    for (std::uint32_t i = 0; i < dims; ++i) {
        tensor.dims.push_back(CAIRN_TRY(cursor.read<std::uint64_t>()));
        if (tensor.dims.back() == 0)
            return invalid(fmt::format("tensor '{}': expected dims above 0, found 0", shown));
    }
    const auto type = CAIRN_TRY(cursor.read<std::uint32_t>());
    tensor.type = static_cast<TensorType>(type);
    if (find_tensor_type(type) == nullptr) {
        return make_error(
            Code::kUnsupported,
            fmt::format("GGUF: tensor '{}': expected a known type (F32, F16, BF16, Q4_0 to Q8_0, "
                        "Q2_K to Q6_K, IQ4_NL, IQ4_XS, MXFP4), found {}",
                        shown, tensor_type_name(type)),
            "use a Q4_K, Q8_0 or F16 version of the model");
    }
    info.size = checked_size(tensor);
    if (info.size == 0) {
        return invalid(fmt::format(
            "tensor '{}': expected dims whose size is whole and below 2^63 bytes, found {}", shown,
            fmt::join(tensor.dims, " x ")));
    }
    info.offset = CAIRN_TRY(cursor.read<std::uint64_t>());
    if (info.offset % alignment != 0) {
        return invalid(
            fmt::format("tensor '{}': expected an offset that is a multiple of {}, found {}", shown,
                        alignment, info.offset));
    }
    return info;
}

/// Places the tensors into the data part: all inside, none over another.
Status place_tensors(std::vector<TensorInfo>& infos, std::span<const std::byte> data) {
    for (TensorInfo& info : infos) {
        if (info.size > data.size() || info.offset > data.size() - info.size) {
            return invalid(fmt::format(
                "tensor '{}': expected {} bytes at offset {} of the data, found {} bytes of data",
                info.tensor.name, info.size, info.offset, data.size()));
        }
        info.tensor.bytes = data.subspan(info.offset, info.size);
    }
    std::vector<const TensorInfo*> sorted;
    for (const TensorInfo& info : infos) {
        sorted.push_back(&info);
    }
    std::ranges::sort(sorted, {}, &TensorInfo::offset);
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        if (sorted[i - 1]->offset + sorted[i - 1]->size > sorted[i]->offset) {
            return invalid(fmt::format("expected tensors side by side, found '{}' over '{}'",
                                       sorted[i]->tensor.name, sorted[i - 1]->tensor.name));
        }
    }
    return {};
}

Error wrong_type(std::string_view key, std::string_view expected) {
    return invalid(fmt::format("key '{}': expected {}, found another type", key, expected));
}

}  // namespace

struct GgufFile::State {
    MappedFile file;  // empty when parsed from the caller's memory
    Metadata metadata;
    std::vector<GgufTensor> tensors;
    std::map<std::string_view, std::size_t> by_name;
    std::shared_ptr<const void> keep_alive;      // of from_parts
    std::vector<std::unique_ptr<State>> shards;  // after the first; they hold their mappings

    Status read(std::span<const std::byte> bytes);
    Result<std::int64_t> shard_count() const;
    Status read_shards(const std::filesystem::path& first);
    Status add_shard(const std::filesystem::path& path, std::int64_t number, std::int64_t count);

    void index_tensors() {
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            by_name.emplace(tensors[i].name, i);
        }
    }

    const GgufValue* find(std::string_view key) const {
        const auto found = metadata.find(key);
        return found == metadata.end() ? nullptr : &found->second;
    }

    template <typename T>
    Result<T> get(std::string_view key, std::string_view expected) const {
        const GgufValue* value = find(key);
        if (value == nullptr) {
            return make_error(Code::kNotFound,
                              fmt::format("GGUF: expected the key '{}', found none", key));
        }
        const T* held = std::get_if<T>(value);
        if (held == nullptr) return wrong_type(key, expected);
        return *held;
    }
};

Status GgufFile::State::read(std::span<const std::byte> bytes) {
    Cursor cursor(bytes);
    const Header header = CAIRN_TRY(read_header(cursor));
    CAIRN_TRY(read_metadata(cursor, header.keys, metadata));
    const std::uint64_t alignment = CAIRN_TRY(alignment_of(metadata));
    std::vector<TensorInfo> infos;
    std::set<std::string> names;
    for (std::uint64_t i = 0; i < header.tensors; ++i) {
        infos.push_back(CAIRN_TRY(read_tensor_info(cursor, alignment)));
        if (!names.insert(infos.back().tensor.name).second) {
            return invalid(fmt::format("expected each tensor once, found '{}' twice",
                                       infos.back().tensor.name));
        }
    }
    const std::uint64_t start = (cursor.offset() + alignment - 1) / alignment * alignment;
    CAIRN_TRY(place_tensors(infos, bytes.subspan(std::min<std::uint64_t>(start, bytes.size()))));
    for (TensorInfo& info : infos) {
        tensors.push_back(std::move(info.tensor));
    }
    index_tensors();
    return {};
}

namespace {

/// An integer of any width that is not negative; nullopt for other types.
std::optional<std::int64_t> split_number(const GgufValue& value) {
    return std::visit(
        [](const auto& held) -> std::optional<std::int64_t> {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
                if (std::in_range<std::int64_t>(held) && std::cmp_greater_equal(held, 0))
                    return static_cast<std::int64_t>(held);
            }
            return std::nullopt;
        },
        value);
}

Result<std::int64_t> split_key(const GgufValue* value, std::string_view key, std::int64_t other) {
    if (value == nullptr) return other;
    const auto number = split_number(*value);
    if (!number) return wrong_type(key, "an integer >= 0");
    return *number;
}

}  // namespace

Result<std::int64_t> GgufFile::State::shard_count() const {
    const std::int64_t number = CAIRN_TRY(split_key(find("split.no"), "split.no", 0));
    const std::int64_t count = CAIRN_TRY(split_key(find("split.count"), "split.count", 1));
    if (number != 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("GGUF: expected the first shard, found shard {} of {}", number + 1, count),
            "give the file whose name ends in -00001-of-" + fmt::format("{:05}.gguf", count));
    }
    return std::max<std::int64_t>(count, 1);
}

/// Maps NAME-00002-of-N.gguf and so on, as the first shard's keys announce them.
Status GgufFile::State::read_shards(const std::filesystem::path& first) {
    const std::int64_t count = CAIRN_TRY(shard_count());
    if (count == 1) return {};
    const std::string ending = fmt::format("-00001-of-{:05}.gguf", count);
    const std::string name = first.filename().string();
    if (!name.ends_with(ending)) {
        return invalid(fmt::format("expected a name that ends in {} (split.count is {}), found {}",
                                   ending, count, name));
    }
    for (std::int64_t number = 1; number < count; ++number) {
        const std::string other = name.substr(0, name.size() - ending.size()) +
                                  fmt::format("-{:05}-of-{:05}.gguf", number + 1, count);
        const Status status = add_shard(first.parent_path() / other, number, count);
        if (!status) {
            return status.error().with_context(
                fmt::format("shard {} of {} ({})", number + 1, count, other));
        }
    }
    const auto all = static_cast<std::int64_t>(tensors.size());
    const auto announced =
        CAIRN_TRY(split_key(find("split.tensors.count"), "split.tensors.count", all));
    if (announced != all) {
        return invalid(
            fmt::format("expected {} tensors in all shards (split.tensors.count), found "
                        "{}",
                        announced, all));
    }
    return {};
}

Status GgufFile::State::add_shard(const std::filesystem::path& path, std::int64_t number,
                                  std::int64_t count) {
    auto shard = std::make_unique<State>();
    shard->file = CAIRN_TRY(MappedFile::open(path));
    CAIRN_TRY(shard->read(shard->file.bytes()));
    const std::int64_t found_number = CAIRN_TRY(split_key(shard->find("split.no"), "split.no", 0));
    const std::int64_t found_count =
        CAIRN_TRY(split_key(shard->find("split.count"), "split.count", 1));
    if (found_number != number || found_count != count) {
        return invalid(fmt::format("expected split.no {} and split.count {}, found {} and {}",
                                   number, count, found_number, found_count));
    }
    for (GgufTensor& tensor : shard->tensors) {
        if (by_name.contains(tensor.name)) {
            return invalid(
                fmt::format("expected each tensor in one shard, found '{}' in two", tensor.name));
        }
    }
    if (tensors.size() + shard->tensors.size() > limits::kGgufTensorsMax) {
        return make_error(Code::kTooLarge, fmt::format("GGUF: expected at most {} tensors",
                                                       limits::kGgufTensorsMax));
    }
    std::ranges::move(shard->tensors, std::back_inserter(tensors));
    by_name.clear();  // its keys point into the tensors, which moved
    index_tensors();
    shards.push_back(std::move(shard));
    return {};
}

GgufFile::GgufFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;
GgufFile::~GgufFile() = default;

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
    auto state = std::make_unique<State>();
    state->file = CAIRN_TRY(MappedFile::open(path));
    Status status = state->read(state->file.bytes());
    if (status) status = state->read_shards(path);
    if (!status) return status.error().with_context(path.string());
    return GgufFile(std::move(state));
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes) {
    auto state = std::make_unique<State>();
    CAIRN_TRY(state->read(bytes));
    const std::int64_t shards = CAIRN_TRY(state->shard_count());
    if (shards != 1) {
        return make_error(
            Code::kInvalid,
            fmt::format("GGUF: expected a whole model, found the first of {} shards", shards),
            "open the model by its path");
    }
    return GgufFile(std::move(state));
}

Result<GgufFile> GgufFile::from_parts(Metadata metadata, std::vector<GgufTensor> tensors,
                                      std::shared_ptr<const void> keep_alive) {
    auto state = std::make_unique<State>();
    state->metadata = std::move(metadata);
    state->tensors = std::move(tensors);
    state->keep_alive = std::move(keep_alive);
    state->index_tensors();
    if (state->by_name.size() != state->tensors.size() || state->by_name.contains("")) {
        return make_error(Code::kInvalid, "expected each tensor under one name, found one twice");
    }
    for (const GgufTensor& tensor : state->tensors) {
        const auto dims_max = static_cast<std::size_t>(limits::kGgufDimsMax);
        const bool counted = !tensor.dims.empty() && tensor.dims.size() <= dims_max &&
                             std::ranges::find(tensor.dims, 0U) == tensor.dims.end();
        const std::uint64_t size = counted ? checked_size(tensor) : 0;
        if (size == 0 || size != tensor.bytes.size()) {
            return make_error(
                Code::kInvalid,
                fmt::format("tensor '{}': expected {} bytes for {} [{}], found {}", tensor.name,
                            size, tensor_type_name(static_cast<std::uint32_t>(tensor.type)),
                            fmt::join(tensor.dims, ", "), tensor.bytes.size()));
        }
    }
    return GgufFile(std::move(state));
}

bool GgufFile::has(std::string_view key) const {
    return state_->find(key) != nullptr;
}
const std::map<std::string, GgufValue, std::less<>>& GgufFile::metadata() const {
    return state_->metadata;
}
const std::vector<GgufTensor>& GgufFile::tensors() const {
    return state_->tensors;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
    const auto found = state_->by_name.find(name);
    return found == state_->by_name.end() ? nullptr : &state_->tensors[found->second];
}

Result<std::int64_t> GgufFile::get_i64(std::string_view key) const {
    const GgufValue* value = state_->find(key);
    if (value == nullptr) {
        return make_error(Code::kNotFound,
                          fmt::format("GGUF: expected the key '{}', found none", key));
    }
    return std::visit(
        [&](const auto& held) -> Result<std::int64_t> {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
                if (std::in_range<std::int64_t>(held)) return static_cast<std::int64_t>(held);
            }
            return wrong_type(key, "an integer below 2^63");
        },
        *value);
}

Result<std::uint32_t> GgufFile::get_u32(std::string_view key) const {
    const std::int64_t value = CAIRN_TRY(get_i64(key));
    if (!std::in_range<std::uint32_t>(value)) {
        return invalid(fmt::format("key '{}': expected 0 to 2^32-1, found {}", key, value));
    }
    return static_cast<std::uint32_t>(value);
}

Result<float> GgufFile::get_f32(std::string_view key) const {
    const GgufValue* value = state_->find(key);
    if (value != nullptr && std::holds_alternative<double>(*value)) {
        return static_cast<float>(std::get<double>(*value));
    }
    return state_->get<float>(key, "a floating-point number");
}

Result<bool> GgufFile::get_bool(std::string_view key) const {
    return state_->get<bool>(key, "a bool");
}

Result<std::string> GgufFile::get_string(std::string_view key) const {
    return state_->get<std::string>(key, "a string");
}

Result<std::vector<std::string>> GgufFile::get_strings(std::string_view key) const {
    return state_->get<std::vector<std::string>>(key, "an array of strings");
}

Result<std::vector<float>> GgufFile::get_floats(std::string_view key) const {
    return state_->get<std::vector<float>>(key, "an array of f32");
}

Result<std::vector<std::int64_t>> GgufFile::get_integers(std::string_view key) const {
    const GgufValue* value = state_->find(key);
    if (value == nullptr) {
        return make_error(Code::kNotFound,
                          fmt::format("GGUF: expected the key '{}', found none", key));
    }
    return std::visit(
        [&](const auto& held) -> Result<std::vector<std::int64_t>> {
            using T = std::decay_t<decltype(held)>;
            if constexpr (requires { typename T::value_type; }) {
                using Element = typename T::value_type;
                if constexpr (std::is_integral_v<Element> && !std::is_same_v<Element, bool> &&
                              !std::is_same_v<T, std::string>) {
                    std::vector<std::int64_t> integers;
                    for (const Element element : held) {
                        if (!std::in_range<std::int64_t>(element))
                            return wrong_type(key, "integers below 2^63");
                        integers.push_back(static_cast<std::int64_t>(element));
                    }
                    return integers;
                }
            }
            return wrong_type(key, "an array of integers");
        },
        *value);
}

Result<std::uint32_t> GgufFile::get_u32_or(std::string_view key, std::uint32_t other) const {
    return has(key) ? get_u32(key) : Result<std::uint32_t>(other);
}
Result<float> GgufFile::get_f32_or(std::string_view key, float other) const {
    return has(key) ? get_f32(key) : Result<float>(other);
}
Result<bool> GgufFile::get_bool_or(std::string_view key, bool other) const {
    return has(key) ? get_bool(key) : Result<bool>(other);
}
Result<std::string> GgufFile::get_string_or(std::string_view key, std::string_view other) const {
    return has(key) ? get_string(key) : Result<std::string>(std::string(other));
}

}  // namespace cairn::format
