// SPDX-License-Identifier: Apache-2.0
// Pairs of f32 tensors and a few keys; shapes are checked here against each other, by the engine
// against the weights.
#include "cairn/format/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "cairn/format/gguf.h"

namespace cairn::format {
namespace {

constexpr std::string_view kEndA = ".lora_a";
constexpr std::string_view kEndB = ".lora_b";

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "adapter: " + std::move(message), "export the adapter again");
}

Status check_pair(const LoraPair& pair) {
    const auto product = [](int x, int y) {
        return static_cast<std::size_t>(x) * static_cast<std::size_t>(y);
    };
    const bool fits = pair.rank > 0 && pair.inputs > 0 && pair.outputs > 0 &&
                      pair.a.size() == product(pair.rank, pair.inputs) &&
                      pair.b.size() == product(pair.outputs, pair.rank);
    if (!fits) {
        return invalid(fmt::format(
            "expected A of {} x {} and B of {} x {} for '{}', found {} and {} values", pair.rank,
            pair.inputs, pair.outputs, pair.rank, pair.target, pair.a.size(), pair.b.size()));
    }
    const auto finite = [](float value) { return std::isfinite(value); };
    if (!std::ranges::all_of(pair.a, finite) || !std::ranges::all_of(pair.b, finite)) {
        return invalid(fmt::format("expected finite values for '{}', found others", pair.target));
    }
    return {};
}

Status check_matrix(const GgufTensor& tensor) {
    const auto small = [](std::uint64_t dim) {
        return dim <= std::numeric_limits<std::int32_t>::max();
    };
    if (tensor.type != TensorType::kF32 || tensor.dims.size() != 2 ||
        !std::ranges::all_of(tensor.dims, small)) {
        return invalid(fmt::format(
            "expected '{}' as an F32 matrix, found {} with {} dims", tensor.name,
            tensor_type_name(static_cast<std::uint32_t>(tensor.type)), tensor.dims.size()));
    }
    return {};
}

std::vector<float> values_of(const GgufTensor& tensor) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
}

Result<LoraPair> read_pair(const GgufTensor& a, const GgufTensor& b, std::string target) {
    CAIRN_TRY(check_matrix(a));
    CAIRN_TRY(check_matrix(b));
    LoraPair pair;
    pair.target = std::move(target);
    pair.inputs = static_cast<int>(a.dims[0]);
    pair.rank = static_cast<int>(a.dims[1]);
    pair.outputs = static_cast<int>(b.dims[1]);
    if (b.dims[0] != a.dims[1]) {
        return invalid(fmt::format("expected the same rank in A and B of '{}', found {} and {}",
                                   pair.target, a.dims[1], b.dims[0]));
    }
    pair.a = values_of(a);
    pair.b = values_of(b);
    CAIRN_TRY(check_pair(pair));
    return pair;
}

bool is_own_key(std::string_view key) {
    return key == "general.type" || key == "general.architecture" || key == "adapter.type";
}

}  // namespace

Status write_adapter(const std::filesystem::path& path, const Adapter& adapter) {
    GgufWriter writer;
    writer.set("general.type", "adapter");
    writer.set("general.architecture", adapter.architecture);
    writer.set("adapter.type", "lora");
    writer.set("adapter.lora.alpha", adapter.alpha);
    for (const auto& [key, note] : adapter.notes) {
        if (is_own_key(key))
            return invalid(fmt::format("expected notes under other keys, found '{}'", key));
        writer.set(key, note);
    }
    for (const LoraPair& pair : adapter.pairs) {
        CAIRN_TRY(check_pair(pair));
        const auto rank = static_cast<std::uint64_t>(pair.rank);
        CAIRN_TRY(writer.add_tensor(pair.target + std::string(kEndA), TensorType::kF32,
                                    {static_cast<std::uint64_t>(pair.inputs), rank},
                                    std::as_bytes(std::span(pair.a))));
        CAIRN_TRY(writer.add_tensor(pair.target + std::string(kEndB), TensorType::kF32,
                                    {rank, static_cast<std::uint64_t>(pair.outputs)},
                                    std::as_bytes(std::span(pair.b))));
    }
    return writer.write(path);
}

Result<Adapter> read_adapter(const std::filesystem::path& path) {
    const GgufFile file = CAIRN_TRY(GgufFile::open(path));
    const std::string type = CAIRN_TRY(file.get_string_or("general.type", "model"));
    const std::string kind = CAIRN_TRY(file.get_string_or("adapter.type", ""));
    if (type != "adapter" || kind != "lora") {
        return make_error(Code::kUnsupported,
                          fmt::format("{}: expected a LoRA adapter, found type '{}' '{}'",
                                      path.string(), type, kind));
    }
    Adapter adapter;
    adapter.architecture = CAIRN_TRY(file.get_string("general.architecture"));
    adapter.alpha = CAIRN_TRY(file.get_f32("adapter.lora.alpha"));
    if (!std::isfinite(adapter.alpha)) return invalid("expected a finite alpha, found another");
    for (const auto& [key, value] : file.metadata()) {
        const auto* note = std::get_if<std::string>(&value);
        if (note != nullptr && !is_own_key(key)) adapter.notes.emplace(key, *note);
    }
    for (const GgufTensor& tensor : file.tensors()) {
        const bool is_a = tensor.name.ends_with(kEndA);
        const std::string target =
            tensor.name.substr(0, tensor.name.size() - std::min(kEndA.size(), tensor.name.size()));
        if (!is_a && !tensor.name.ends_with(kEndB)) {
            return invalid(fmt::format("expected tensors NAME.lora_a and NAME.lora_b, found '{}'",
                                       tensor.name));
        }
        const GgufTensor* other = file.find_tensor(target + std::string(is_a ? kEndB : kEndA));
        if (other == nullptr)
            return invalid(fmt::format("expected both of a pair, found only '{}'", tensor.name));
        if (is_a) adapter.pairs.push_back(CAIRN_TRY(read_pair(tensor, *other, target)));
    }
    return adapter;
}

}  // namespace cairn::format
