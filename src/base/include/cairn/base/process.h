// SPDX-License-Identifier: Apache-2.0
// A child process with limits: no shell, closed file descriptors, address space, CPU and wall time
// bounded, output bounded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cairn/base/limits.h"
#include "cairn/base/result.h"

namespace cairn {

struct ChildOptions {
    int seconds = limits::kChildSeconds;
    std::uint64_t memory_bytes = limits::kChildMemoryBytes;
    std::uint64_t output_bytes_max = limits::kDocumentTextBytesMax;
};

struct ChildOutput {
    int exit_status = 0;
    std::string out;    ///< standard output
    std::string error;  ///< first 4 KiB of standard error
};

/// Runs argv[0] (looked up in PATH) with no standard input. Errors: kNotFound (no such program),
/// kTooLarge (output), kExhausted (time).
Result<ChildOutput> run_child(const std::vector<std::string>& argv,
                              const ChildOptions& options = {});

}  // namespace cairn
