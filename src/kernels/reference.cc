// SPDX-License-Identifier: Apache-2.0
// Every kernel as plain loops: the definition that the fast paths are tested against, and the path
// of machines without AVX2. Reductions of the row kernels use 16 interleaved partial sums, because
// that is what 16 vector lanes do: with the same order and without fused multiply-add, the row
// kernels give the same bits on every ISA.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "blocks.h"
#include "convert.h"
#include "exp_constants.h"
#include "gelu_constants.h"
#include "table.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kLanes = 16;

float sum_lanes(const float* lane) {
    float t[8];
    for (int i = 0; i < 8; ++i)
        t[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; ++i)
        t[i] = t[i] + t[i + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
}

/// y[m, n] = sum over k of x[m, k] * w[n, k]
template <float (*kLoad)(const void*, std::int64_t)>
void matmul_range(const MatmulArgs& a, std::int64_t n_begin, std::int64_t n_end) {
    for (std::int64_t i = 0; i < a.m; ++i) {
        for (std::int64_t j = n_begin; j < n_end; ++j) {
            float lane[kLanes] = {};
            for (std::int64_t c = 0; c < a.k; ++c) {
                lane[c % kLanes] += a.x[i * a.k + c] * kLoad(a.w, j * a.k + c);
            }
            a.y[i * a.n + j] = sum_lanes(lane);
        }
    }
}

/// Rows of a mapped file may lie at any address.
template <typename T>
T load_as(const void* w, std::int64_t i) {
    T value;
    std::memcpy(&value, static_cast<const char*>(w) + i * std::int64_t{sizeof(T)}, sizeof(T));
    return value;
}
float load_f32(const void* w, std::int64_t i) {
    return load_as<float>(w, i);
}
float load_f16(const void* w, std::int64_t i) {
    return half_to_float(load_as<std::uint16_t>(w, i));
}
float load_bf16(const void* w, std::int64_t i) {
    return bf16_to_float(load_as<std::uint16_t>(w, i));
}

/// sum + what block b adds: for each part (32 weights, or a half of them) float(integer dot) *
/// (scale_w * scale_x), then for each part minimum * scale_x * sum of x.
float add_block(float sum, const Block32& w, const BlockKind& kind, const QuantisedRows& x,
                std::int64_t block) {
    const int parts = kind.has_halves ? 2 : 1;
    const int size = 32 / parts;
    for (int p = 0; p < parts; ++p) {
        std::int32_t dot = 0;
        for (int c = p * size; c < (p + 1) * size; ++c)
            dot += x.q[block * 32 + c] * w.q[c];
        sum += static_cast<float>(dot) * (w.scale[p] * x.scales[block]);
    }
    for (int p = 0; kind.has_minimum && p < parts; ++p)
        sum += w.minimum[p] * x.sums[block * parts + p];
    return sum;
}

/// y[m, n] = sum over blocks in order.
template <DType kType>
void matmul_blocks(const MatmulArgs& a, std::int64_t n_begin, std::int64_t n_end) {
    const BlockKind kind = *block_kind(kType);
    const std::int64_t row_bytes = bytes_per_row(kType, a.k);
    const std::int64_t blocks = a.k / 32;
    for (std::int64_t j = n_begin; j < n_end; ++j) {
        const auto* row = static_cast<const std::uint8_t*>(a.w) + j * row_bytes;
        for (std::int64_t b = 0; b < blocks; ++b) {
            Block32 w;
            unpack_block(kType, row, b, w);
            for (std::int64_t i = 0; i < a.m; ++i) {
                float& y = a.y[i * a.n + j];
                y = add_block(b == 0 ? 0.0F : y, w, kind, a.quantised, i * blocks + b);
            }
        }
    }
}

void quantise_x(const float* x, std::int8_t* q, float* scales, std::int32_t* sums, std::int64_t k) {
    for (std::int64_t b = 0; b < k / 32; ++b) {
        scales[b] = quantise_block(x + b * 32, q + b * 32);
        for (std::int64_t half = 2 * b; half < 2 * b + 2; ++half) {
            sums[half] = 0;
            for (int c = 0; c < 16; ++c)
                sums[half] += q[half * 16 + c];
        }
    }
}

/// exp with the same operations as the vector code; see exp_constants.h.
float exp_one(float x) {
    if (x != x) return x;
    x = x < kExpLowest ? kExpLowest : x;
    x = x > kExpHighest ? kExpHighest : x;
    const float shifted = x * kLog2E + kRoundMagic;
    const float n = shifted - kRoundMagic;
    const std::int32_t exponent =
        std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRoundMagic);
    const float r = (x - n * kLn2High) - n * kLn2Low;
    float p = kExp7;
    p = p * r + kExp6;
    p = p * r + kExp5;
    p = p * r + kExp4;
    p = p * r + kExp3;
    p = p * r + kExp2;
    p = (p * (r * r) + r) + 1.0F;
    const std::int32_t half = exponent >> 1;
    const auto power = [](std::int32_t e) { return std::bit_cast<float>((e + 127) << 23); };
    return (p * power(half)) * power(exponent - half);
}

void exp_array(float* out, const float* x, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = exp_one(x[i]);
}

void rmsnorm(float* out, const float* x, const float* weight, std::int64_t columns, float epsilon) {
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i < columns; ++i)
        lane[i % kLanes] += x[i] * x[i];
    const float scale = 1.0F / std::sqrt(sum_lanes(lane) / static_cast<float>(columns) + epsilon);
    for (std::int64_t i = 0; i < columns; ++i)
        out[i] = (x[i] * scale) * weight[i];
}

void layernorm(float* out, const float* x, const float* weight, const float* bias,
               std::int64_t columns, float epsilon) {
    const auto width = static_cast<float>(columns);
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i < columns; ++i)
        lane[i % kLanes] += x[i];
    const float mean = sum_lanes(lane) / width;
    float squares[kLanes] = {};
    for (std::int64_t i = 0; i < columns; ++i) {
        const float off = x[i] - mean;
        squares[i % kLanes] += off * off;
    }
    const float scale = 1.0F / std::sqrt(sum_lanes(squares) / width + epsilon);
    for (std::int64_t i = 0; i < columns; ++i) {
        const float normed = ((x[i] - mean) * scale) * weight[i];
        out[i] = bias == nullptr ? normed : normed + bias[i];
    }
}

float maximum(const float* x, std::int64_t count) {
    float result = -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < count; ++i)
        result = x[i] > result ? x[i] : result;
    return result;
}

void softmax(float* x, std::int64_t columns, float scale) {
    for (std::int64_t i = 0; i < columns; ++i)
        x[i] = x[i] * scale;
    const float top = maximum(x, columns);
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i < columns; ++i) {
        x[i] = exp_one(x[i] - top);
        lane[i % kLanes] += x[i];
    }
    const float inverse = 1.0F / sum_lanes(lane);
    for (std::int64_t i = 0; i < columns; ++i)
        x[i] = x[i] * inverse;
}

float log_sum_exp(const float* x, std::int64_t count) {
    const float top = maximum(x, count);
    if (top == -std::numeric_limits<float>::infinity()) return top;
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i < count; ++i)
        lane[i % kLanes] += exp_one(x[i] - top);
    return top + static_cast<float>(std::log(static_cast<double>(sum_lanes(lane))));
}

void silu_mul(float* out, const float* gate, const float* up, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = (gate[i] / (1.0F + exp_one(0.0F - gate[i]))) * up[i];
    }
}

/// max(x, 0) - |x| * erfc(|x| / sqrt(2)) / 2; see gelu_constants.h.
float gelu_one(float x) {
    const float size = 0.0F - x > x ? 0.0F - x : x;
    const float t = 1.0F / (1.0F + kGeluP * size);
    float tail = kGelu5;
    tail = tail * t + kGelu4;
    tail = tail * t + kGelu3;
    tail = tail * t + kGelu2;
    tail = tail * t + kGelu1;
    tail = (tail * t) * exp_one((x * x) * -0.5F);
    return (0.0F > x ? 0.0F : x) - size * tail;
}

void gelu_mul(float* out, const float* gate, const float* up, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float value = gelu_one(gate[i]);
        out[i] = up == nullptr ? value : value * up[i];
    }
}

void add(float* out, const float* a, const float* b, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = a[i] + b[i];
}

void rope_pair(float& a, float& b, float cosine, float sine) {
    const float x = a;
    const float y = b;
    a = x * cosine - y * sine;
    b = y * cosine + x * sine;
}

void rope_interleaved(float* x, const float* cosines, const float* sines, std::int64_t pairs) {
    for (std::int64_t i = 0; i < pairs; ++i)
        rope_pair(x[2 * i], x[2 * i + 1], cosines[i], sines[i]);
}

void rope_halves(float* x, const float* cosines, const float* sines, std::int64_t pairs) {
    for (std::int64_t i = 0; i < pairs; ++i)
        rope_pair(x[i], x[i + pairs], cosines[i], sines[i]);
}

/// out = sum over p of softmax(scale * query . keys[p]) * values[p]; the sum runs over blocks of 64
/// positions with a running maximum, so that no scratch memory grows with the context.
void attend(const AttentionArgs& a, const AttentionQuery& one) {
    constexpr std::int64_t kBlock = 64;
    float* out = one.out;
    std::memset(out, 0, static_cast<std::size_t>(a.value_width) * sizeof(float));
    // A sink is a position that has been seen already and whose value is zero.
    float top = one.sink == nullptr ? -std::numeric_limits<float>::infinity() : *one.sink;
    float total = one.sink == nullptr ? 0 : 1;
    for (std::int64_t begin = 0; begin < one.positions; begin += kBlock) {
        const std::int64_t count = one.positions - begin < kBlock ? one.positions - begin : kBlock;
        float score[kBlock];
        for (std::int64_t p = 0; p < count; ++p) {
            const float* key = a.keys + (begin + p) * a.key_stride;
            float lane[kLanes] = {};
            for (std::int64_t i = 0; i < a.head_width; ++i)
                lane[i % kLanes] += one.query[i] * key[i];
            score[p] = sum_lanes(lane) * a.scale;
            if (a.softcap == 0) continue;
            const float e = exp_one(score[p] * (2.0F / a.softcap));
            score[p] = (1.0F - 2.0F / (e + 1.0F)) * a.softcap;  // softcap * tanh
        }
        const float block_top = maximum(score, count);
        const float new_top = block_top > top ? block_top : top;
        const float shrink = exp_one(top - new_top);
        top = new_top;
        total *= shrink;
        for (std::int64_t i = 0; i < a.value_width; ++i)
            out[i] *= shrink;
        for (std::int64_t p = 0; p < count; ++p) {
            const float weight = exp_one(score[p] - top);
            const float* value = a.values + (begin + p) * a.value_stride;
            total += weight;
            for (std::int64_t i = 0; i < a.value_width; ++i)
                out[i] += weight * value[i];
        }
    }
    const float inverse = 1.0F / total;
    for (std::int64_t i = 0; i < a.value_width; ++i)
        out[i] *= inverse;
}

void attention(const AttentionArgs& a) {
    for (std::int64_t q = 0; q < a.count; ++q)
        attend(a, a.queries[q]);
}

/// 64 independent chains of multiply and add on registers as wide as the baseline has.
double peak_f32(std::int64_t rounds) {
    float chain[64];
    for (int i = 0; i < 64; ++i)
        chain[i] = static_cast<float>(i);
    for (std::int64_t r = 0; r < rounds; ++r) {
        for (float& value : chain)
            value = value * 0.5F + 1.0F;
    }
    volatile float keep =
        sum_lanes(chain) + sum_lanes(chain + 16) + sum_lanes(chain + 32) + sum_lanes(chain + 48);
    static_cast<void>(keep);
    return static_cast<double>(rounds) * 128;
}

double peak_int8(std::int64_t rounds) {
    std::int8_t a[64];
    std::int8_t b[64];
    for (int i = 0; i < 64; ++i) {
        a[i] = static_cast<std::int8_t>(i);
        b[i] = static_cast<std::int8_t>(64 - i);
    }
    std::int64_t sum = 0;
    for (std::int64_t r = 0; r < rounds; ++r) {
        std::int32_t dot = 0;
        for (int i = 0; i < 64; ++i)
            dot += a[i] * b[i];
        a[r & 63] = static_cast<std::int8_t>(dot);
        sum += dot;
    }
    volatile std::int64_t keep = sum;
    static_cast<void>(keep);
    return static_cast<double>(rounds) * 128;
}

double read_sum(const float* data, std::int64_t count) {
    float lane[kLanes] = {};
    for (std::int64_t i = 0; i + kLanes <= count; i += kLanes) {
        for (std::int64_t l = 0; l < kLanes; ++l)
            lane[l] += data[i + l];
    }
    return sum_lanes(lane);
}

}  // namespace

extern const Table kReferenceTable = {
    .name = "reference",
    .matmul = {matmul_range<load_f32>, matmul_range<load_f16>, matmul_range<load_bf16>,
               matmul_blocks<DType::kQ4_0>, matmul_blocks<DType::kQ4_1>,
               matmul_blocks<DType::kQ5_0>, matmul_blocks<DType::kQ5_1>,
               matmul_blocks<DType::kQ8_0>, matmul_blocks<DType::kQ2_K>,
               matmul_blocks<DType::kQ3_K>, matmul_blocks<DType::kQ4_K>,
               matmul_blocks<DType::kQ5_K>, matmul_blocks<DType::kQ6_K>,
               matmul_blocks<DType::kIQ4_NL>, matmul_blocks<DType::kIQ4_XS>,
               matmul_blocks<DType::kMXFP4>},
    .bias = {},
    .gemm_f32 = nullptr,
    .gemm_bf16 = nullptr,
    .quantise_x = quantise_x,
    .rmsnorm = rmsnorm,
    .layernorm = layernorm,
    .softmax = softmax,
    .log_sum_exp = log_sum_exp,
    .silu_mul = silu_mul,
    .gelu_mul = gelu_mul,
    .add = add,
    .exp = exp_array,
    .rope_interleaved = rope_interleaved,
    .rope_halves = rope_halves,
    .attention = attention,
    .peak_f32 = peak_f32,
    .peak_bf16 = peak_f32,
    .peak_int8 = peak_int8,
    .read_sum = read_sum,
};

}  // namespace cairn::kernels::detail
