// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, measured: the limits that every speed of Cairn is reported
// against.
#pragma once

#include <string>

#include "cairn/base/thread_pool.h"

namespace cairn::kernels {

/// Rates of all threads of the pool together, with the ISA in use. A multiply-add counts two
/// operations.
struct MachineLimits {
    std::string isa;
    int threads = 0;
    double read_gb_per_s =
        0;  ///< streaming 256 MiB; part of it may come from a very large shared cache
    double f32_gflop_per_s = 0;  ///< fused multiply-adds in registers
    double bf16_gflop_per_s =
        0;  ///< bf16 products with f32 sums; without such instructions the f32 figure
    double int8_gop_per_s = 0;  ///< int8 products with int32 sums
};

/// Takes about two seconds of all threads and 256 MiB. Other load on the machine lowers the
/// figures.
MachineLimits measure_machine(ThreadPool& pool);

}  // namespace cairn::kernels
