// SPDX-License-Identifier: Apache-2.0
// Converts quantised Hugging Face checkpoints to the kernels' types, bit for bit where a type holds
// the same values.
#include "hf_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "cairn/kernels/kernels.h"

namespace cairn::engine {
namespace {

using format::SafetensorsTensor;
using format::SafetensorsType;

constexpr std::string_view kWeight = ".weight";

Error misshapen(std::string_view name, std::string_view expected) {
    return make_error(
        Code::kInvalid,
        fmt::format("tensor {}: expected {}, found another shape or type", name, expected));
}

template <typename T>
T element(const SafetensorsTensor& tensor, std::uint64_t index) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof(T));
    return value;
}

bool is_float(SafetensorsType type) {
    return format::weight_type(type).has_value();
}

/// Of an F32, F16 or BF16 tensor.
float float_element(const SafetensorsTensor& tensor, std::uint64_t index) {
    if (tensor.type == SafetensorsType::kF32) return element<float>(tensor, index);
    const auto bits = element<std::uint16_t>(tensor, index);
    return tensor.type == SafetensorsType::kF16 ? kernels::f16_to_f32(bits)
                                                : kernels::bf16_to_f32(bits);
}

bool has_shape(const SafetensorsTensor* tensor, SafetensorsType type, std::uint64_t rows,
               std::uint64_t columns) {
    return tensor != nullptr && tensor->type == type &&
           tensor->shape == std::vector<std::uint64_t>{rows, columns};
}

struct Made {
    std::shared_ptr<std::vector<std::byte>> memory;
    HfWeight weight;
};

/// Memory for a weight of `type`; its size is backed by tensors of at least half a byte a value.
Made make_weight(TensorType type, std::vector<std::uint64_t> shape) {
    std::uint64_t rows = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i)
        rows *= shape[i];
    const auto row = static_cast<std::uint64_t>(
        kernels::bytes_per_row(type, static_cast<std::int64_t>(shape.back())));
    Made made;
    made.memory = std::make_shared<std::vector<std::byte>>(rows * row);
    made.weight = {type, std::move(shape), *made.memory, made.memory};
    return made;
}

void put_half(std::byte* p, std::uint16_t bits) {
    std::memcpy(p, &bits, sizeof bits);
}

/// 32 codes of four bits, the first 16 in the low nibbles.
void put_nibbles(std::byte* p, const std::array<std::uint8_t, 32>& codes) {
    for (std::size_t i = 0; i < 16; ++i)
        p[i] = static_cast<std::byte>(codes[i] | codes[i + 16] << 4);
}

}  // namespace

float f8_e4m3_to_f32(std::uint8_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80U) << 24;
    const std::uint32_t magnitude = bits & 0x7FU;
    if (magnitude == 0x7F) return std::numeric_limits<float>::quiet_NaN();
    if (magnitude < 8) {
        const float value = static_cast<float>(magnitude) * 0x1p-9F;
        return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | ((magnitude << 20) + (120U << 23)));
}

namespace {

Error unsupported(const std::string& what) {
    return make_error(Code::kUnsupported, "quantization_config: " + what,
                      "use the unquantised model and `cairn models quantize`, or a GGUF file");
}

}  // namespace

Result<HfWeights::Settings> HfWeights::read_settings(const format::JsonConfig& config) {
    Settings settings;
    const std::string root = config.is_object("quantization_config") ? "quantization_config"
                                                                     : "text_config.quantization_"
                                                                       "config";
    if (!config.is_object(root)) return settings;
    const format::JsonConfig quantised = config.at(root);
    const std::string method = CAIRN_TRY(quantised.get_string_or("quant_method", ""));
    settings.bits = CAIRN_TRY(quantised.get_integer_or("bits", 4));
    settings.group = CAIRN_TRY(quantised.get_integer_or("group_size", 128));
    if (method == "fp8") {
        settings.method = Method::kFp8;
        if (!quantised.is_null("weight_block_size")) {
            const auto block = CAIRN_TRY(quantised.get_integers("weight_block_size"));
            if (block.size() != 2 || block[0] <= 0 || block[1] <= 0)
                return unsupported("expected weight_block_size as two integers above 0");
            settings.block_rows = block[0];
            settings.block_columns = block[1];
        }
    } else if (method == "gptq") {
        settings.method = Method::kGptq;
        const std::string format = CAIRN_TRY(quantised.get_string_or("checkpoint_format", "gptq"));
        if (format != "gptq" && format != "gptq_v2")
            return unsupported("expected checkpoint_format gptq or gptq_v2, found " + format);
        settings.zero_offset = format == "gptq" ? 1 : 0;
        if (settings.bits != 4 && settings.bits != 8)
            return unsupported(fmt::format("gptq: expected 4 or 8 bits, found {}", settings.bits));
    } else if (method == "awq") {
        settings.method = Method::kAwq;
        const std::string version = CAIRN_TRY(quantised.get_string_or("version", "gemm"));
        if (version != "gemm" && version != "GEMM")
            return unsupported("awq: expected version gemm, found " + version);
        if (settings.bits != 4)
            return unsupported(fmt::format("awq: expected 4 bits, found {}", settings.bits));
    } else if (method == "mxfp4") {
        settings.method = Method::kMxfp4;
    } else if (method == "compressed-tensors") {
        const std::string format = CAIRN_TRY(quantised.get_string_or("format", ""));
        if (format == "float-quantized") {
            settings.method = Method::kFp8;
            return settings;
        }
        const std::string weights = "config_groups.group_0.weights.";
        settings.method = Method::kPacked;
        settings.bits = CAIRN_TRY(quantised.get_integer_or(weights + "num_bits", 4));
        settings.group = CAIRN_TRY(quantised.get_integer_or(weights + "group_size", -1));
        const bool symmetric = CAIRN_TRY(quantised.get_bool_or(weights + "symmetric", true));
        if (format != "pack-quantized" || settings.bits != 4 || !symmetric) {
            return unsupported(
                fmt::format("compressed-tensors: expected float-quantized or "
                            "symmetric pack-quantized of 4 bits, found {} of {}",
                            format, settings.bits));
        }
    } else {
        return unsupported(
            "expected quant_method fp8, gptq, awq, mxfp4 or compressed-tensors, "
            "found '" +
            method + "'");
    }
    return settings;
}

Result<HfWeights> HfWeights::open(const format::HfDirectory& directory) {
    HfWeights weights;
    weights.directory_ = &directory;
    weights.settings_ = CAIRN_TRY(read_settings(directory.config()));
    const auto strip = [](const std::string& name, std::string_view end) {
        return name.substr(0, name.size() - end.size());
    };
    for (const SafetensorsTensor* tensor : directory.tensors()) {
        const std::string& name = tensor->name;
        if (name.ends_with(".qweight")) {
            weights.names_.push_back(strip(name, ".qweight") + std::string(kWeight));
        } else if (name.ends_with(".weight_packed")) {
            weights.names_.push_back(strip(name, "_packed"));
        } else if (name.ends_with("_blocks")) {
            weights.names_.push_back(strip(name, "_blocks"));
        } else if (!name.ends_with(".qzeros") && !name.ends_with(".scales") &&
                   !name.ends_with(".g_idx") && !name.ends_with(".weight_scale_inv") &&
                   !name.ends_with(".weight_scale") && !name.ends_with(".weight_shape") &&
                   !name.ends_with(".input_scale") && !name.ends_with("_scales")) {
            weights.names_.push_back(name);
        }
    }
    std::ranges::sort(weights.names_);
    return weights;
}

bool HfWeights::has(std::string_view name) const {
    return std::ranges::binary_search(names_, name);
}

const SafetensorsTensor* HfWeights::part(const std::string& base, std::string_view end) const {
    return directory_->find(base + std::string(end));
}

Result<HfWeight> HfWeights::read(std::string_view name) const {
    const std::string whole(name);
    const std::string base =
        name.ends_with(kWeight) ? whole.substr(0, whole.size() - kWeight.size()) : whole;
    const SafetensorsTensor* tensor = directory_->find(whole);
    if (tensor == nullptr) {
        if (part(base, ".qweight") != nullptr) return read_grouped(base);
        if (part(base, ".weight_packed") != nullptr) return read_packed(base);
        if (part(whole, "_blocks") != nullptr) return read_mxfp4(whole);
        return make_error(Code::kNotFound, fmt::format("expected tensor {} in {}, found none", name,
                                                       directory_->folder().string()));
    }
    // An empty one can state any other sides, which loops would then walk.
    if (std::ranges::find(tensor->shape, 0U) != tensor->shape.end())
        return misshapen(tensor->name, "no empty side");
    if (tensor->type == SafetensorsType::kF8E4M3) return read_fp8(base, *tensor);
    const auto type = format::weight_type(tensor->type);
    if (!type) {
        return make_error(Code::kUnsupported,
                          fmt::format("tensor {}: expected F32, F16, BF16 or F8_E4M3, found {}",
                                      name, format::safetensors_type_name(tensor->type)));
    }
    return HfWeight{*type, tensor->shape, tensor->bytes, directory_->keep_alive()};
}

/// weight * scale of its block: `weight_scale_inv` per block, or `weight_scale` per row or tensor.
Result<HfWeight> HfWeights::read_fp8(const std::string& base,
                                     const SafetensorsTensor& tensor) const {
    if (tensor.shape.size() != 2) return misshapen(tensor.name, "a matrix of F8_E4M3");
    const std::uint64_t rows = tensor.shape[0];
    const std::uint64_t columns = tensor.shape[1];
    auto block_rows = static_cast<std::uint64_t>(settings_.block_rows);
    auto block_columns = static_cast<std::uint64_t>(settings_.block_columns);
    const SafetensorsTensor* scale = part(base, ".weight_scale_inv");
    if (scale == nullptr) {
        scale = part(base, ".weight_scale");
        if (scale == nullptr) return misshapen(tensor.name, "scales beside it");
        block_rows = scale->elements() == 1 ? rows : 1;
        block_columns = columns;
    }
    const std::uint64_t across =
        (columns + block_columns - 1) / std::max<std::uint64_t>(block_columns, 1);
    const std::uint64_t down = (rows + block_rows - 1) / std::max<std::uint64_t>(block_rows, 1);
    if (!is_float(scale->type) || scale->elements() != across * down)
        return misshapen(scale->name, fmt::format("{} x {} floats", down, across));
    Made made = make_weight(TensorType::kBF16, tensor.shape);
    for (std::uint64_t i = 0; i < rows; ++i) {
        for (std::uint64_t j = 0; j < columns; ++j) {
            const float factor = float_element(*scale, i / block_rows * across + j / block_columns);
            const float value = f8_e4m3_to_f32(element<std::uint8_t>(tensor, i * columns + j));
            put_half(made.memory->data() + 2 * (i * columns + j),
                     kernels::f32_to_bf16(value * factor));
        }
    }
    return made.weight;
}

namespace {

/// Integers of GPTQ and AWQ: one value of each (input, output), scale and zero of each group.
struct Grouped {
    const SafetensorsTensor* weight = nullptr;
    const SafetensorsTensor* zeros = nullptr;
    const SafetensorsTensor* scales = nullptr;
    const SafetensorsTensor* order = nullptr;  ///< group of each input; null: in order
    std::uint64_t inputs = 0;
    std::uint64_t outputs = 0;
    std::uint64_t group = 0;
    std::uint64_t bits = 4;
    std::uint32_t zero_offset = 0;
    bool awq = false;

    /// Place of column `column` in a packed word of AWQ: 0 2 4 6 1 3 5 7 are kept in this order.
    static std::uint64_t awq_place(std::uint64_t column) {
        constexpr std::array<std::uint64_t, 8> kPlaces = {0, 4, 1, 5, 2, 6, 3, 7};
        return kPlaces[column % 8];
    }
    std::uint32_t field(std::uint32_t word, std::uint64_t place) const {
        return word >> (place * bits) & ((1U << bits) - 1);
    }
    std::uint32_t code(std::uint64_t input, std::uint64_t output) const {
        if (awq) {
            const auto word = element<std::uint32_t>(*weight, input * (outputs / 8) + output / 8);
            return field(word, awq_place(output));
        }
        const std::uint64_t per_word = 32 / bits;
        const auto word = element<std::uint32_t>(*weight, input / per_word * outputs + output);
        return field(word, input % per_word);
    }
    std::uint32_t zero(std::uint64_t index, std::uint64_t output) const {
        const std::uint64_t per_word = 32 / bits;
        const auto word =
            element<std::uint32_t>(*zeros, index * (outputs / per_word) + output / per_word);
        return field(word, awq ? awq_place(output) : output % per_word) + zero_offset;
    }
    std::uint16_t scale(std::uint64_t index, std::uint64_t output) const {
        if (scales->type == SafetensorsType::kF16)
            return element<std::uint16_t>(*scales, index * outputs + output);
        return kernels::f32_to_f16(float_element(*scales, index * outputs + output));
    }
    std::uint64_t group_of(std::uint64_t input) const {
        return order != nullptr ? element<std::uint32_t>(*order, input) : input / group;
    }
};

/// `order` null when every input is in its natural group. kInvalid for a group beyond the scales.
Status check_order(Grouped& grouped, std::uint64_t groups) {
    bool natural = true;
    for (std::uint64_t i = 0; i < grouped.inputs; ++i) {
        const std::uint64_t index = grouped.group_of(i);
        if (index >= groups)
            return misshapen(grouped.order->name, fmt::format("groups below {}", groups));
        natural = natural && index == i / grouped.group;
    }
    if (natural) grouped.order = nullptr;
    return {};
}

std::shared_ptr<std::vector<std::byte>> halves_of(const Grouped& grouped, Made& made) {
    for (std::uint64_t o = 0; o < grouped.outputs; ++o) {
        for (std::uint64_t i = 0; i < grouped.inputs; ++i) {
            const std::uint64_t index = grouped.group_of(i);
            const auto steps = static_cast<float>(static_cast<std::int64_t>(grouped.code(i, o)) -
                                                  grouped.zero(index, o));
            const float value = kernels::f16_to_f32(grouped.scale(index, o)) * steps;
            put_half(made.memory->data() + 2 * (o * grouped.inputs + i),
                     kernels::f32_to_f16(value));
        }
    }
    return made.memory;
}

/// Blocks of 32 inputs: Q8_0, Q4_0 or Q4_1.
void blocks_of(const Grouped& grouped, Made& made) {
    const TensorType type = made.weight.type;
    const std::size_t bytes = kTensorTypes[tensor_type_index(type)].bytes;
    std::byte* p = made.memory->data();
    for (std::uint64_t o = 0; o < grouped.outputs; ++o) {
        for (std::uint64_t begin = 0; begin < grouped.inputs; begin += 32, p += bytes) {
            const std::uint64_t index = begin / grouped.group;
            const std::uint16_t scale = grouped.scale(index, o);
            std::array<std::uint8_t, 32> codes;
            for (std::uint64_t i = 0; i < 32; ++i)
                codes[i] = static_cast<std::uint8_t>(grouped.code(begin + i, o));
            put_half(p, scale);
            if (type == TensorType::kQ8_0) {
                for (std::uint64_t i = 0; i < 32; ++i)
                    p[2 + i] = static_cast<std::byte>(codes[i] - 128);
            } else if (type == TensorType::kQ4_0) {
                put_nibbles(p + 2, codes);
            } else {
                const float zero = static_cast<float>(grouped.zero(index, o));
                put_half(p + 2, kernels::f32_to_f16(-kernels::f16_to_f32(scale) * zero));
                put_nibbles(p + 4, codes);
            }
        }
    }
}

/// Q4_0 or Q8_0 when every zero is the middle of the range, Q4_1 for other zeros of four bits, F16
/// for what no block type holds.
TensorType type_of(const Grouped& grouped, std::uint64_t groups) {
    if (grouped.order != nullptr || grouped.group % 32 != 0 || grouped.inputs % 32 != 0)
        return TensorType::kF16;
    bool middle = true;
    for (std::uint64_t g = 0; g < groups && middle; ++g) {
        for (std::uint64_t o = 0; o < grouped.outputs && middle; ++o)
            middle = grouped.zero(g, o) == (1U << (grouped.bits - 1));
    }
    if (grouped.bits == 8) return middle ? TensorType::kQ8_0 : TensorType::kF16;
    return middle ? TensorType::kQ4_0 : TensorType::kQ4_1;
}

}  // namespace

Result<HfWeight> HfWeights::read_grouped(const std::string& base) const {
    Grouped grouped;
    grouped.awq = settings_.method == Method::kAwq;
    if (!grouped.awq && settings_.method != Method::kGptq)
        return unsupported("expected gptq or awq for " + base + ".qweight");
    grouped.weight = part(base, ".qweight");
    grouped.zeros = part(base, ".qzeros");
    grouped.scales = part(base, ".scales");
    grouped.order = part(base, ".g_idx");
    grouped.bits = static_cast<std::uint64_t>(settings_.bits);
    grouped.zero_offset = static_cast<std::uint32_t>(settings_.zero_offset);
    const std::uint64_t per_word = 32 / grouped.bits;
    const SafetensorsTensor& weight = *grouped.weight;
    if (grouped.scales == nullptr || grouped.scales->shape.size() != 2 ||
        !is_float(grouped.scales->type) || weight.shape.size() != 2) {
        return misshapen(base + ".scales", "a matrix of floats beside qweight");
    }
    const std::uint64_t groups = grouped.scales->shape[0];
    grouped.outputs = grouped.scales->shape[1];
    grouped.inputs = grouped.awq ? weight.shape[0] : weight.shape[0] * per_word;
    grouped.group =
        settings_.group > 0 ? static_cast<std::uint64_t>(settings_.group) : grouped.inputs;
    const std::uint64_t rows = grouped.awq ? grouped.inputs : grouped.inputs / per_word;
    const std::uint64_t columns = grouped.awq ? grouped.outputs / per_word : grouped.outputs;
    if (grouped.inputs == 0 || grouped.outputs == 0 || grouped.outputs % per_word != 0 ||
        groups != (grouped.inputs + grouped.group - 1) / grouped.group ||
        !has_shape(grouped.weight, SafetensorsType::kI32, rows, columns)) {
        return misshapen(weight.name, fmt::format("I32 [{}, {}]", rows, columns));
    }
    if (!has_shape(grouped.zeros, SafetensorsType::kI32, groups, grouped.outputs / per_word)) {
        return misshapen(base + ".qzeros",
                         fmt::format("I32 [{}, {}]", groups, grouped.outputs / per_word));
    }
    if (grouped.order != nullptr) {
        if (grouped.order->type != SafetensorsType::kI32 ||
            grouped.order->elements() != grouped.inputs)
            return misshapen(grouped.order->name, fmt::format("{} of I32", grouped.inputs));
        CAIRN_TRY(check_order(grouped, groups));
    }
    Made made = make_weight(type_of(grouped, groups), {grouped.outputs, grouped.inputs});
    if (made.weight.type == TensorType::kF16) {
        halves_of(grouped, made);
    } else {
        blocks_of(grouped, made);
    }
    return made.weight;
}

/// compressed-tensors: eight codes a word along the inputs, the value is scale * (code - 8).
Result<HfWeight> HfWeights::read_packed(const std::string& base) const {
    const SafetensorsTensor& weight = *part(base, ".weight_packed");
    const SafetensorsTensor* scales = part(base, ".weight_scale");
    if (weight.type != SafetensorsType::kI32 || weight.shape.size() != 2 || scales == nullptr ||
        scales->shape.size() != 2 || !is_float(scales->type) || scales->shape[1] == 0 ||
        weight.bytes.empty()) {
        return misshapen(weight.name, "I32 [outputs, inputs / 8] and a matrix of scales");
    }
    const std::uint64_t outputs = weight.shape[0];
    const std::uint64_t inputs = weight.shape[1] * 8;
    const std::uint64_t groups = scales->shape[1];
    const std::uint64_t group = inputs / groups;
    if (scales->shape[0] != outputs || group * groups != inputs || group % 32 != 0 || group == 0)
        return misshapen(scales->name, "a scale for groups of a multiple of 32 inputs");
    Made made = make_weight(TensorType::kQ4_0, {outputs, inputs});
    std::byte* p = made.memory->data();
    for (std::uint64_t o = 0; o < outputs; ++o) {
        for (std::uint64_t begin = 0; begin < inputs; begin += 32, p += 18) {
            put_half(p, kernels::f32_to_f16(float_element(*scales, o * groups + begin / group)));
            std::array<std::uint8_t, 32> codes;
            for (std::uint64_t i = 0; i < 32; ++i) {
                const auto word = element<std::uint32_t>(weight, (o * inputs + begin + i) / 8);
                codes[i] = static_cast<std::uint8_t>(word >> (i % 8 * 4) & 15);
            }
            put_nibbles(p + 2, codes);
        }
    }
    return made.weight;
}

/// gpt-oss: 16 bytes hold 32 values, two neighbours a byte; GGUF keeps the first half low.
Result<HfWeight> HfWeights::read_mxfp4(const std::string& base) const {
    const SafetensorsTensor& blocks = *part(base, "_blocks");
    const SafetensorsTensor* scales = part(base, "_scales");
    const bool fits =
        blocks.type == SafetensorsType::kU8 && blocks.shape.size() >= 3 &&
        blocks.shape.back() == 16 && scales != nullptr && scales->type == SafetensorsType::kU8 &&
        std::ranges::equal(scales->shape, std::span(blocks.shape).first(blocks.shape.size() - 1));
    if (!fits)
        return misshapen(blocks.name, "U8 [..., inputs / 32, 16] and scales [..., inputs / 32]");
    std::vector<std::uint64_t> shape(blocks.shape.begin(), blocks.shape.end() - 1);
    if (std::ranges::find(shape, 0U) != shape.end()) return misshapen(blocks.name, "no empty side");
    shape.back() *= 32;
    Made made = make_weight(TensorType::kMXFP4, std::move(shape));
    std::byte* p = made.memory->data();
    for (std::uint64_t b = 0; b < scales->elements(); ++b, p += 17) {
        std::array<std::uint8_t, 32> codes;
        for (std::uint64_t i = 0; i < 16; ++i) {
            const auto two = element<std::uint8_t>(blocks, 16 * b + i);
            codes[2 * i] = two & 15;
            codes[2 * i + 1] = static_cast<std::uint8_t>(two >> 4);
        }
        p[0] = static_cast<std::byte>(element<std::uint8_t>(*scales, b));
        put_nibbles(p + 1, codes);
    }
    return made.weight;
}

}  // namespace cairn::engine
