// SPDX-License-Identifier: Apache-2.0
// Tokenizers as model makers publish them: tokenizer.json with its companions, SentencePiece's
// tokenizer.model and tiktoken's rank files. Parts that are not known are refused by name: a wrong
// cut of words would silently harm the model.
#pragma once

#include <string_view>

#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

/// Bytes of the files; empty where there is none.
struct TokenizerFiles {
    std::string_view tokenizer_json;
    std::string_view tokenizer_config;    ///< tokenizer_config.json: names of bos, eos, template
    std::string_view special_tokens_map;  ///< special_tokens_map.json, older than the config
    std::string_view chat_template;       ///< chat_template.jinja
    std::string_view sentence_piece;      ///< tokenizer.model; used without tokenizer_json
    std::string_view tiktoken;            ///< *.tiktoken or tiktoken.model; used without both
    std::string_view pre = "kimi-k2";     ///< tiktoken: how words are cut, which its file omits
};

/// Errors: kInvalid with the place in the file, kTooLarge, kUnsupported with the name of the part.
Result<TokenizerParts> read_tokenizer_parts(const TokenizerFiles& files);

/// Sets the rules and flags of `parts`, whose vocabulary is known, from a tokenizer.json or from
/// its `steps_json`.
Status apply_tokenizer_steps(std::string_view json, TokenizerParts& parts);

/// What GGUF's keys can say of `parts`, which have rules.
struct StepsName {
    std::string pre;        ///< `tokenizer.ggml.pre`; empty: no name stands for these cuts
    bool complete = false;  ///< kind, name and ids say all that the rules and `steps_json` say
};
StepsName name_steps(const TokenizerParts& parts);

/// read_tokenizer_parts, checked and ready to encode.
Result<Tokenizer> read_tokenizer(const TokenizerFiles& files);

}  // namespace cairn::text
