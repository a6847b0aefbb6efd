// SPDX-License-Identifier: Apache-2.0
// Times products of every type; best of several passes, because other load only slows a pass down.
#include "cairn/kernels/product_speed.h"

#include <algorithm>
#include <cstring>

#include "cairn/base/clock.h"
#include "cairn/base/rng.h"
#include "scratch.h"

namespace cairn::kernels {
namespace {

constexpr std::int64_t kDepth = 4096;
constexpr std::int64_t kDecodeRows = 16384;
constexpr std::int64_t kPrefillRows = 1024;
constexpr std::int64_t kBatch = 128;
constexpr int kPasses = 4;

/// Seconds of the fastest of kPasses calls.
template <typename Work>
double best_seconds(const Work& work) {
    double best = 1e30;
    for (int pass = 0; pass < kPasses; ++pass) {
        const double begin = now_seconds();
        work();
        best = std::min(best, now_seconds() - begin);
    }
    return best;
}

}  // namespace

std::vector<ProductSpeed> measure_products(ThreadPool& pool) {
    detail::Scratch x_memory;
    detail::Scratch y_memory;
    detail::Scratch w_memory;
    auto* x = static_cast<float*>(x_memory.reserve(sizeof(float) * kBatch * kDepth));
    auto* y = static_cast<float*>(y_memory.reserve(sizeof(float) * kBatch * kDecodeRows));
    auto* w = static_cast<char*>(w_memory.reserve(sizeof(float) * kDecodeRows * kDepth));
    Rng rng(1);
    for (std::int64_t i = 0; i < kBatch * kDepth; ++i)
        x[i] = static_cast<float>(rng.normal());
    std::vector<ProductSpeed> speeds;
    for (const TensorTypeInfo& info : kTensorTypes) {
        const std::int64_t bytes = bytes_per_row(info.type, kDepth);
        quantise_row(info.type, x, w, kDepth);
        for (std::int64_t row = 1; row < kDecodeRows; ++row)
            std::memcpy(w + row * bytes, w, static_cast<std::size_t>(bytes));
        const double decode =
            best_seconds([&] { matmul_nt(&pool, y, x, w, info.type, 1, kDecodeRows, kDepth); });
        const double prefill = best_seconds(
            [&] { matmul_nt(&pool, y, x, w, info.type, kBatch, kPrefillRows, kDepth); });
        speeds.push_back({info.type, static_cast<double>(bytes * kDecodeRows) / decode / 1e9,
                          2.0 * kBatch * kPrefillRows * kDepth / prefill / 1e9});
    }
    return speeds;
}

}  // namespace cairn::kernels
