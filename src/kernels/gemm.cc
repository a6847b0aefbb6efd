// SPDX-License-Identifier: Apache-2.0
// Training products: op(b) is packed once into panels that all threads share, then each thread
// takes blocks of rows, packs op(a) and multiplies tile by tile. One element of c is always summed
// in the same order (depth blocks of `kc`, each from its first to its last element), so neither the
// block sizes nor the number of threads change a bit.
#include <algorithm>

#include "cairn/kernels/kernels.h"
#include "convert.h"
#include "dispatch.h"
#include "scratch.h"

namespace cairn::kernels {
namespace {

using detail::ceil_div;
using detail::for_range;
using detail::GemmKernel;
using detail::round_up;
using detail::Scratch;
using detail::View;

constexpr std::int64_t kPackedBytesMax = 64LL << 20;  // of op(b) at a time
constexpr std::int64_t kCacheBytes =
    448LL << 10;  // of packed op(a), and of op(b): both fit a second-level cache of 1 MB
constexpr std::int64_t kInlineOperations =
    64LL * 1024;  // below: waking threads costs more than the work

struct Product {
    View a, b;
    std::int64_t m, n, k;
    float alpha, beta;
    float* c;
    std::int64_t ldc;
};

View view(Op op, const float* data, std::int64_t stride) {
    return op == Op::kNone ? View{data, stride, 1} : View{data, 1, stride};
}

View shifted(const View& v, std::int64_t row, std::int64_t column) {
    return {v.data + row * v.row_stride + column * v.column_stride, v.row_stride, v.column_stride};
}

void scale_rows(const Product& p, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
        float* row = p.c + i * p.ldc;
        for (std::int64_t j = 0; j < p.n; ++j)
            row[j] = p.beta == 0 ? 0.0F : p.beta * row[j];
    }
}

template <bool kRound>
float element(const View& v, std::int64_t i, std::int64_t j) {
    const float value = v.data[i * v.row_stride + j * v.column_stride];
    return kRound ? detail::bf16_to_float(detail::float_to_bf16(value)) : value;
}

/// The definition: c[i, j] = alpha * sum over l of a[i, l] * b[l, j] + beta * c[i, j].
template <bool kRound>
void plain_rows(const Product& p, std::int64_t begin, std::int64_t end) {
    scale_rows(p, begin, end);
    for (std::int64_t i = begin; i < end; ++i) {
        float* row = p.c + i * p.ldc;
        for (std::int64_t l = 0; l < p.k; ++l) {
            const float factor = p.alpha * element<kRound>(p.a, i, l);
            for (std::int64_t j = 0; j < p.n; ++j)
                row[j] += factor * element<kRound>(p.b, l, j);
        }
    }
}

/// Panels of op(b) for columns [column, column + columns): block after block of depth, panel after
/// panel.
struct PackedB {
    const char* data;
    std::int64_t panels;
    std::int64_t panel_row_bytes;  // of one depth step of one panel
    std::int64_t kc;

    const char* panel(std::int64_t depth_block, std::int64_t depth_padded,
                      std::int64_t index) const {
        return data + (depth_block * kc * panels + depth_padded * index) * panel_row_bytes;
    }
};

using Pack = void (*)(void* panel, const View& v, std::int64_t lanes, std::int64_t depth);

/// One panel after the other, each `width` lanes wide and `padded` deep. When neighbouring lanes
/// are neighbours in memory, goes slice by slice of depth through all panels, so that memory is
/// read in long runs.
struct PanelWriter {
    const GemmKernel& kernel;
    Pack pack;
    std::int64_t width;
    bool lanes_are_rows;

    void write(char* out, const View& v, std::int64_t lanes, std::int64_t depth) const {
        const std::int64_t row_bytes = width * kernel.element_bytes;
        const std::int64_t panel_bytes = round_up(depth, kernel.k_step) * row_bytes;
        const std::int64_t lane_stride = lanes_are_rows ? v.row_stride : v.column_stride;
        const std::int64_t slice = lane_stride == 1 ? kSlice : depth;
        for (std::int64_t l = 0; l < depth; l += slice) {
            for (std::int64_t lane = 0; lane < lanes; lane += width) {
                const View part = lanes_are_rows ? shifted(v, lane, l) : shifted(v, l, lane);
                pack(out + lane / width * panel_bytes + l * row_bytes, part,
                     std::min(width, lanes - lane), std::min(slice, depth - l));
            }
        }
    }

    static constexpr std::int64_t kSlice = 32;  // a multiple of every k_step
};

PackedB pack_b(ThreadPool* pool, const GemmKernel& kernel, const Product& p, std::int64_t column,
               std::int64_t columns, Scratch& scratch) {
    constexpr std::int64_t kPanelsPerJob = 16;
    const std::int64_t panels = ceil_div(columns, kernel.nr);
    const std::int64_t row_bytes = kernel.nr * kernel.element_bytes;
    const std::int64_t depth = round_up(p.k, kernel.k_step);
    char* data =
        static_cast<char*>(scratch.reserve(static_cast<std::size_t>(depth * panels * row_bytes)));
    const PackedB packed{data, panels, row_bytes, kernel.kc};
    const PanelWriter writer{kernel, kernel.pack_b, kernel.nr, false};
    const std::int64_t groups = ceil_div(panels, kPanelsPerJob);
    for_range(
        pool, ceil_div(p.k, kernel.kc) * groups, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t job = begin; job < end; ++job) {
                const std::int64_t block = job / groups;
                const std::int64_t first = job % groups * kPanelsPerJob;
                const std::int64_t l = block * kernel.kc;
                const std::int64_t count = std::min(kernel.kc, p.k - l);
                const char* panel = packed.panel(block, round_up(count, kernel.k_step), first);
                const std::int64_t j = first * kernel.nr;
                writer.write(data + (panel - data), shifted(p.b, l, column + j),
                             std::min(kPanelsPerJob * kernel.nr, columns - j), count);
            }
        });
    return packed;
}

/// Rows [row, row + rows) x columns [column, column + columns) of c. Inside, tiles go along the
/// rows of c (which memory likes) over as many panels of b as the cache holds.
void multiply_block(const GemmKernel& kernel, const Product& p, const PackedB& b, std::int64_t row,
                    std::int64_t rows, std::int64_t column, std::int64_t columns) {
    thread_local Scratch scratch;
    const std::int64_t row_panels = ceil_div(rows, kernel.mr);
    const std::int64_t bytes = kernel.mr * kernel.element_bytes;
    char* a = static_cast<char*>(
        scratch.reserve(static_cast<std::size_t>(row_panels * kernel.kc * bytes)));
    const PanelWriter writer{kernel, kernel.pack_a, kernel.mr, true};
    const std::int64_t group =
        std::max<std::int64_t>(1, kCacheBytes / (kernel.kc * kernel.nr * kernel.element_bytes));
    for (std::int64_t block = 0; block * kernel.kc < p.k; ++block) {
        const std::int64_t l = block * kernel.kc;
        const std::int64_t count = std::min(kernel.kc, p.k - l);
        const std::int64_t padded = round_up(count, kernel.k_step);
        writer.write(a, shifted(p.a, row, l), rows, count);
        const float beta = block == 0 ? p.beta : 1.0F;
        for (std::int64_t first = 0; first < b.panels; first += group) {
            const std::int64_t last = std::min(first + group, b.panels);
            for (std::int64_t i = 0; i < row_panels; ++i) {
                float* c = p.c + (row + i * kernel.mr) * p.ldc + column;
                for (std::int64_t j = first; j < last; ++j) {
                    kernel.tile(a + i * padded * bytes, b.panel(block, padded, j), padded, p.alpha,
                                beta, c + j * kernel.nr, p.ldc,
                                std::min(kernel.mr, rows - i * kernel.mr),
                                std::min(kernel.nr, columns - j * kernel.nr));
                }
            }
        }
    }
}

void blocked(ThreadPool* pool, const GemmKernel& kernel, const Product& p) {
    thread_local Scratch scratch;
    if (p.m * p.n * p.k < kInlineOperations) pool = nullptr;
    const std::int64_t depth = round_up(p.k, kernel.k_step);
    const std::int64_t columns_max = std::max(
        kernel.nr, kPackedBytesMax / (depth * kernel.element_bytes) / kernel.nr * kernel.nr);
    // Row blocks: as high as the cache allows, but several per thread so that a slow thread is not
    // waited for.
    const std::int64_t cached =
        std::max(kernel.mr, kCacheBytes / (kernel.kc * kernel.element_bytes));
    const std::int64_t fair = ceil_div(p.m, 4LL * detail::pool_size(pool));
    const std::int64_t height = round_up(std::min(std::min(cached, fair), p.m), kernel.mr);
    for (std::int64_t column = 0; column < p.n; column += columns_max) {
        const std::int64_t columns = std::min(columns_max, p.n - column);
        const PackedB b = pack_b(pool, kernel, p, column, columns, scratch);
        for_range(pool, ceil_div(p.m, height), 1, [&](std::int64_t begin, std::int64_t end) {
            if (kernel.begin != nullptr) kernel.begin();
            for (std::int64_t i = begin; i < end; ++i) {
                multiply_block(kernel, p, b, i * height, std::min(height, p.m - i * height), column,
                               columns);
            }
            if (kernel.end != nullptr) kernel.end();
        });
    }
}

template <bool kRound>
void gemm(ThreadPool* pool, const GemmKernel* kernel, const Product& p) {
    if (p.m <= 0 || p.n <= 0) return;
    if (p.k <= 0 || p.alpha == 0) {
        scale_rows(p, 0, p.m);
    } else if (kernel != nullptr) {
        blocked(pool, *kernel, p);
    } else {
        const std::int64_t grain = std::max<std::int64_t>(1, kInlineOperations / (p.n * p.k));
        for_range(pool, p.m, grain,
                  [&](std::int64_t begin, std::int64_t end) { plain_rows<kRound>(p, begin, end); });
    }
}

}  // namespace

void gemm_f32(ThreadPool* pool, Op op_a, Op op_b, std::int64_t m, std::int64_t n, std::int64_t k,
              float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
              float beta, float* c, std::int64_t ldc) noexcept {
    const Product p{view(op_a, a, lda), view(op_b, b, ldb), m, n, k, alpha, beta, c, ldc};
    gemm<false>(pool, detail::active_table().gemm_f32, p);
}

void gemm_bf16(ThreadPool* pool, Op op_a, Op op_b, std::int64_t m, std::int64_t n, std::int64_t k,
               float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
               float beta, float* c, std::int64_t ldc) noexcept {
    const Product p{view(op_a, a, lda), view(op_b, b, ldb), m, n, k, alpha, beta, c, ldc};
    gemm<true>(pool, detail::active_table().gemm_bf16, p);
}

}  // namespace cairn::kernels
