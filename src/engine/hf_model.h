// SPDX-License-Identifier: Apache-2.0
// Hugging Face directories as the engine sees models: metadata and tensors under GGUF's names, and
// the tokenizer.
#pragma once

#include "cairn/base/result.h"
#include "cairn/format/gguf.h"
#include "cairn/format/hf_directory.h"
#include "cairn/text/tokenizer.h"

namespace cairn::engine {

/// Weights stay in the directory's mapping. Errors: kUnsupported names the class, the key or the
/// value that is not known.
Result<format::GgufFile> gguf_from_directory(const format::HfDirectory& directory);

/// From tokenizer.json with its companions.
Result<text::Tokenizer> tokenizer_from_directory(const format::HfDirectory& directory);

}  // namespace cairn::engine
