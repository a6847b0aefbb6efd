// SPDX-License-Identifier: Apache-2.0
// Expands 16 rows of any quantised type into one shape, so that one product serves all: integers of
// four weights side by side per lane, and f32 scales and minima per lane. Rows are transposed in
// pieces of 16 bytes first, so that all bit work is done on whole vectors. blocks.cc is the
// definition of the layouts.
#pragma once

#include "generic.h"

namespace cairn::kernels::detail {
namespace {

constexpr std::int64_t kBlocksAtOnce = 32;  // 16 rows x 1024 weights: 16 KiB of first-level cache

/// 16 rows of w over some blocks of 32: values[block][depth / 4][lane][4] (plus the type's bias),
/// scales and minima [block][part][lane].
struct Group {
    alignas(64) std::int32_t values[kBlocksAtOnce * 8 * kLanes];
    alignas(64) float scales[kBlocksAtOnce * 2 * kLanes];
    alignas(64) float minima[kBlocksAtOnce * 2 * kLanes];

    std::int32_t* value(std::int64_t block, int quarter) {
        return values + (block * 8 + quarter) * kLanes;
    }
    float* scale(std::int64_t part) { return scales + part * kLanes; }
    float* minimum(std::int64_t part) { return minima + part * kLanes; }
};

using Rows = const char* const*;

/// Dwords of 16 rows: dword[d] has in lane r bytes [offset + 4 d, offset + 4 d + 4) of row r.
template <typename S>
struct Piece {
    typename S::I dword[4];
    Piece(Rows rows, int offset) { S::load_rows(dword, rows, offset); }
};

template <typename S>
inline typename S::I field(typename S::I v, int shift, std::uint32_t mask) {
    return S::bits_and(S::shift_right(v, shift), S::set_dwords(static_cast<std::int32_t>(mask)));
}
constexpr std::uint32_t kNibbles = 0x0F0F0F0F;

template <typename S>
inline typename S::V half_of(typename S::I v, int shift) {
    return S::half_to_float(S::shift_right(v, shift));
}
/// Byte `index` of each lane as a float.
template <typename S>
inline typename S::V byte_of(typename S::I v, int index) {
    return S::to_float(field<S>(v, 8 * index, 255));
}
/// `high` (fields of 1 or 2 bits) above the fields of `low`.
template <typename S>
inline typename S::I joined(typename S::I low, typename S::I high, int shift) {
    return S::bits_or(low, S::shift_left(high, shift));
}

// Each type: bytes and blocks of 32 of what is stored together; how integers are kept (kSigned: as
// int8 in the way of the ISA; else unsigned with kBias added, kHigh at most); which parts have
// scales; fill(group, rows, first block in the group).

struct Nibbles {
    static constexpr int kBlocks = 1;
    static constexpr bool kSigned = false;
    static constexpr bool kMinimum = false;
    static constexpr bool kHalves = false;
    /// 16 bytes at `offset`: low nibbles are weights 0 to 15.
    template <typename S, typename Store>
    static void fill_nibbles(Group& group, Rows rows, int offset, std::int64_t b, Store store) {
        const Piece<S> q(rows, offset);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) {
            store(group.value(b, c), field<S>(q.dword[c], 0, kNibbles), c);
            store(group.value(b, c + 4), field<S>(q.dword[c], 4, kNibbles), c + 4);
        }
    }
    template <typename S>
    static void store_plain(std::int32_t* to, typename S::I v, int) {
        S::store_dwords(to, v);
    }
};

struct Q4_0 : Nibbles {
    static constexpr int kBytes = 18;
    static constexpr int kHigh = 15;
    static constexpr int kBias = 8;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        S::store(group.scale(b), half_of<S>(Piece<S>(rows, 0).dword[0], 0));
        fill_nibbles<S>(group, rows, 2, b, store_plain<S>);
    }
};

struct Q4_1 : Nibbles {
    static constexpr int kBytes = 20;
    static constexpr int kHigh = 15;
    static constexpr int kBias = 0;
    static constexpr bool kMinimum = true;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> head(rows, 0);
        S::store(group.scale(b), half_of<S>(head.dword[0], 0));
        S::store(group.minimum(b), half_of<S>(head.dword[0], 16));
        fill_nibbles<S>(group, rows, 4, b, store_plain<S>);
    }
};

/// Nibbles and a word of fifth bits.
template <typename S>
inline void fill_five_bits(Group& group, Rows rows, int offset, typename S::I bits,
                           std::int64_t b) {
    Nibbles::fill_nibbles<S>(
        group, rows, offset, b, [&](std::int32_t* to, typename S::I nibbles, int quarter) {
            // Four bits to the lowest bits of four bytes.
            const auto spread = S::mul_dwords(field<S>(bits, 4 * quarter, 15), 0x00204081);
            S::store_dwords(to, joined<S>(nibbles, field<S>(spread, 0, 0x01010101), 4));
        });
}

struct Q5_0 : Nibbles {
    static constexpr int kBytes = 22;
    static constexpr int kHigh = 31;
    static constexpr int kBias = 16;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> head(rows, 0);
        S::store(group.scale(b), half_of<S>(head.dword[0], 0));
        fill_five_bits<S>(group, rows, 6,
                          joined<S>(S::shift_right(head.dword[0], 16), head.dword[1], 16), b);
    }
};

struct Q5_1 : Nibbles {
    static constexpr int kBytes = 24;
    static constexpr int kHigh = 31;
    static constexpr int kBias = 0;
    static constexpr bool kMinimum = true;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> head(rows, 0);
        S::store(group.scale(b), half_of<S>(head.dword[0], 0));
        S::store(group.minimum(b), half_of<S>(head.dword[0], 16));
        fill_five_bits<S>(group, rows, 8, head.dword[1], b);
    }
};

struct Q8_0 : Nibbles {
    static constexpr int kBytes = 34;
    static constexpr int kBias = 0;
    static constexpr bool kSigned = true;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        S::store(group.scale(b), half_of<S>(Piece<S>(rows, 0).dword[0], 0));
        typename S::I dword[8];
        S::load_long_rows(dword, rows, 2);
#pragma GCC unroll 8
        for (int c = 0; c < 8; ++c)
            S::store_signed(group.value(b, c), dword[c]);
    }
};

struct Iq4Nl : Nibbles {
    static constexpr int kBytes = 18;
    static constexpr int kBias = 0;
    static constexpr bool kSigned = true;
    static constexpr std::int8_t kTable[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
    template <typename S>
    static void fill_looked_up(Group& group, Rows rows, int offset, std::int64_t b,
                               const std::int8_t* table) {
        fill_nibbles<S>(group, rows, offset, b, [&](std::int32_t* to, typename S::I v, int) {
            S::store_signed(to, S::lookup(table, v));
        });
    }
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        S::store(group.scale(b), half_of<S>(Piece<S>(rows, 0).dword[0], 0));
        fill_looked_up<S>(group, rows, 2, b, kTable);
    }
};

struct Mxfp4 : Nibbles {
    static constexpr int kBytes = 17;
    static constexpr int kBias = 0;
    static constexpr bool kSigned = true;
    static constexpr std::int8_t kTable[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                               0, -1, -2, -3, -4, -6, -8, -12};
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        for (std::int64_t i = 0; i < kLanes; ++i) {  // half of 2^(exponent - 127)
            const auto exponent = static_cast<std::uint8_t>(*rows[i]);
            const std::uint32_t bits = exponent < 2
                                           ? 0x00200000U << exponent
                                           : static_cast<std::uint32_t>(exponent - 1) << 23;
            __builtin_memcpy(group.scale(b) + i, &bits, 4);
        }
        Iq4Nl::fill_looked_up<S>(group, rows, 1, b, kTable);
    }
};

// ---- types of 256 weights ----

/// Scales and minima of Q4_K and Q5_K: d, dmin, then eight pairs of six bits in 12 bytes.
template <typename S>
inline void fill_six_bits(Group& group, Rows rows, std::int64_t b) {
    const Piece<S> head(rows, 0);
    const auto* p = head.dword;
    const typename S::I scales[2] = {
        field<S>(p[1], 0, 0x3F3F3F3F),
        joined<S>(field<S>(p[3], 0, kNibbles), field<S>(p[1], 6, 0x03030303), 4)};
    const typename S::I minima[2] = {
        field<S>(p[2], 0, 0x3F3F3F3F),
        joined<S>(field<S>(p[3], 4, kNibbles), field<S>(p[2], 6, 0x03030303), 4)};
    const auto d = half_of<S>(p[0], 0);
    const auto negative = S::mul(S::set(-1.0F), half_of<S>(p[0], 16));
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        S::store(group.scale(b + i), S::mul(d, byte_of<S>(scales[i / 4], i % 4)));
        S::store(group.minimum(b + i), S::mul(negative, byte_of<S>(minima[i / 4], i % 4)));
    }
}

struct Q4K {
    static constexpr int kBytes = 144;
    static constexpr int kHigh = 15;
    static constexpr int kBlocks = 8;
    static constexpr int kBias = 0;
    static constexpr bool kSigned = false;
    static constexpr bool kMinimum = true;
    static constexpr bool kHalves = false;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        fill_six_bits<S>(group, rows, b);
        for (int p = 0; p < 8; ++p) {
            const Piece<S> q(rows, 16 + 16 * p);
#pragma GCC unroll 4
            for (int c = 0; c < 4; ++c) {
                const int quarter = p % 2 * 4 + c;
                S::store_dwords(group.value(b + p / 2 * 2, quarter),
                                field<S>(q.dword[c], 0, kNibbles));
                S::store_dwords(group.value(b + p / 2 * 2 + 1, quarter),
                                field<S>(q.dword[c], 4, kNibbles));
            }
        }
    }
};

struct Q5K : Q4K {
    static constexpr int kBytes = 176;
    static constexpr int kHigh = 31;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        fill_six_bits<S>(group, rows, b);
        for (int half = 0; half < 2; ++half) {
            const Piece<S> high(rows, 16 + 16 * half);
#pragma GCC unroll 8
            for (int i = 0; i < 8; ++i) {
                if (i % 2 == 1) continue;  // two blocks share their bytes
                const Piece<S> q(rows, 48 + 16 * i + 16 * half);
#pragma GCC unroll 4
                for (int c = 0; c < 4; ++c) {
                    const auto fifth = [&](int block) {
                        return field<S>(high.dword[c], block, 0x01010101);
                    };
                    S::store_dwords(group.value(b + i, 4 * half + c),
                                    joined<S>(field<S>(q.dword[c], 0, kNibbles), fifth(i), 4));
                    S::store_dwords(group.value(b + i + 1, 4 * half + c),
                                    joined<S>(field<S>(q.dword[c], 4, kNibbles), fifth(i + 1), 4));
                }
            }
        }
    }
};

struct Q6K {
    static constexpr int kBytes = 210;
    static constexpr int kHigh = 63;
    static constexpr int kBlocks = 8;
    static constexpr int kBias = 32;
    static constexpr bool kSigned = false;
    static constexpr bool kMinimum = false;
    static constexpr bool kHalves = true;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> factors(rows, 192);
        const auto d = half_of<S>(Piece<S>(rows, 194).dword[3], 16);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
            const auto shifted = S::shift_left(factors.dword[i / 4], 24 - 8 * (i % 4));
            S::store(group.scale(2 * b + i), S::mul(d, S::to_float(S::shift_signed(shifted, 24))));
        }
        for (int p = 0; p < 4; ++p) {  // 128 weights are p / 2, half of each block p % 2
            const int n = p / 2;
            const int half = p % 2;
            const Piece<S> first(rows, 64 * n + 16 * half);
            const Piece<S> second(rows, 64 * n + 32 + 16 * half);
            const Piece<S> high(rows, 128 + 32 * n + 16 * half);
#pragma GCC unroll 4
            for (int c = 0; c < 4; ++c) {
                const auto put = [&](int block, typename S::I low) {
                    const auto top = field<S>(high.dword[c], 2 * block, 0x03030303);
                    S::store_dwords(group.value(b + 4 * n + block, 4 * half + c),
                                    joined<S>(low, top, 4));
                };
                put(0, field<S>(first.dword[c], 0, kNibbles));
                put(1, field<S>(second.dword[c], 0, kNibbles));
                put(2, field<S>(first.dword[c], 4, kNibbles));
                put(3, field<S>(second.dword[c], 4, kNibbles));
            }
        }
    }
};

struct Q3K : Q6K {
    static constexpr int kBytes = 110;
    static constexpr int kHigh = 7;
    static constexpr int kBias = 4;
    template <typename S>
    static void fill_scales(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> tail(rows, 94);  // the last 16 bytes: two of q, 12 of scales, d
        const auto* t = tail.dword;
        typename S::I packed[3];
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i)
            packed[i] = joined<S>(S::shift_right(t[i], 16), t[i + 1], 16);
        const auto d = half_of<S>(t[3], 16);
#pragma GCC unroll 4
        for (int g = 0; g < 4; ++g) {
            const auto four = joined<S>(field<S>(packed[g % 2], g / 2 * 4, kNibbles),
                                        field<S>(packed[2], 2 * g, 0x03030303), 4);
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                S::store(group.scale(2 * b + 4 * g + i),
                         S::mul(d, S::sub(byte_of<S>(four, i), S::set(32.0F))));
            }
        }
    }
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        fill_scales<S>(group, rows, b);
        for (int p = 0; p < 4; ++p) {
            const int n = p / 2;
            const int half = p % 2;
            const Piece<S> q(rows, 32 + 32 * n + 16 * half);
            const Piece<S> high(rows, 16 * half);
#pragma GCC unroll 4
            for (int s = 0; s < 4; ++s) {
#pragma GCC unroll 4
                for (int c = 0; c < 4; ++c) {
                    const auto third = field<S>(high.dword[c], 4 * n + s, 0x01010101);
                    const auto low = field<S>(q.dword[c], 2 * s, 0x03030303);
                    S::store_dwords(group.value(b + 4 * n + s, 4 * half + c),
                                    joined<S>(low, third, 2));
                }
            }
        }
    }
};

struct Q2K : Q6K {
    static constexpr int kBytes = 84;
    static constexpr int kHigh = 3;
    static constexpr int kBias = 0;
    static constexpr bool kMinimum = true;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> packed(rows, 0);
        const auto head = Piece<S>(rows, 68).dword[3];
        const auto d = half_of<S>(head, 0);
        const auto negative = S::mul(S::set(-1.0F), half_of<S>(head, 16));
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
            const auto* four = packed.dword + i / 4;
            const auto scale = S::to_float(field<S>(*four, 8 * (i % 4), 15));
            const auto minimum = S::to_float(field<S>(*four, 8 * (i % 4) + 4, 15));
            S::store(group.scale(2 * b + i), S::mul(d, scale));
            S::store(group.minimum(2 * b + i), S::mul(negative, minimum));
        }
        for (int p = 0; p < 4; ++p) {
            const Piece<S> q(rows, 16 + 16 * p);
#pragma GCC unroll 4
            for (int s = 0; s < 4; ++s) {
#pragma GCC unroll 4
                for (int c = 0; c < 4; ++c) {
                    S::store_dwords(group.value(b + p / 2 * 4 + s, p % 2 * 4 + c),
                                    field<S>(q.dword[c], 2 * s, 0x03030303));
                }
            }
        }
    }
};

struct Iq4Xs : Iq4Nl {
    static constexpr int kBytes = 136;
    static constexpr int kBlocks = 8;
    template <typename S>
    static void fill(Group& group, Rows rows, std::int64_t b) {
        const Piece<S> head(rows, 0);
        const auto d = half_of<S>(head.dword[0], 0);
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            const auto low = field<S>(head.dword[1], 4 * i, 15);
            const auto six = joined<S>(low, field<S>(head.dword[0], 16 + 2 * i, 3), 4);
            S::store(group.scale(b + i), S::mul(d, S::sub(S::to_float(six), S::set(32.0F))));
        }
        for (int i = 0; i < 8; ++i)
            fill_looked_up<S>(group, rows, 8 + 16 * i, b + i, kTable);
    }
};

}  // namespace
}  // namespace cairn::kernels::detail
