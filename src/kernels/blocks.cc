// SPDX-License-Identifier: Apache-2.0
// Scalar reading of every quantised block (layouts as in GGUF). Types of 32 weights keep the low
// half in the low nibbles; types of 256 interleave their blocks of 32 over bit planes.
#include "blocks.h"

#include <bit>
#include <cstring>

#include "convert.h"

namespace cairn::kernels::detail {
namespace {

using Bytes = const std::uint8_t*;

float half_at(Bytes p) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, p, sizeof bits);
    return half_to_float(bits);
}

void set_scales(Block32& out, float scale, float minimum = 0) {
    out.scale[0] = out.scale[1] = scale;
    out.minimum[0] = out.minimum[1] = minimum;
}

int low_nibble_first(Bytes nibbles, int i) {
    return i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
}

void unpack_q4_0(Bytes p, Block32& out) {
    set_scales(out, half_at(p));
    for (int i = 0; i < 32; ++i)
        out.q[i] = static_cast<std::int8_t>(low_nibble_first(p + 2, i) - 8);
}

void unpack_q4_1(Bytes p, Block32& out) {
    set_scales(out, half_at(p), half_at(p + 2));
    for (int i = 0; i < 32; ++i)
        out.q[i] = static_cast<std::int8_t>(low_nibble_first(p + 4, i));
}

/// Five bits: nibbles, and the fifth bits of all 32 in a word before them.
void five_bits(Bytes high, int offset, Block32& out) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, high, sizeof bits);
    for (int i = 0; i < 32; ++i) {
        const int fifth = static_cast<int>(bits >> i & 1U) << 4;
        out.q[i] = static_cast<std::int8_t>((low_nibble_first(high + 4, i) | fifth) - offset);
    }
}

void unpack_q5_0(Bytes p, Block32& out) {
    set_scales(out, half_at(p));
    five_bits(p + 2, 16, out);
}

void unpack_q5_1(Bytes p, Block32& out) {
    set_scales(out, half_at(p), half_at(p + 2));
    five_bits(p + 4, 0, out);
}

void unpack_q8_0(Bytes p, Block32& out) {
    set_scales(out, half_at(p));
    std::memcpy(out.q, p + 2, 32);
}

void unpack_iq4_nl(Bytes p, Block32& out) {
    set_scales(out, half_at(p));
    for (int i = 0; i < 32; ++i)
        out.q[i] = kIq4Values[low_nibble_first(p + 2, i)];
}

void unpack_mxfp4(Bytes p, Block32& out) {
    set_scales(out, mxfp4_scale(p[0]));
    for (int i = 0; i < 32; ++i)
        out.q[i] = kMxfp4Values[low_nibble_first(p + 1, i)];
}

// ---- 256 weights: `b` is the block of 32 in it ----

void unpack_q2_k(Bytes p, int b, Block32& out) {
    const float scale = half_at(p + 80);
    const float minimum = half_at(p + 82);
    for (int half = 0; half < 2; ++half) {
        const int packed = p[2 * b + half];
        out.scale[half] = scale * static_cast<float>(packed & 15);
        out.minimum[half] = -(minimum * static_cast<float>(packed >> 4));
    }
    Bytes q = p + 16 + 32 * (b / 4);
    for (int i = 0; i < 32; ++i)
        out.q[i] = static_cast<std::int8_t>(q[i] >> (2 * (b % 4)) & 3);
}

void unpack_q3_k(Bytes p, int b, Block32& out) {
    const float scale = half_at(p + 108);
    for (int half = 0; half < 2; ++half) {
        out.scale[half] = scale * static_cast<float>(read_q3_scale(p + 96, 2 * b + half) - 32);
        out.minimum[half] = 0;
    }
    Bytes q = p + 32 + 32 * (b / 4);
    for (int i = 0; i < 32; ++i) {
        const int low = q[i] >> (2 * (b % 4)) & 3;
        out.q[i] = static_cast<std::int8_t>((p[i] >> b & 1) != 0 ? low : low - 4);
    }
}

void unpack_q4_k(Bytes p, int b, Block32& out) {
    const SixBitPair pair = read_six_bits(p + 4, b);
    set_scales(out, half_at(p) * static_cast<float>(pair.scale),
               -(half_at(p + 2) * static_cast<float>(pair.minimum)));
    Bytes q = p + 16 + 32 * (b / 2);
    for (int i = 0; i < 32; ++i)
        out.q[i] = static_cast<std::int8_t>(q[i] >> (4 * (b % 2)) & 15);
}

void unpack_q5_k(Bytes p, int b, Block32& out) {
    const SixBitPair pair = read_six_bits(p + 4, b);
    set_scales(out, half_at(p) * static_cast<float>(pair.scale),
               -(half_at(p + 2) * static_cast<float>(pair.minimum)));
    Bytes high = p + 16;
    Bytes q = p + 48 + 32 * (b / 2);
    for (int i = 0; i < 32; ++i) {
        const int fifth = (high[i] >> b & 1) << 4;
        out.q[i] = static_cast<std::int8_t>((q[i] >> (4 * (b % 2)) & 15) | fifth);
    }
}

void unpack_q6_k(Bytes p, int b, Block32& out) {
    const float scale = half_at(p + 208);
    for (int half = 0; half < 2; ++half) {
        const auto factor = static_cast<std::int8_t>(p[192 + 2 * b + half]);
        out.scale[half] = scale * static_cast<float>(factor);
        out.minimum[half] = 0;
    }
    Bytes low = p + 64 * (b / 4) + 32 * (b % 2);
    Bytes high = p + 128 + 32 * (b / 4);
    for (int i = 0; i < 32; ++i) {
        const int nibble = low[i] >> (4 * (b % 4 / 2)) & 15;
        const int top = (high[i] >> (2 * (b % 4)) & 3) << 4;
        out.q[i] = static_cast<std::int8_t>((nibble | top) - 32);
    }
}

void unpack_iq4_xs(Bytes p, int b, Block32& out) {
    const int low = p[4 + b / 2] >> (4 * (b % 2)) & 15;
    const int high = (p[2] | p[3] << 8) >> (2 * b) & 3;
    set_scales(out, half_at(p) * static_cast<float>((low | high << 4) - 32));
    for (int i = 0; i < 32; ++i)
        out.q[i] = kIq4Values[low_nibble_first(p + 8 + 16 * b, i)];
}

}  // namespace

float mxfp4_scale(std::uint8_t exponent) {
    const std::uint32_t bits =
        exponent < 2 ? 0x00200000U << exponent : static_cast<std::uint32_t>(exponent - 1) << 23;
    return std::bit_cast<float>(bits);
}

SixBitPair read_six_bits(Bytes packed, int index) {
    if (index < 4) {
        return {static_cast<std::uint8_t>(packed[index] & 63),
                static_cast<std::uint8_t>(packed[index + 4] & 63)};
    }
    return {
        static_cast<std::uint8_t>((packed[index + 4] & 15) | (packed[index - 4] >> 6 << 4)),
        static_cast<std::uint8_t>((packed[index + 4] >> 4) | (packed[index] >> 6 << 4)),
    };
}

std::uint8_t read_q3_scale(Bytes packed, int index) {
    const int low = packed[index % 8] >> (4 * (index / 8)) & 15;
    const int high = packed[8 + index % 4] >> (2 * (index / 4)) & 3;
    return static_cast<std::uint8_t>(low | high << 4);
}

const BlockKind* block_kind(DType dtype) {
    static constexpr BlockKind kPlain = {false, false};
    static constexpr BlockKind kMinimum = {true, false};
    static constexpr BlockKind kHalves = {false, true};
    static constexpr BlockKind kBoth = {true, true};
    switch (dtype) {
        case DType::kF32:
        case DType::kF16:
        case DType::kBF16:
            return nullptr;
        case DType::kQ4_1:
        case DType::kQ5_1:
        case DType::kQ4_K:
        case DType::kQ5_K:
            return &kMinimum;
        case DType::kQ3_K:
        case DType::kQ6_K:
            return &kHalves;
        case DType::kQ2_K:
            return &kBoth;
        case DType::kQ4_0:
        case DType::kQ5_0:
        case DType::kQ8_0:
        case DType::kIQ4_NL:
        case DType::kIQ4_XS:
        case DType::kMXFP4:
            return &kPlain;
    }
    return nullptr;
}

void unpack_block(DType dtype, Bytes row, std::int64_t index, Block32& out) {
    const TensorTypeInfo& info = *find_tensor_type(static_cast<std::uint32_t>(dtype));
    const std::int64_t first = index * 32 / info.block;
    const auto b = static_cast<int>(index % (info.block / 32));
    Bytes p = row + first * info.bytes;
    switch (dtype) {
        case DType::kF32:
        case DType::kF16:
        case DType::kBF16:
            return;
        case DType::kQ4_0:
            return unpack_q4_0(p, out);
        case DType::kQ4_1:
            return unpack_q4_1(p, out);
        case DType::kQ5_0:
            return unpack_q5_0(p, out);
        case DType::kQ5_1:
            return unpack_q5_1(p, out);
        case DType::kQ8_0:
            return unpack_q8_0(p, out);
        case DType::kQ2_K:
            return unpack_q2_k(p, b, out);
        case DType::kQ3_K:
            return unpack_q3_k(p, b, out);
        case DType::kQ4_K:
            return unpack_q4_k(p, b, out);
        case DType::kQ5_K:
            return unpack_q5_k(p, b, out);
        case DType::kQ6_K:
            return unpack_q6_k(p, b, out);
        case DType::kIQ4_NL:
            return unpack_iq4_nl(p, out);
        case DType::kIQ4_XS:
            return unpack_iq4_xs(p, b, out);
        case DType::kMXFP4:
            return unpack_mxfp4(p, out);
    }
}

}  // namespace cairn::kernels::detail
