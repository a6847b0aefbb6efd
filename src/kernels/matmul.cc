// SPDX-License-Identifier: Apache-2.0
// Inference products y = x * w^T: quantises x when the weights are Q8_0 and cuts the rows of w over
// threads.
#include <algorithm>

#include "cairn/kernels/kernels.h"
#include "dispatch.h"
#include "scratch.h"

namespace cairn::kernels {
namespace {

using detail::for_range;
using detail::MatmulArgs;
using detail::Scratch;

constexpr std::int64_t kInlineOperations = 64LL * 1024;
constexpr std::int64_t kTile = 16;  // columns of y: no thread shares a cache line of y with another

/// Rows of x as int8 blocks; memory of the calling thread, valid until its next product.
detail::QuantisedRows quantise(ThreadPool* pool, const detail::Table& table, const float* x,
                               std::int64_t m, std::int64_t k) {
    thread_local Scratch q_memory;
    thread_local Scratch scale_memory;
    thread_local Scratch offset_memory;
    const std::int64_t blocks = k / kQ8BlockSize;
    auto* q = static_cast<std::int8_t*>(q_memory.reserve(static_cast<std::size_t>(m * k)));
    auto* scales = static_cast<float*>(
        scale_memory.reserve(static_cast<std::size_t>(m * blocks) * sizeof(float)));
    auto* offsets = static_cast<std::int32_t*>(
        offset_memory.reserve(static_cast<std::size_t>(m * blocks) * sizeof(std::int32_t)));
    for_range(pool, m, std::max<std::int64_t>(1, kInlineOperations / k),
              [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i) {
                      table.quantise_x(x + i * k, q + i * k, scales + i * blocks,
                                       offsets + i * blocks, k);
                  }
              });
    return {q, scales, offsets};
}

}  // namespace

void matmul_nt(ThreadPool* pool, float* y, const float* x, const void* w, DType dtype,
               std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
    if (m <= 0 || n <= 0) return;
    const detail::Table& table = detail::active_table();
    if (m * n * k < kInlineOperations) pool = nullptr;
    MatmulArgs args{y, x, w, {}, m, n, k};
    if (dtype == DType::kQ8_0) args.quantised = quantise(pool, table, x, m, k);
    const auto range = table.matmul[static_cast<int>(dtype)];
    const std::int64_t pieces = 4LL * detail::pool_size(pool);
    const std::int64_t grain = detail::round_up(detail::ceil_div(n, pieces), kTile);
    for_range(pool, n, grain,
              [&](std::int64_t begin, std::int64_t end) { range(args, begin, end); });
}

}  // namespace cairn::kernels
