// SPDX-License-Identifier: Apache-2.0
// Peak rates: short pieces of the table's peak loops and one streaming read, dealt to all threads;
// the best of several passes, because anything else that runs on the machine only ever slows a pass
// down.
#include "cairn/kernels/machine.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>

#include "cairn/base/clock.h"
#include "dispatch.h"
#include "scratch.h"

namespace cairn::kernels {
namespace {

constexpr double kPieceSeconds = 0.01;
constexpr int kPiecesPerThread = 8;
constexpr int kPasses = 4;

/// Rounds that take one thread about kPieceSeconds.
std::int64_t rounds_of_piece(detail::PeakLoop loop) {
    for (std::int64_t rounds = 1024;; rounds *= 2) {
        const double begin = now_seconds();
        loop(rounds);
        if (now_seconds() - begin >= kPieceSeconds / 2) return rounds;
    }
}

/// Best of kPasses: work per second of `pieces` equal pieces.
double best_rate(ThreadPool& pool, std::size_t pieces, double work,
                 const std::function<void(std::size_t)>& piece) {
    double best = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const double begin = now_seconds();
        pool.parallel_for(pieces, 1, [&](std::size_t first, std::size_t last) {
            for (std::size_t i = first; i < last; ++i)
                piece(i);
        });
        best = std::max(best, work / (now_seconds() - begin));
    }
    return best;
}

double peak(ThreadPool& pool, detail::PeakLoop loop) {
    const std::int64_t rounds = rounds_of_piece(loop);
    const auto pieces = static_cast<std::size_t>(pool.size()) * kPiecesPerThread;
    const double operations = loop(rounds) * static_cast<double>(pieces);
    return best_rate(pool, pieces, operations, [&](std::size_t) { loop(rounds); });
}

double read_rate(ThreadPool& pool, double (*read_sum)(const float*, std::int64_t)) {
    constexpr std::size_t kBytes = 256ULL << 20;
    constexpr std::size_t kPieceBytes = 2ULL << 20;
    detail::Scratch memory;
    auto* data = static_cast<float*>(memory.reserve(kBytes));
    constexpr std::size_t kPieceFloats = kPieceBytes / sizeof(float);
    pool.parallel_for(kBytes / kPieceBytes, 1, [&](std::size_t first, std::size_t last) {
        std::memset(data + first * kPieceFloats, 0, (last - first) * kPieceBytes);
    });
    return best_rate(pool, kBytes / kPieceBytes, static_cast<double>(kBytes), [&](std::size_t i) {
        volatile double keep =
            read_sum(data + i * kPieceFloats, static_cast<std::int64_t>(kPieceFloats));
        static_cast<void>(keep);
    });
}

}  // namespace

MachineLimits measure_machine(ThreadPool& pool) {
    const detail::Table& table = detail::active_table();
    constexpr double kGiga = 1e9;
    MachineLimits limits;
    limits.isa = isa_name();
    limits.threads = pool.size();
    limits.read_gb_per_s = read_rate(pool, table.read_sum) / kGiga;
    limits.f32_gflop_per_s = peak(pool, table.peak_f32) / kGiga;
    limits.bf16_gflop_per_s = peak(pool, table.peak_bf16) / kGiga;
    limits.int8_gop_per_s = peak(pool, table.peak_int8) / kGiga;
    return limits;
}

}  // namespace cairn::kernels
