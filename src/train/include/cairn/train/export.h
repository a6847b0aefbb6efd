// SPDX-License-Identifier: Apache-2.0
// Trained weights to and from model files: GGUF with Q8_0 matrices and f32 norms, and back to one
// flat f32 array in base_layout.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"
#include "cairn/train/shape.h"

namespace cairn::train {

enum class ExportType { kF32, kQ8_0 };

struct ModelFile {
    std::string name;
    std::vector<std::pair<std::string, std::string>> notes;  ///< further string metadata
};

/// The bytes of the file; the same input gives the same bytes. Errors: kInvalid for a width that is
/// not a multiple of 32 with kQ8_0.
Result<std::string> to_gguf(const Shape& shape, const std::vector<float>& weights,
                            const text::Tokenizer& tokenizer, ExportType type,
                            const ModelFile& file);

struct LoadedBase {
    Shape shape;
    std::vector<float> weights;  ///< base_layout(shape)
    std::string digest;          ///< SHA-256 of the file
};

/// Reads any Llama-type GGUF that the engine reads and widens its weights to f32.
Result<LoadedBase> load_base(const std::filesystem::path& path);

}  // namespace cairn::train
