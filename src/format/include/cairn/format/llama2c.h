// SPDX-License-Identifier: Apache-2.0
// Converts a llama2.c checkpoint (version 0 .bin, float32) and its tokenizer .bin into one GGUF
// file: the way the real 260K-parameter TinyStories model comes into the tests. Layout read from
// karpathy/llama2.c run.c.
#pragma once

#include <filesystem>

#include "cairn/base/result.h"

namespace cairn::format {

Status convert_llama2c(const std::filesystem::path& checkpoint,
                       const std::filesystem::path& tokenizer, const std::filesystem::path& gguf);

}  // namespace cairn::format
