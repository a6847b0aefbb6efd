// SPDX-License-Identifier: Apache-2.0
// Inference products y = x * w^T: quantises x when the weights are quantised and cuts the rows of w
// over threads.
#include <algorithm>

#include "blocks.h"
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

template <typename T>
T* reserve(Scratch& memory, std::int64_t count) {
    return static_cast<T*>(memory.reserve(static_cast<std::size_t>(count) * sizeof(T)));
}

/// Sums of 16 in `starts` become what the weights' kind asks for.
void finish_row(const detail::BlockKind& kind, std::int32_t bias, const float* scales,
                std::int32_t* starts, float* sums, std::int64_t blocks) {
    const std::int64_t parts = kind.has_halves ? 2 : 1;
    for (std::int64_t p = 0; p < blocks * parts; ++p) {
        const std::int32_t sum = kind.has_halves ? starts[p] : starts[2 * p] + starts[2 * p + 1];
        sums[p] = static_cast<float>(sum) * scales[p / parts];
        starts[p] = -bias * sum;
    }
}

/// Rows of x as int8 blocks; memory of the calling thread, valid until its next product.
detail::QuantisedRows quantise(ThreadPool* pool, const detail::Table& table, DType dtype,
                               const float* x, std::int64_t m, std::int64_t k) {
    thread_local Scratch q_memory;
    thread_local Scratch scale_memory;
    thread_local Scratch start_memory;
    thread_local Scratch sum_memory;
    const detail::BlockKind& kind = *detail::block_kind(dtype);
    const std::int32_t bias = table.bias[tensor_type_index(dtype)];
    const std::int64_t blocks = k / kQ8BlockSize;
    const std::int64_t parts = kind.has_halves ? 2 * blocks : blocks;
    auto* q = reserve<std::int8_t>(q_memory, m * k);
    auto* scales = reserve<float>(scale_memory, m * blocks);
    auto* starts = reserve<std::int32_t>(start_memory, m * parts);
    auto* sums = reserve<float>(sum_memory, m * parts);
    const auto one_row = [&](std::int64_t i) {
        thread_local Scratch halves_memory;
        auto* halves = reserve<std::int32_t>(halves_memory, 2 * blocks);
        table.quantise_x(x + i * k, q + i * k, scales + i * blocks, halves, k);
        finish_row(kind, bias, scales + i * blocks, halves, sums + i * parts, blocks);
        std::copy_n(halves, parts, starts + i * parts);
    };
    for_range(pool, m, std::max<std::int64_t>(1, kInlineOperations / k),
              [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i)
                      one_row(i);
              });
    return {q, scales, starts, sums};
}

thread_local const ProductObserver* observer = nullptr;

}  // namespace

ProductObserver::ProductObserver(std::function<void(const Product&)> seen)
    : seen_(std::move(seen)) {
    observer = this;
}
ProductObserver::~ProductObserver() {
    observer = nullptr;
}

void matmul_nt(ThreadPool* pool, float* y, const float* x, const void* w, DType dtype,
               std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
    if (m <= 0 || n <= 0) return;
    if (observer != nullptr) observer->show({w, x, m, n, k});
    const detail::Table& table = detail::active_table();
    if (m * n * k < kInlineOperations) pool = nullptr;
    MatmulArgs args{y, x, w, {}, m, n, k};
    if (detail::block_kind(dtype) != nullptr)
        args.quantised = quantise(pool, table, dtype, x, m, k);
    const auto range = table.matmul[tensor_type_index(dtype)];
    const std::int64_t pieces = 4LL * detail::pool_size(pool);
    const std::int64_t grain = detail::round_up(detail::ceil_div(n, pieces), kTile);
    for_range(pool, n, grain,
              [&](std::int64_t begin, std::int64_t end) { range(args, begin, end); });
}

}  // namespace cairn::kernels
