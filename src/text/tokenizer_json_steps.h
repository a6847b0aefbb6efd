// SPDX-License-Identifier: Apache-2.0
// The parts of tokenizer.json that say how: normalizer, pre-tokenizer, post-processor, decoder.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer_parts.h"

namespace cairn::text {

using TokenLookup = std::function<std::optional<TokenId>(std::string_view)>;

/// Each takes the member's value (null: nothing to do) and adds to the rules.
Status read_normalizer(const nlohmann::json& value, TokenizerRules& rules);
Status read_pre_tokenizer(const nlohmann::json& value, TokenizerRules& rules);
Status read_decoder(const nlohmann::json& value, TokenizerRules& rules);
/// Leaves the default, the texts alone, when the value names no template.
Status read_post_processor(const nlohmann::json& value, const TokenLookup& id_of,
                           TokenizerRules& rules);

}  // namespace cairn::text
