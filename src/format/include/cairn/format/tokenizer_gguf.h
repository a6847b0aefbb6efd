// SPDX-License-Identifier: Apache-2.0
// The tokenizer.ggml.* keys of a GGUF file to and from a text::Tokenizer.
#pragma once

#include "cairn/base/result.h"
#include "cairn/format/gguf.h"
#include "cairn/text/tokenizer.h"

namespace cairn::format {

/// Errors: kUnsupported for a tokenizer model or pre-tokenizer that is not known (named), kInvalid
/// for arrays of unequal length and ids out of range.
Result<text::Tokenizer> tokenizer_from_gguf(const GgufFile& file);

void write_tokenizer(GgufWriter& writer, const text::Tokenizer& tokenizer);

}  // namespace cairn::format
