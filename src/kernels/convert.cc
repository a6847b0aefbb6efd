// SPDX-License-Identifier: Apache-2.0
// Rows of weights between f32 and their stored types, bit-exact and the same on every machine.
#include "convert.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "blocks.h"
#include "cairn/kernels/kernels.h"

namespace cairn::kernels {
namespace detail {

float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1FU;
    const std::uint32_t mantissa = bits & 0x3FFU;
    if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
    if (exponent != 0)
        return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
}

std::uint16_t float_to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) {  // NaN stays NaN, quiet
        return static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13) & 0x3FFU));
    }
    if (magnitude >= 0x477FF000U)
        return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds to infinity
    if (magnitude <
        0x38800000U) {  // subnormal: adding 0.5 puts the half's last bit at the float's last bit
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign |
                                          (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U) - (112U << 23);
    return static_cast<std::uint16_t>(sign | (rounded >> 13));
}

float bf16_to_float(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t float_to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

float quantise_block(const float* x, std::int8_t* q) {
    float amax = 0;
    for (int i = 0; i < 32; ++i) {
        const float magnitude = std::fabs(x[i]);
        amax = magnitude > amax ? magnitude : amax;
    }
    const float scale = amax / 127.0F;
    const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
    for (int i = 0; i < 32; ++i) {
        // Bounded before the cast: a subnormal scale has an infinite inverse, and NaN inputs must
        // not be undefined.
        const float rounded = std::round(x[i] * inverse);
        const float bounded = rounded < 127.0F ? rounded : 127.0F;
        q[i] = static_cast<std::int8_t>(bounded > -127.0F ? bounded : -127.0F);
    }
    return scale;
}

}  // namespace detail

const char* dtype_name(DType dtype) noexcept {
    return kTensorTypes[tensor_type_index(dtype)].name.data();
}

std::int64_t bytes_per_row(DType dtype, std::int64_t columns) noexcept {
    const TensorTypeInfo& info = kTensorTypes[tensor_type_index(dtype)];
    return columns / info.block * info.bytes;
}

namespace {

void dequantise_blocks(DType dtype, const std::uint8_t* row, float* out, std::int64_t columns) {
    const bool has_minimum = detail::block_kind(dtype)->has_minimum;
    for (std::int64_t b = 0; b < columns / 32; ++b) {
        detail::Block32 block;
        detail::unpack_block(dtype, row, b, block);
        for (int i = 0; i < 32; ++i) {
            const float value = block.scale[i / 16] * static_cast<float>(block.q[i]);
            out[b * 32 + i] = has_minimum ? value + block.minimum[i / 16] : value;
        }
    }
}

}  // namespace

void dequantise_row(DType dtype, const void* row, float* out, std::int64_t columns) noexcept {
    const auto word = [&](std::int64_t i) {  // rows of a mapped file may lie at any address
        std::uint16_t bits = 0;
        std::memcpy(&bits, static_cast<const char*>(row) + 2 * i, sizeof bits);
        return bits;
    };
    switch (dtype) {
        case DType::kF32:
            std::memcpy(out, row, static_cast<std::size_t>(columns) * sizeof(float));
            break;
        case DType::kF16:
            for (std::int64_t i = 0; i < columns; ++i)
                out[i] = detail::half_to_float(word(i));
            break;
        case DType::kBF16:
            for (std::int64_t i = 0; i < columns; ++i)
                out[i] = detail::bf16_to_float(word(i));
            break;
        default:
            dequantise_blocks(dtype, static_cast<const std::uint8_t*>(row), out, columns);
            break;
    }
}

void quantise_row(DType dtype, const float* in, void* row, std::int64_t columns,
                  const float* importance) noexcept {
    auto* words = static_cast<std::uint16_t*>(row);
    switch (dtype) {
        case DType::kF32:
            std::memcpy(row, in, static_cast<std::size_t>(columns) * sizeof(float));
            break;
        case DType::kF16:
            for (std::int64_t i = 0; i < columns; ++i)
                words[i] = detail::float_to_half(in[i]);
            break;
        case DType::kBF16:
            for (std::int64_t i = 0; i < columns; ++i)
                words[i] = detail::float_to_bf16(in[i]);
            break;
        case DType::kQ8_0: {
            auto* bytes = static_cast<std::uint8_t*>(row);
            for (std::int64_t b = 0; b < columns / kQ8BlockSize; ++b, bytes += kQ8BlockBytes) {
                std::int8_t q[kQ8BlockSize];
                const std::uint16_t scale =
                    detail::float_to_half(detail::quantise_block(in + b * kQ8BlockSize, q));
                std::memcpy(bytes, &scale, 2);
                std::memcpy(bytes + 2, q, sizeof q);
            }
            break;
        }
        default:
            detail::quantise_blocks(dtype, in, importance, static_cast<std::uint8_t*>(row),
                                    columns);
    }
}

float bf16_to_f32(std::uint16_t bits) noexcept {
    return detail::bf16_to_float(bits);
}
std::uint16_t f32_to_bf16(float value) noexcept {
    return detail::float_to_bf16(value);
}
float f16_to_f32(std::uint16_t bits) noexcept {
    return detail::half_to_float(bits);
}
std::uint16_t f32_to_f16(float value) noexcept {
    return detail::float_to_half(value);
}

}  // namespace cairn::kernels
