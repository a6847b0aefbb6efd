// SPDX-License-Identifier: Apache-2.0
// The rules behind the kinds that GGUF files name, spelled out as tokenizer.json would.
#pragma once

#include "cairn/base/result.h"
#include "cairn/text/tokenizer_parts.h"

namespace cairn::text {

/// Rules of parts.kind and parts.pre; unknown ones are refused by name.
Result<TokenizerRules> rules_of_kind(const TokenizerParts& parts);

/// BERT's normaliser as steps.
std::vector<NormalizerStep> bert_normalizer(bool clean, bool han, bool accents, bool lowercase);

/// Cuts at white space and around each punctuation character.
std::vector<CutStep> bert_cuts();

}  // namespace cairn::text
