// SPDX-License-Identifier: Apache-2.0
// Softmax attention over the thin Isa. Queries that read the same keys and values (the heads of a
// group, neighbouring rows of a prompt) go in tiles, so that what is read once serves several; a
// query's own operations and their order do not depend on its tile.
#pragma once

#include "generic.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kScoreBlock = 64;  // positions between two looks at the running maximum
constexpr std::int64_t kAhead = 16;       // positions: keys and values are far apart in memory
using Scores = float (*)[kScoreBlock];    // a row per query

template <int kValue>
struct Size {
    static constexpr int value = kValue;
};

/// body(first, Size<n>) for tiles of n <= S::kTileQueries queries.
template <typename S, typename Body>
inline void for_tiles(std::int64_t count, const Body& body) {
    std::int64_t q = 0;
    for (; q + S::kTileQueries <= count; q += S::kTileQueries)
        body(q, Size<S::kTileQueries>{});
    if (q == count) return;
    if constexpr (S::kTileQueries > 2) {
        if (count - q == 3) return body(q, Size<3>{});
        if (count - q == 2) return body(q, Size<2>{});
    }
    body(q, Size<1>{});
}

/// score[q][p + i] = query q . key p + i, for kQueries queries and kKeys keys.
template <typename S, int kQueries, int kKeys>
inline void score_tile(Scores score, const AttentionArgs& a, const AttentionQuery* query,
                       const float* keys, std::int64_t p) {
    for (int k = 0; k < kKeys; ++k) {
        for (std::int64_t i = 0; i < a.head_width; i += kLanes)
            S::prefetch(keys + (p + k + kAhead) * a.key_stride + i);
    }
    typename S::V sum[kQueries * kKeys];
#pragma GCC unroll 16
    for (auto& s : sum)
        s = S::zero();
    for_lanes<S>(a.head_width, [&](std::int64_t i, auto part) {
        typename S::V lanes[kQueries];
#pragma GCC unroll 4
        for (int q = 0; q < kQueries; ++q)
            lanes[q] = part.load(query[q].query + i);
#pragma GCC unroll 4
        for (int k = 0; k < kKeys; ++k) {
            const auto key = part.load(keys + (p + k) * a.key_stride + i);
#pragma GCC unroll 4
            for (int q = 0; q < kQueries; ++q)
                sum[q * kKeys + k] = S::fma(lanes[q], key, sum[q * kKeys + k]);
        }
    });
    if constexpr (kQueries * kKeys % 4 == 0) {
#pragma GCC unroll 4
        for (int s = 0; s < kQueries * kKeys; s += 4) {
            float four[4];
            S::sum4(four, sum[s], sum[s + 1], sum[s + 2], sum[s + 3]);
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
                score[(s + i) / kKeys][p + (s + i) % kKeys] = four[i];
        }
    } else {
#pragma GCC unroll 16
        for (int s = 0; s < kQueries * kKeys; ++s)
            score[s / kKeys][p + s % kKeys] = S::sum(sum[s]);
    }
}

/// Products of a tile's queries with `count` keys, not yet scaled.
template <typename S, int kQueries>
inline void tile_scores(Scores score, const AttentionArgs& a, const AttentionQuery* query,
                        const float* keys, std::int64_t count) {
    constexpr int kKeys = kQueries == 1 ? 4 : S::kTileKeys;
    std::int64_t p = 0;
    for (; p + kKeys <= count; p += kKeys)
        score_tile<S, kQueries, kKeys>(score, a, query, keys, p);
    for (; p < count; ++p)
        score_tile<S, kQueries, 1>(score, a, query, keys, p);
}

template <typename S>
inline void scale_scores(float* score, const AttentionArgs& a, std::int64_t count) {
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        part.store(score + i, S::mul(part.load(score + i), S::set(a.scale)));
    });
    if (a.softcap == 0) return;
    const float twice = 2.0F / a.softcap;  // tanh(z) = 1 - 2 / (exp(2 z) + 1)
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        const auto e = exp_lanes<S>(S::mul(part.load(score + i), S::set(twice)));
        const auto rest = S::div(S::set(2.0F), S::add(e, S::set(1.0F)));
        part.store(score + i, S::mul(S::sub(S::set(1.0F), rest), S::set(a.softcap)));
    });
}

/// What a query has seen so far: its highest score, and the sum of exp(score - top).
struct SoftmaxState {
    float top, total;
};

/// Products -> weights exp(score - top) of `count` positions. Returns the factor by which what was
/// added before shrinks.
template <typename S>
inline float weigh(float* score, const AttentionArgs& a, SoftmaxState& state, std::int64_t count) {
    if (count == 0) return 1;
    scale_scores<S>(score, a, count);
    const float block_top = maximum<S>(score, count);
    const float top = block_top > state.top ? block_top : state.top;
    const float shrink = S::first(exp_lanes<S>(S::set(state.top - top)));
    auto sum = S::zero();
    for_lanes<S>(count, [&](std::int64_t i, auto part) {
        const auto e = exp_lanes<S>(S::sub(part.load(score + i), S::set(top)));
        part.store(score + i, e);
        sum = S::add(sum, part.only(e));
    });
    state = {top, state.total * shrink + S::sum(sum)};
    return shrink;
}

/// Positions [first, last) of a block.
struct Span {
    std::int64_t first, last;
};

/// out[q][i ..] = out * shrink[q] + sum over a span of weight[q][p] * value[p], positions in order,
/// for kQueries queries and kVectors vectors.
template <typename S, int kQueries, int kVectors, typename Part>
inline void value_tile(const AttentionArgs& a, const AttentionQuery* query, const float* shrink,
                       Scores weight, const float* values, Span span, std::int64_t i, Part part) {
    typename S::V sum[kQueries][kVectors];
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            sum[q][v] = S::mul(part.load(query[q].out + i + v * kLanes), S::set(shrink[q]));
    }
    for (std::int64_t p = span.first; p < span.last; ++p) {
        typename S::V value[kVectors];
        for (int v = 0; v < kVectors; ++v)
            S::prefetch(values + (p + kAhead) * a.value_stride + i + v * kLanes);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            value[v] = part.load(values + p * a.value_stride + i + v * kLanes);
#pragma GCC unroll 4
        for (int q = 0; q < kQueries; ++q) {
            const auto w = S::set(weight[q][p]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v)
                sum[q][v] = S::fma(w, value[v], sum[q][v]);
        }
    }
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v)
            part.store(query[q].out + i + v * kLanes, sum[q][v]);
    }
}

template <typename S, int kQueries>
inline void tile_values(const AttentionArgs& a, const AttentionQuery* query, const float* shrink,
                        Scores weight, const float* values, Span span) {
    constexpr int kVectors = S::kTileKeys;
    std::int64_t i = 0;
    for (; i + kVectors * kLanes <= a.value_width; i += kVectors * kLanes) {
        value_tile<S, kQueries, kVectors>(a, query, shrink, weight, values, span, i,
                                          typename S::Whole{});
    }
    for_lanes<S>(a.value_width - i, [&](std::int64_t rest, auto part) {
        value_tile<S, kQueries, 1>(a, query, shrink, weight, values, span, i + rest, part);
    });
}

/// One block of positions, from `begin`, for a tile of queries.
template <typename S, int kQueries>
inline void tile_block(const AttentionArgs& a, const AttentionQuery* query, SoftmaxState* state,
                       Scores score, std::int64_t begin) {
    std::int64_t count[kQueries];
    std::int64_t most = 0;
    std::int64_t common = kScoreBlock;
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
        const std::int64_t left = query[q].positions - begin;
        count[q] = left < 0 ? 0 : smaller(left, kScoreBlock);
        most = count[q] > most ? count[q] : most;
        common = smaller(common, count[q]);
    }
    if (most == 0) return;
    tile_scores<S, kQueries>(score, a, query, a.keys + begin * a.key_stride, most);
    float shrink[kQueries];
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q)
        shrink[q] = weigh<S>(score[q], a, state[q], count[q]);
    const float* values = a.values + begin * a.value_stride;
    tile_values<S, kQueries>(a, query, shrink, score, values, {0, common});
    const float one = 1;
    for (int q = 0; q < kQueries; ++q) {
        if (count[q] == common) continue;
        tile_values<S, 1>(a, query + q, &one, score + q, values, {common, count[q]});
    }
}

template <typename S>
void attention_rows(const AttentionArgs& a) {
    alignas(64) float score[kAttentionQueries][kScoreBlock];
    SoftmaxState state[kAttentionQueries];
    std::int64_t longest = 0;
    for (std::int64_t q = 0; q < a.count; ++q) {
        const AttentionQuery& query = a.queries[q];
        longest = query.positions > longest ? query.positions : longest;
        // A sink is a position that has been seen already and whose value is zero.
        state[q] = query.sink == nullptr ? SoftmaxState{-__builtin_inff(), 0}
                                         : SoftmaxState{*query.sink, 1};
        for_lanes<S>(a.value_width,
                     [&](std::int64_t i, auto part) { part.store(query.out + i, S::zero()); });
    }
    for (std::int64_t begin = 0; begin < longest; begin += kScoreBlock) {
        for_tiles<S>(a.count, [&](std::int64_t q, auto size) {
            tile_block<S, decltype(size)::value>(a, a.queries + q, state + q, score + q, begin);
        });
    }
    for (std::int64_t q = 0; q < a.count; ++q) {
        const auto inverse = S::set(1.0F / state[q].total);
        float* out = a.queries[q].out;
        for_lanes<S>(a.value_width, [&](std::int64_t i, auto part) {
            part.store(out + i, S::mul(part.load(out + i), inverse));
        });
    }
}

}  // namespace
}  // namespace cairn::kernels::detail
