// SPDX-License-Identifier: Apache-2.0
// Between the flat array of training and the tensors of a GGUF file.
#include "cairn/train/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/engine/model_config.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/kernels/kernels.h"

namespace cairn::train {
namespace {

engine::ModelConfig to_config(const Shape& shape) {
    engine::ModelConfig config;
    config.layers = shape.layers;
    config.model_width = shape.width;
    config.heads = shape.heads;
    config.kv_heads = shape.kv_heads;
    config.head_width = shape.head_width;
    config.ff_width = shape.ff_width;
    config.vocabulary = shape.vocabulary;
    config.context = shape.context;
    config.rms_epsilon = static_cast<float>(shape.norm_epsilon);
    config.rope_base = static_cast<float>(shape.rope_base);
    config.tied_head = shape.tied;
    return config;
}

Shape to_shape(const engine::ModelConfig& config) {
    Shape shape;
    shape.layers = static_cast<int>(config.layers);
    shape.width = static_cast<int>(config.model_width);
    shape.heads = static_cast<int>(config.heads);
    shape.kv_heads = static_cast<int>(config.kv_heads);
    shape.head_width = static_cast<int>(config.head_width);
    shape.ff_width = static_cast<int>(config.ff_width);
    shape.vocabulary = static_cast<int>(config.vocabulary);
    shape.context = static_cast<int>(config.context);
    shape.norm_epsilon = config.rms_epsilon;
    shape.rope_base = config.rope_base;
    shape.tied = config.tied_head;
    return shape;
}

std::span<const std::byte> bytes_of(const std::vector<char>& data) {
    return {reinterpret_cast<const std::byte*>(data.data()), data.size()};
}

/// What the engine computes and the backward pass does not is refused by name.
Status refuse_variants(const engine::ModelConfig& config, const format::GgufFile& file,
                       const Layout& layout) {
    const auto refuse = [](const std::string& what) {
        return make_error(Code::kUnsupported, "training does not know " + what,
                          "tune a plain Llama without it");
    };
    for (const format::GgufTensor& tensor : file.tensors()) {
        const auto named = [&](const TensorPlace& place) { return place.name == tensor.name; };
        if (std::none_of(layout.tensors.begin(), layout.tensors.end(), named)) {
            return refuse("tensor " + tensor.name);
        }
    }
    if (config.rope_scaling.kind != engine::RopeScaling::kNone) return refuse("scaled RoPE");
    if (config.rotary_width != config.head_width) return refuse("partial RoPE");
    if (config.attention_scale != 0) return refuse("another attention scale");
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const engine::LayerShape shape = config.layer(layer);
        if (shape.window != 0) return refuse("sliding windows");
        if (shape.heads != config.heads || shape.kv_heads != config.kv_heads ||
            shape.ff_width != config.ff_width) {
            return refuse("layers of different widths");
        }
    }
    return {};
}

Status widen(const format::GgufFile& file, const TensorPlace& place, float* to) {
    const format::GgufTensor* tensor = file.find_tensor(place.name);
    if (tensor == nullptr) {
        return make_error(Code::kNotFound, "expected tensor " + place.name + ", found none");
    }
    const auto columns = static_cast<std::uint64_t>(place.columns);
    if (tensor->elements() != static_cast<std::uint64_t>(place.size()) || tensor->dims.empty() ||
        tensor->dims[0] != columns) {
        return make_error(Code::kInvalid,
                          fmt::format("expected tensor {} as [{}, {}], found another shape",
                                      place.name, place.rows, place.columns));
    }
    const kernels::DType dtype = tensor->type;
    const std::int64_t stride = kernels::bytes_per_row(dtype, place.columns);
    for (std::int64_t row = 0; row < place.rows; ++row) {
        kernels::dequantise_row(dtype, tensor->bytes.data() + row * stride,
                                to + row * place.columns, place.columns);
    }
    return {};
}

}  // namespace

Result<std::string> to_gguf(const Shape& shape, const std::vector<float>& weights,
                            const text::Tokenizer& tokenizer, ExportType type,
                            const ModelFile& file) {
    const Layout layout = base_layout(shape);
    CAIRN_ASSERT(static_cast<std::int64_t>(weights.size()) == layout.size);
    format::GgufWriter writer;
    engine::write_model_config(writer, to_config(shape), file.name);
    for (const auto& [key, value] : file.notes)
        writer.set(key, value);
    format::write_tokenizer(writer, tokenizer);
    std::vector<std::vector<char>> kept;
    kept.reserve(layout.tensors.size());
    for (const TensorPlace& place : layout.tensors) {
        const bool quantised = type == ExportType::kQ8_0 && place.rows > 1;
        if (quantised && place.columns % kernels::kQ8BlockSize != 0) {
            return make_error(Code::kInvalid,
                              fmt::format("expected {} columns of {} to be a multiple of {}",
                                          place.columns, place.name, kernels::kQ8BlockSize));
        }
        const auto dtype = quantised ? kernels::DType::kQ8_0 : kernels::DType::kF32;
        const std::int64_t stride = kernels::bytes_per_row(dtype, place.columns);
        std::vector<char>& data = kept.emplace_back(static_cast<std::size_t>(stride * place.rows));
        for (std::int64_t row = 0; row < place.rows; ++row) {
            kernels::quantise_row(dtype, weights.data() + place.offset + row * place.columns,
                                  data.data() + row * stride, place.columns);
        }
        std::vector<std::uint64_t> dims = {static_cast<std::uint64_t>(place.columns)};
        if (place.rows > 1) dims.push_back(static_cast<std::uint64_t>(place.rows));
        CAIRN_TRY(writer.add_tensor(
            place.name, quantised ? format::TensorType::kQ8_0 : format::TensorType::kF32,
            std::move(dims), bytes_of(data)));
    }
    return writer.to_bytes();
}

Result<LoadedBase> load_base(const std::filesystem::path& path) {
    const MappedFile mapped = CAIRN_TRY(MappedFile::open(path));
    const format::GgufFile file = CAIRN_TRY(format::GgufFile::parse(mapped.bytes()));
    const engine::ModelConfig config = CAIRN_TRY(engine::read_model_config(file));
    if (config.architecture != "llama" || config.rope_style != kernels::RopeStyle::kInterleaved) {
        return make_error(
            Code::kUnsupported,
            "training expects interleaved RoPE (architecture llama), found " + config.architecture);
    }
    LoadedBase base;
    base.shape = to_shape(config);
    CAIRN_TRY(check_shape(base.shape));
    const Layout layout = base_layout(base.shape);
    base.weights.resize(static_cast<std::size_t>(layout.size));
    CAIRN_TRY(refuse_variants(config, file, layout));
    for (const TensorPlace& place : layout.tensors) {
        CAIRN_TRY(widen(file, place, base.weights.data() + place.offset));
    }
    base.digest =
        sha256_hex({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()});
    return base;
}

}  // namespace cairn::train
