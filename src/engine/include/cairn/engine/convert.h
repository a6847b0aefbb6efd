// SPDX-License-Identifier: Apache-2.0
// Hugging Face directories to GGUF files as other readers of GGUF expect them.
#pragma once

#include <filesystem>
#include <string>

#include "cairn/base/result.h"

namespace cairn::engine {

/// Writes the model of a Hugging Face directory as one GGUF file with its tokenizer: rows of
/// queries and keys in the order of the architecture's RoPE, experts of a layer in one tensor,
/// vectors in f32, everything else as it is stored. Errors: those of Model::load.
Status convert_directory(const std::filesystem::path& directory, const std::filesystem::path& out);

/// The same as bytes (tests).
Result<std::string> converted_bytes(const std::filesystem::path& directory);

}  // namespace cairn::engine
