// SPDX-License-Identifier: Apache-2.0
// What one instruction set provides: a table of functions over ranges. The drivers (matmul.cc,
// gemm.cc, rows.cc) cut the work and call these; they are the only code compiled for more than the
// baseline machine. Plain data only, no templates or inline functions with linkage: objects of
// different ISAs must not share symbols.
#pragma once

#include <cstdint>

#include "cairn/base/tensor_type.h"

namespace cairn::kernels::detail {

/// Rows of x quantised for the integer dot. A part is a block of 32, or a half of it where the
/// weights' type has scales for halves.
struct QuantisedRows {
    const std::int8_t* q;        ///< [rows, k]
    const float* scales;         ///< [rows, k / 32]
    const std::int32_t* starts;  ///< [rows, parts]: -bias * sum of the part's q, for biased weights
    const float* sums;           ///< [rows, parts]: scale * sum of the part's q, for minima
};

/// y[0..m, n_begin..n_end) with y of row stride n.
struct MatmulArgs {
    float* y;
    const float* x;
    const void* w;
    QuantisedRows quantised;
    std::int64_t m, n, k;
};
using MatmulRange = void (*)(const MatmulArgs& args, std::int64_t n_begin, std::int64_t n_end);

/// A stored matrix seen through op(): element (i, j) = data[i * row_stride + j * column_stride],
/// one stride being 1.
struct View {
    const float* data;
    std::int64_t row_stride;
    std::int64_t column_stride;
};

/// The blocked product: op(a) in panels of `mr` rows, op(b) in panels of `nr` columns, `kc` deep,
/// then tiles.
struct GemmKernel {
    std::int64_t mr, nr, kc;
    std::int64_t k_step;         ///< panels are padded with zeros to a multiple of this depth
    std::int64_t element_bytes;  ///< of a packed element
    /// rows (<= mr) x depth of a -> one panel.
    void (*pack_a)(void* panel, const View& a, std::int64_t rows, std::int64_t depth);
    /// depth x columns (<= nr) of b -> one panel.
    void (*pack_b)(void* panel, const View& b, std::int64_t columns, std::int64_t depth);
    /// c[rows, columns] = alpha * panel_a * panel_b + beta * c.
    void (*tile)(const void* panel_a, const void* panel_b, std::int64_t depth, float alpha,
                 float beta, float* c, std::int64_t ldc, std::int64_t rows, std::int64_t columns);
    /// Called once by each thread before / after its tiles; may be null.
    void (*begin)();
    void (*end)();
};

/// One head of one row.
struct AttentionQuery {
    const float* query;  ///< [head_width]
    float* out;          ///< [value_width]
    std::int64_t positions;
    const float* sink;  ///< or null
};
inline constexpr std::int64_t kAttentionQueries = 16;

/// Queries that read the same keys and values.
struct AttentionArgs {
    const AttentionQuery* queries;
    std::int64_t count;  ///< at most kAttentionQueries
    const float* keys;   ///< first position of this kv head
    const float* values;
    std::int64_t head_width, value_width, key_stride, value_stride;
    float scale;
    float softcap;  ///< 0: none
};

/// Peak measurements: returns the number of operations that were done (a multiply-add counts two).
using PeakLoop = double (*)(std::int64_t rounds);

struct Table {
    const char* name;
    MatmulRange matmul[kTensorTypes.size()];  ///< in the order of kTensorTypes
    /// What the ISA adds to the integers of each type, to have them unsigned.
    std::int32_t bias[kTensorTypes.size()];
    const GemmKernel* gemm_f32;   ///< null: plain loops of reference.cc
    const GemmKernel* gemm_bf16;  ///< null: round, then plain loops
    /// One row to int8 with a scale per 32, and the sums of 16 values each.
    void (*quantise_x)(const float* x, std::int8_t* q, float* scales, std::int32_t* sums,
                       std::int64_t k);
    void (*rmsnorm)(float* out, const float* x, const float* weight, std::int64_t columns,
                    float epsilon);
    void (*layernorm)(float* out, const float* x, const float* weight, const float* bias,
                      std::int64_t columns, float epsilon);
    void (*softmax)(float* x, std::int64_t columns, float scale);
    float (*log_sum_exp)(const float* x, std::int64_t count);
    void (*silu_mul)(float* out, const float* gate, const float* up, std::int64_t count);
    /// up may be null: gelu alone.
    void (*gelu_mul)(float* out, const float* gate, const float* up, std::int64_t count);
    void (*add)(float* out, const float* a, const float* b, std::int64_t count);
    void (*exp)(float* out, const float* x, std::int64_t count);
    void (*rope_interleaved)(float* x, const float* cosines, const float* sines,
                             std::int64_t pairs);
    void (*rope_halves)(float* x, const float* cosines, const float* sines, std::int64_t pairs);
    void (*attention)(const AttentionArgs& args);
    PeakLoop peak_f32, peak_bf16, peak_int8;
    double (*read_sum)(const float* data, std::int64_t count);  ///< streams memory once
};

/// What an extension of AVX-512 replaces in its table.
struct Bf16Part {
    GemmKernel gemm;
    PeakLoop peak;
};

extern const Table kReferenceTable;
extern const Table kAvx2Table;
extern const Table kAvx512Table;    ///< needs F, BW, DQ, VL, VNNI; gemm_bf16 rounds and uses f32
extern const Bf16Part kAvx512Bf16;  ///< needs AVX512-BF16
extern const Bf16Part kAmxBf16;     ///< needs AMX-TILE, AMX-BF16 and the kernel's permission

}  // namespace cairn::kernels::detail
