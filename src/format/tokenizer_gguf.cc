// SPDX-License-Identifier: Apache-2.0
// Maps the tokenizer.ggml.* keys; names as in ggml docs/gguf.md.
#include "cairn/format/tokenizer_gguf.h"

#include <limits>

namespace cairn::format {
namespace {

using text::TokenId;

/// The id under `key`, or kNoToken. Some converters store -1 or 2^32-1 for none.
Result<TokenId> token_id(const GgufFile& file, std::string_view key) {
    if (!file.has(key)) return text::kNoToken;
    const std::int64_t id = CAIRN_TRY(file.get_i64(key));
    if (id == std::numeric_limits<std::uint32_t>::max()) return text::kNoToken;
    if (!std::in_range<TokenId>(id)) {
        return make_error(Code::kInvalid, "GGUF: key '" + std::string(key) +
                                              "': expected a token id, found " +
                                              std::to_string(id));
    }
    return static_cast<TokenId>(id);
}

Status read_ids(const GgufFile& file, text::TokenizerParts& parts) {
    parts.bos = CAIRN_TRY(token_id(file, "tokenizer.ggml.bos_token_id"));
    parts.eos = CAIRN_TRY(token_id(file, "tokenizer.ggml.eos_token_id"));
    parts.eot = CAIRN_TRY(token_id(file, "tokenizer.ggml.eot_token_id"));
    parts.unknown = CAIRN_TRY(token_id(file, "tokenizer.ggml.unknown_token_id"));
    parts.padding = CAIRN_TRY(token_id(file, "tokenizer.ggml.padding_token_id"));
    const bool sentence_piece =
        parts.kind == "llama";  // where the flags are absent, its habits hold
    if (sentence_piece && parts.unknown == text::kNoToken) parts.unknown = 0;
    parts.add_bos = CAIRN_TRY(file.get_bool_or("tokenizer.ggml.add_bos_token", sentence_piece));
    parts.add_space_prefix =
        CAIRN_TRY(file.get_bool_or("tokenizer.ggml.add_space_prefix", sentence_piece));
    return {};
}

}  // namespace

Result<text::Tokenizer> tokenizer_from_gguf(const GgufFile& file) {
    text::TokenizerParts parts;
    parts.kind = CAIRN_TRY(file.get_string("tokenizer.ggml.model"));
    parts.pre = CAIRN_TRY(
        file.get_string_or("tokenizer.ggml.pre", parts.kind == "gpt2" ? "(none)" : "default"));
    parts.tokens = CAIRN_TRY(file.get_strings("tokenizer.ggml.tokens"));
    if (file.has("tokenizer.ggml.token_type")) {
        for (const std::int64_t type : CAIRN_TRY(file.get_integers("tokenizer.ggml.token_type"))) {
            // Values out of range become one that from_parts refuses.
            parts.types.push_back(static_cast<text::TokenType>(type < 0 || type > 6 ? 99 : type));
        }
    }
    if (file.has("tokenizer.ggml.scores"))
        parts.scores = CAIRN_TRY(file.get_floats("tokenizer.ggml.scores"));
    if (file.has("tokenizer.ggml.merges"))
        parts.merges = CAIRN_TRY(file.get_strings("tokenizer.ggml.merges"));
    CAIRN_TRY(read_ids(file, parts));
    parts.chat_template = CAIRN_TRY(file.get_string_or("tokenizer.chat_template", ""));
    return text::Tokenizer::from_parts(std::move(parts));
}

void write_tokenizer(GgufWriter& writer, const text::Tokenizer& tokenizer) {
    const text::TokenizerParts& parts = tokenizer.parts();
    writer.set("tokenizer.ggml.model", parts.kind);
    if (!parts.pre.empty()) writer.set("tokenizer.ggml.pre", parts.pre);
    writer.set("tokenizer.ggml.tokens", parts.tokens);
    if (!parts.types.empty()) {
        std::vector<std::int32_t> types;
        for (const text::TokenType type : parts.types) {
            types.push_back(static_cast<std::int32_t>(type));
        }
        writer.set("tokenizer.ggml.token_type", std::move(types));
    }
    if (!parts.scores.empty()) writer.set("tokenizer.ggml.scores", parts.scores);
    if (!parts.merges.empty()) writer.set("tokenizer.ggml.merges", parts.merges);
    const auto set_id = [&](std::string_view key, TokenId id) {
        if (id != text::kNoToken) writer.set(key, static_cast<std::uint32_t>(id));
    };
    set_id("tokenizer.ggml.bos_token_id", parts.bos);
    set_id("tokenizer.ggml.eos_token_id", parts.eos);
    set_id("tokenizer.ggml.eot_token_id", parts.eot);
    set_id("tokenizer.ggml.unknown_token_id", parts.unknown);
    set_id("tokenizer.ggml.padding_token_id", parts.padding);
    writer.set("tokenizer.ggml.add_bos_token", parts.add_bos);
    writer.set("tokenizer.ggml.add_space_prefix", parts.add_space_prefix);
    if (!parts.chat_template.empty()) writer.set("tokenizer.chat_template", parts.chat_template);
}

}  // namespace cairn::format
