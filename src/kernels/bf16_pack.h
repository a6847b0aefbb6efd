// SPDX-License-Identifier: Apache-2.0
// Packing f32 -> pairs of bf16 (neighbours in depth) for AVX512-BF16 and AMX: panel[depth /
// 2][width] of 4-byte pairs.
#pragma once

#include "avx512_isa.h"
#include "generic.h"

namespace cairn::kernels::detail {
namespace {

/// 32 floats -> 32 bf16 in order, as 16 pairs.
inline __m512 round_pairs(__m512 low, __m512 high) {
    return reinterpret_cast<__m512>(_mm512_cvtne2ps_pbh(high, low));
}

/// Lanes of two depths -> pair of each lane.
inline __m512 interleave_pairs(__m512 even, __m512 odd) {
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i words = _mm512_castps_si512(round_pairs(even, odd));
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, words));
}

/// A source seen lane by lane: element (lane, depth) = data[lane * lane_stride + depth *
/// depth_stride].
struct LaneView {
    const float* data;
    std::int64_t lane_stride, depth_stride;
};

/// 16 lanes x 32 depths as out[pair of depth] = 16 lanes; what is beyond `lanes` and `depth` is
/// zero.
inline void load_by_depth(__m512* out, const LaneView& v, std::int64_t lanes, std::int64_t depth) {
    const Avx512::Part part{lanes < 0 ? 0 : smaller(lanes, 15)};
    const auto at = [&](std::int64_t l) {
        if (l >= depth) return Avx512::zero();
        const float* source = v.data + l * v.depth_stride;
        return lanes >= 16 ? Avx512::load(source) : part.load(source);
    };
    for (std::int64_t i = 0; i < 16; ++i)
        out[i] = interleave_pairs(at(2 * i), at(2 * i + 1));
}

/// Up to 32 floats in a run -> 16 pairs, zero-filled.
inline __m512 load_pairs(const float* source, std::int64_t count) {
    if (count >= 32) return round_pairs(Avx512::load(source), Avx512::load(source + 16));
    if (count <= 16) {
        const __m512 low = count == 16 ? Avx512::load(source) : Avx512::Part{count}.load(source);
        return round_pairs(low, Avx512::zero());
    }
    return round_pairs(Avx512::load(source), Avx512::Part{count - 16}.load(source + 16));
}

/// The same source as out[lane] = 16 pairs along the depth.
inline void load_by_lane(__m512* out, const LaneView& v, std::int64_t lanes, std::int64_t depth) {
    for (std::int64_t i = 0; i < 16; ++i) {
        out[i] = i < lanes ? load_pairs(v.data + i * v.lane_stride, depth) : Avx512::zero();
    }
}

/// out[pair of depth] = 16 lanes, from whichever direction is contiguous.
inline void pairs_of_lanes(__m512* out, const LaneView& v, std::int64_t lanes, std::int64_t depth) {
    if (v.lane_stride == 1) {
        load_by_depth(out, v, lanes, depth);
    } else {
        load_by_lane(out, v, lanes, depth);
        Avx512::transpose(out);
    }
}

inline LaneView step(const LaneView& v, std::int64_t lane, std::int64_t depth) {
    return {v.data + lane * v.lane_stride + depth * v.depth_stride, v.lane_stride, v.depth_stride};
}

}  // namespace
}  // namespace cairn::kernels::detail
