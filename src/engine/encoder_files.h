// SPDX-License-Identifier: Apache-2.0
// Where an encoder comes from: a Hugging Face directory seen as a GGUF file, and the settings that
// sentence-transformers keeps beside the weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cairn/engine/encoder.h"
#include "cairn/format/gguf.h"
#include "cairn/format/hf_directory.h"

namespace cairn::engine {

/// What a maker says about the use of a model; absent: not said.
struct EncoderSettings {
    std::optional<Pooling> pooling;
    std::optional<bool> normalise;
    std::optional<Pooling> head_pooling;
    std::optional<std::int64_t> max_tokens;
    std::string query_prefix;
    std::string passage_prefix;
};

/// True when config.json names an encoder.
bool is_encoder_directory(const format::HfDirectory& directory);

/// Metadata and tensors under GGUF's names, weights in place. Errors: kUnsupported for an
/// architecture, an option or a tensor that is not known (named).
Result<format::GgufFile> encoder_from_hf(const format::HfDirectory& directory);

/// modules.json, 1_Pooling/config.json, sentence_bert_config.json,
/// config_sentence_transformers.json where there are any. Errors: kUnsupported for a module that is
/// not known (named).
Result<EncoderSettings> read_encoder_settings(const format::HfDirectory& directory);

}  // namespace cairn::engine
