// SPDX-License-Identifier: Apache-2.0
// AMX: the training product on tiles. Eight tile registers of 16 rows x 64 bytes: four hold 32 x 32
// sums of c, two hold 32 rows of a (32 bf16 deep), two hold 32 columns of b as pairs along the
// depth.
#include "bf16_pack.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kTileFloats = 256;  // 16 rows x 64 bytes
constexpr std::int64_t kSide = 32;  // rows and columns of c per call; also the depth of one tile

struct alignas(64) TileConfig {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin() {
    static constexpr TileConfig
        kConfig;  // in memory before the instruction: g++ sees only its first bytes
    _tile_loadconfig(&kConfig);
}

void end() {
    _tile_release();
}

/// a: [depth / 32][2 tiles][16 rows][32 deep]
void pack_a(void* panel, const View& a, std::int64_t rows, std::int64_t depth) {
    auto* out = static_cast<float*>(panel);
    const LaneView v{a.data, a.row_stride, a.column_stride};
    if (v.lane_stride != 1) {  // row after row: memory is read in one run
        for (std::int64_t row = 0; row < kSide; ++row) {
            for (std::int64_t l = 0; l < depth; l += kSide) {
                const __m512 pairs = row < rows
                                         ? load_pairs(v.data + row * v.lane_stride + l, depth - l)
                                         : Avx512::zero();
                Avx512::store(out + l / kSide * 2 * kTileFloats + row * kLanes, pairs);
            }
        }
        return;
    }
    for (std::int64_t l = 0; l < depth; l += kSide) {
        for (std::int64_t row = 0; row < kSide; row += kLanes, out += kTileFloats) {
            __m512 lane[16];
            const std::int64_t lanes = smaller(kLanes, rows - row);
            load_by_depth(lane, step(v, row, l), lanes, depth - l);
            Avx512::transpose(lane);
            for (std::int64_t i = 0; i < kLanes; ++i)
                Avx512::store(out + i * kLanes, lane[i]);
        }
    }
}

/// b: [depth / 32][2 tiles][16 pairs of depth][16 columns]
void pack_b(void* panel, const View& b, std::int64_t columns, std::int64_t depth) {
    auto* out = static_cast<float*>(panel);
    const LaneView v{b.data, b.column_stride, b.row_stride};
    for (std::int64_t l = 0; l < depth; l += kSide) {
        for (std::int64_t column = 0; column < kSide; column += kLanes, out += kTileFloats) {
            __m512 pairs[16];
            const std::int64_t lanes = smaller(kLanes, columns - column);
            pairs_of_lanes(pairs, step(v, column, l), lanes, depth - l);
            for (std::int64_t i = 0; i < kLanes; ++i)
                Avx512::store(out + i * kLanes, pairs[i]);
        }
    }
}

void update(float* c, const float* sum, float alpha, float beta, std::int64_t columns) {
    const __mmask16 mask = columns >= kLanes ? 0xFFFF : Avx512::mask(columns < 0 ? 0 : columns);
    __m512 value = _mm512_mul_ps(_mm512_load_ps(sum), _mm512_set1_ps(alpha));
    if (beta != 0) {
        value = _mm512_fmadd_ps(_mm512_set1_ps(beta), _mm512_maskz_loadu_ps(mask, c), value);
    }
    _mm512_mask_storeu_ps(c, mask, value);
}

constexpr std::int64_t kAhead = 2;

/// Two tiles of b: it streams from the second-level cache, faster when asked for early. May reach
/// beyond the panel.
void prefetch_ahead(const float* b) {
#pragma GCC unroll 32
    for (std::int64_t i = 0; i < 2 * kTileFloats; i += kLanes)
        Avx512::prefetch(b + i);
}

void tile(const void* panel_a, const void* panel_b, std::int64_t depth, float alpha, float beta,
          float* c, std::int64_t ldc, std::int64_t rows, std::int64_t columns) {
    const auto* a = static_cast<const float*>(panel_a);
    const auto* b = static_cast<const float*>(panel_b);
    for (std::int64_t i = 0; i < rows; ++i) {
        Avx512::prefetch(c + i * ldc);
        Avx512::prefetch(c + i * ldc + kLanes);
    }
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (std::int64_t l = 0; l < depth; l += kSide, a += 2 * kTileFloats, b += 2 * kTileFloats) {
        prefetch_ahead(b + kAhead * 2 * kTileFloats);
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + kTileFloats, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + kTileFloats, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    if (alpha == 1 && beta == 0 && rows == kSide && columns >= kSide) {
        const auto stride = static_cast<std::size_t>(ldc) * 4;
        _tile_stored(0, c, stride);
        _tile_stored(1, c + kLanes, stride);
        _tile_stored(2, c + kLanes * ldc, stride);
        _tile_stored(3, c + kLanes * ldc + kLanes, stride);
        return;
    }
    alignas(64) float sum[kSide * kSide];
    _tile_stored(0, sum, kSide * 4);
    _tile_stored(1, sum + kLanes, kSide * 4);
    _tile_stored(2, sum + kLanes * kSide, kSide * 4);
    _tile_stored(3, sum + kLanes * kSide + kLanes, kSide * 4);
    for (std::int64_t i = 0; i < rows; ++i) {
        update(c + i * ldc, sum + i * kSide, alpha, beta, columns);
        update(c + i * ldc + kLanes, sum + i * kSide + kLanes, alpha, beta, columns - kLanes);
    }
}

double peak(std::int64_t rounds) {
    begin();
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (std::int64_t r = 0; r < rounds; ++r) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    end();
    return static_cast<double>(rounds) * 4 * 16 * 16 * 32 * 2;
}

}  // namespace

extern const Bf16Part kAmxBf16 = {
    .gemm = {.mr = kSide,
             .nr = kSide,
             .kc = 512,
             .k_step = kSide,
             .element_bytes = 2,
             .pack_a = pack_a,
             .pack_b = pack_b,
             .tile = tile,
             .begin = begin,
             .end = end},
    .peak = peak,
};

}  // namespace cairn::kernels::detail
