// SPDX-License-Identifier: Apache-2.0
// Chooses a type for every tensor and rewrites the model row by row.
#include "cairn/engine/quantise_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "cairn/format/tokenizer_gguf.h"

namespace cairn::engine {
namespace {

using format::GgufTensor;

/// N of "blk.N.rest"; -1 for others.
std::int64_t layer_of(std::string_view name) {
    constexpr std::string_view kBegin = "blk.";
    if (!name.starts_with(kBegin)) return -1;
    name.remove_prefix(kBegin.size());
    std::int64_t layer = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
    return error == std::errc() ? layer : -1;
}

/// Matrices that products read; routers are small and decide much.
bool is_quantisable(const GgufTensor& tensor) {
    const std::string& name = tensor.name;
    return tensor.dims.size() >= 2 && name.ends_with(".weight") &&
           name.find("_norm") == std::string::npos &&
           name.find("ffn_gate_inp") == std::string::npos &&
           name.find("position_embd") == std::string::npos &&
           name.find("token_types") == std::string::npos && !name.starts_with("cls");
}

double bits_of(TensorType type) {
    const TensorTypeInfo& info = kTensorTypes[tensor_type_index(type)];
    return 8.0 * info.bytes / info.block;
}

bool is_low_k(TensorType type) {
    return type == TensorType::kQ2_K || type == TensorType::kQ3_K;
}

/// The type of the matrices that matter more in a mix of `type`.
TensorType raised(TensorType type) {
    if (type == TensorType::kQ2_K) return TensorType::kQ4_K;
    if (type == TensorType::kQ3_K) return TensorType::kQ5_K;
    if (type == TensorType::kQ4_K || type == TensorType::kQ5_K) return TensorType::kQ6_K;
    return type;
}

bool is_raised_layer(std::int64_t layer, std::int64_t layers) {
    const std::int64_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

/// A type whose blocks divide the row.
TensorType fitting(TensorType type, std::uint64_t columns) {
    if (columns % kTensorTypes[tensor_type_index(type)].block == 0) return type;
    if (columns % 32 != 0) return TensorType::kF16;
    if (is_low_k(type)) return TensorType::kIQ4_NL;
    if (type == TensorType::kQ4_K || type == TensorType::kIQ4_XS) return TensorType::kQ5_0;
    if (type == TensorType::kQ5_K) return TensorType::kQ5_1;
    return TensorType::kQ8_0;
}

/// llama.cpp's number of a file whose matrices mostly have this type.
std::uint32_t file_type(TensorType type) {
    switch (type) {
        case TensorType::kF32:
            return 0;
        case TensorType::kF16:
            return 1;
        case TensorType::kQ4_0:
            return 2;
        case TensorType::kQ4_1:
            return 3;
        case TensorType::kQ8_0:
            return 7;
        case TensorType::kQ5_0:
            return 8;
        case TensorType::kQ5_1:
            return 9;
        case TensorType::kQ2_K:
            return 10;
        case TensorType::kQ3_K:
            return 12;
        case TensorType::kQ4_K:
            return 15;
        case TensorType::kQ5_K:
            return 17;
        case TensorType::kQ6_K:
            return 18;
        case TensorType::kIQ4_NL:
            return 25;
        case TensorType::kIQ4_XS:
            return 30;
        case TensorType::kBF16:
            return 32;
        case TensorType::kMXFP4:
            return 38;
    }
    return 0;
}

/// The importance of the matrix `index` of a tensor; nullptr when it was not measured.
const float* importance_of(const QuantiseOptions& options, const GgufTensor& tensor,
                           std::uint64_t index) {
    if (options.importance == nullptr) return nullptr;
    const auto found = options.importance->find(tensor.name);
    const std::uint64_t matrices = tensor.dims.size() > 2 ? tensor.dims[2] : 1;
    if (found == options.importance->end() || found->second.size() != matrices * tensor.dims[0])
        return nullptr;
    return found->second.data() + index * tensor.dims[0];
}

/// All rows of a tensor in another type.
void requantise(const GgufTensor& tensor, TensorType type, const QuantiseOptions& options,
                ThreadPool& pool, std::span<std::byte> out) {
    const auto columns = static_cast<std::int64_t>(tensor.dims[0]);
    const std::int64_t from_bytes = kernels::bytes_per_row(tensor.type, columns);
    const std::int64_t to_bytes = kernels::bytes_per_row(type, columns);
    const std::uint64_t rows = tensor.elements() / tensor.dims[0];
    constexpr std::size_t kRowsAtOnce = 4;
    pool.parallel_for(rows, kRowsAtOnce, [&](std::size_t begin, std::size_t end) {
        std::vector<float> values(static_cast<std::size_t>(columns));
        for (std::size_t row = begin; row < end; ++row) {
            const auto r = static_cast<std::int64_t>(row);
            kernels::dequantise_row(tensor.type, tensor.bytes.data() + r * from_bytes,
                                    values.data(), columns);
            kernels::quantise_row(type, values.data(), out.data() + r * to_bytes, columns,
                                  importance_of(options, tensor, row / tensor.dims[1]));
        }
    });
}

}  // namespace

std::vector<TensorType> plan_types(const format::GgufFile& file, const QuantiseOptions& options) {
    std::int64_t layers = 0;
    for (const GgufTensor& tensor : file.tensors())
        layers = std::max(layers, layer_of(tensor.name) + 1);
    const bool tied = file.find_tensor("output.weight") == nullptr;
    std::vector<TensorType> types;
    for (const GgufTensor& tensor : file.tensors()) {
        TensorType type = tensor.type;
        if (options.type && is_quantisable(tensor)) {
            type = *options.type;
            const std::string_view head = tied ? "token_embd.weight" : "output.weight";
            const bool matters = tensor.name.find("attn_v.") != std::string::npos ||
                                 tensor.name.find("ffn_down") != std::string::npos;
            if (!options.pure && tensor.name == head && bits_of(type) < 6.5)
                type = TensorType::kQ6_K;
            if (!options.pure && matters && is_raised_layer(layer_of(tensor.name), layers))
                type = raised(type);
            type = fitting(type, tensor.dims[0]);
        }
        types.push_back(type);
    }
    return types;
}

Result<QuantisedModel> quantise_model(const Model& model, const std::filesystem::path& output,
                                      const QuantiseOptions& options, ThreadPool& pool,
                                      const ProgressSink& sink) {
    const format::GgufFile& file = model.file();
    format::GgufWriter writer;
    for (const auto& [key, value] : file.metadata()) {
        if (!key.starts_with("split.") && key != "general.alignment") writer.set(key, value);
    }
    if (!file.has("tokenizer.ggml.model")) format::write_tokenizer(writer, model.tokenizer());
    if (options.type) {
        writer.set("general.file_type", file_type(*options.type));
        writer.set("general.quantization_version", std::uint32_t{2});
    }
    const std::vector<TensorType> types = plan_types(file, options);
    QuantisedModel result;
    std::uint64_t elements = 0;
    for (const GgufTensor& tensor : file.tensors()) {
        result.bytes_before += tensor.bytes.size();
        elements += tensor.elements();
    }
    Progress progress(sink, "quantise", static_cast<std::int64_t>(result.bytes_before), "bytes");
    for (std::size_t i = 0; i < types.size(); ++i) {
        const GgufTensor& tensor = file.tensors()[i];
        const TensorType type = types[i];
        ++result.tensors[format::tensor_type_name(static_cast<std::uint32_t>(type))];
        result.bytes_after +=
            format::row_bytes(type, tensor.dims[0]) * (tensor.elements() / tensor.dims[0]);
        CAIRN_TRY(writer.add_tensor(
            tensor.name, type, tensor.dims, [&, type](std::span<std::byte> out) -> Status {
                if (interrupted()) return make_error(Code::kCancelled, "quantising: interrupted");
                if (type == tensor.type) {
                    std::memcpy(out.data(), tensor.bytes.data(), out.size());
                } else {
                    requantise(tensor, type, options, pool, out);
                }
                progress.advance(static_cast<std::int64_t>(tensor.bytes.size()), tensor.name);
                return {};
            }));
    }
    CAIRN_TRY(writer.write(output));
    progress.finish();
    if (elements > 0) {
        result.bits_per_weight =
            8.0 * static_cast<double>(result.bytes_after) / static_cast<double>(elements);
    }
    return result;
}

}  // namespace cairn::engine
