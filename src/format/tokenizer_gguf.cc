// SPDX-License-Identifier: Apache-2.0
// Maps the tokenizer.ggml.* keys; names as in ggml docs/gguf.md.
#include "cairn/format/tokenizer_gguf.h"

#include <algorithm>
#include <limits>

#include "cairn/text/tokenizer_json.h"

namespace cairn::format {
namespace {

using text::TokenId;

constexpr std::string_view kCharsmap = "tokenizer.ggml.precompiled_charsmap";
constexpr std::string_view kLowercase = "tokenizer.ggml.normalizer.lowercase";
// The whole tokenizer.json and its companion: what they say goes before the ggml keys.
constexpr std::string_view kJson = "tokenizer.huggingface.json";
constexpr std::string_view kJsonConfig = "tokenizer.huggingface.config";
// tokenizer.json without its vocabulary, as Cairn writes it: the ggml keys cannot say all of it.
constexpr std::string_view kSteps = "tokenizer.cairn.steps";

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
    parts.separator = CAIRN_TRY(token_id(file, "tokenizer.ggml.seperator_token_id"));  // sic
    parts.cls = CAIRN_TRY(token_id(file, "tokenizer.ggml.cls_token_id"));
    parts.mask = CAIRN_TRY(token_id(file, "tokenizer.ggml.mask_token_id"));
    return {};
}

/// By its text, which other vocabularies than BERT's own have at other places; else `usual`.
TokenId id_in_bert(const text::TokenizerParts& parts, std::string_view token, TokenId usual) {
    const auto found = std::ranges::find(parts.tokens, token);
    return found == parts.tokens.end() ? usual : static_cast<TokenId>(found - parts.tokens.begin());
}

/// Where the flags are absent, the habits of the kind hold.
Status read_flags(const GgufFile& file, text::TokenizerParts& parts) {
    const bool sentence_piece = parts.kind == "llama";
    const bool unigram = parts.kind == "t5";
    const bool bert = parts.kind == "bert";
    if (sentence_piece && parts.unknown == text::kNoToken) parts.unknown = 0;
    if (unigram && parts.unknown == text::kNoToken) parts.unknown = 2;
    if (bert) {
        if (parts.cls == text::kNoToken) {
            parts.cls = parts.bos != text::kNoToken ? parts.bos : id_in_bert(parts, "[CLS]", 101);
        }
        if (parts.separator == text::kNoToken) {
            parts.separator =
                parts.eos != text::kNoToken ? parts.eos : id_in_bert(parts, "[SEP]", 102);
        }
        if (parts.unknown == text::kNoToken) parts.unknown = id_in_bert(parts, "[UNK]", 100);
    }
    const bool llama3 = parts.pre == "llama-bpe" || parts.pre == "llama3";
    parts.add_bos =
        CAIRN_TRY(file.get_bool_or("tokenizer.ggml.add_bos_token", sentence_piece || llama3));
    parts.add_eos = CAIRN_TRY(file.get_bool_or("tokenizer.ggml.add_eos_token", unigram));
    parts.add_space_prefix =
        CAIRN_TRY(file.get_bool_or("tokenizer.ggml.add_space_prefix", sentence_piece || unigram));
    parts.remove_extra_spaces =
        CAIRN_TRY(file.get_bool_or("tokenizer.ggml.remove_extra_whitespaces", false));
    if (file.has(kLowercase)) parts.lowercase = CAIRN_TRY(file.get_bool(kLowercase));
    return {};
}

/// Some converters store the blob as bytes, others as signed bytes.
Result<std::string> read_charsmap(const GgufFile& file) {
    std::string charsmap;
    if (!file.has(kCharsmap)) return charsmap;
    for (const std::int64_t byte : CAIRN_TRY(file.get_integers(kCharsmap))) {
        charsmap.push_back(static_cast<char>(byte));
    }
    return charsmap;
}

/// Phi-3's control tokens take the white space behind them, which GGUF has no key for.
Status add_phi3_flags(const GgufFile& file, text::TokenizerParts& parts) {
    const std::string name = CAIRN_TRY(file.get_string_or("general.name", ""));
    const bool phi3 =
        name.find("Phi-3") != std::string::npos || name.find("phi-3") != std::string::npos ||
        name.find("Phi3") != std::string::npos || name.find("phi3") != std::string::npos;
    if (!phi3) return {};
    for (std::size_t id = 0; id < parts.tokens.size() && id < parts.types.size(); ++id) {
        const std::string& token = parts.tokens[id];
        const bool control = parts.types[id] == text::TokenType::kControl ||
                             parts.types[id] == text::TokenType::kUserDefined;
        const bool plain = token == "<unk>" || token == "<s>" || token == "<|endoftext|>";
        if (control && !plain) {
            parts.added.push_back({.id = static_cast<TokenId>(id), .right_strip = true});
        }
    }
    return {};
}

}  // namespace

Result<text::Tokenizer> tokenizer_from_gguf(const GgufFile& file) {
    if (file.has(kJson)) {
        const std::string json = CAIRN_TRY(file.get_string(kJson));
        const std::string config = CAIRN_TRY(file.get_string_or(kJsonConfig, ""));
        return text::read_tokenizer({.tokenizer_json = json, .tokenizer_config = config});
    }
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
    CAIRN_TRY(read_flags(file, parts));
    CAIRN_TRY(add_phi3_flags(file, parts));
    parts.charsmap = CAIRN_TRY(read_charsmap(file));
    parts.chat_template = CAIRN_TRY(file.get_string_or("tokenizer.chat_template", ""));
    if (file.has(kSteps)) {
        const std::string steps = CAIRN_TRY(file.get_string(kSteps));
        CAIRN_TRY(text::apply_tokenizer_steps(steps, parts));
    }
    return text::Tokenizer::from_parts(std::move(parts));
}

namespace {

std::vector<std::string> merge_names(const text::TokenizerParts& parts) {
    std::vector<std::string> names = parts.merges;
    for (const auto& [left, right, both] : parts.merge_ids) {
        names.push_back(parts.tokens[static_cast<std::size_t>(left)] + " " +
                        parts.tokens[static_cast<std::size_t>(right)]);
    }
    return names;
}

}  // namespace

void write_tokenizer(GgufWriter& writer, const text::Tokenizer& tokenizer) {
    const text::TokenizerParts& parts = tokenizer.parts();
    writer.set("tokenizer.ggml.model", parts.kind);
    const text::StepsName named =
        parts.steps_json.empty() ? text::StepsName{parts.pre, true} : text::name_steps(parts);
    if (!named.pre.empty()) writer.set("tokenizer.ggml.pre", named.pre);
    writer.set("tokenizer.ggml.tokens", parts.tokens);
    if (!parts.types.empty()) {
        std::vector<std::int32_t> types;
        for (const text::TokenType type : parts.types) {
            types.push_back(static_cast<std::int32_t>(type));
        }
        writer.set("tokenizer.ggml.token_type", std::move(types));
    }
    if (!parts.scores.empty()) writer.set("tokenizer.ggml.scores", parts.scores);
    const std::vector<std::string> merges = merge_names(parts);
    if (!merges.empty()) writer.set("tokenizer.ggml.merges", merges);
    const auto set_id = [&](std::string_view key, TokenId id) {
        if (id != text::kNoToken) writer.set(key, static_cast<std::uint32_t>(id));
    };
    set_id("tokenizer.ggml.bos_token_id", parts.bos);
    set_id("tokenizer.ggml.eos_token_id", parts.eos);
    set_id("tokenizer.ggml.eot_token_id", parts.eot);
    set_id("tokenizer.ggml.unknown_token_id", parts.unknown);
    set_id("tokenizer.ggml.padding_token_id", parts.padding);
    set_id("tokenizer.ggml.seperator_token_id", parts.separator);
    set_id("tokenizer.ggml.cls_token_id", parts.cls);
    set_id("tokenizer.ggml.mask_token_id", parts.mask);
    if (parts.add_eos) writer.set("tokenizer.ggml.add_eos_token", true);
    if (parts.remove_extra_spaces) writer.set("tokenizer.ggml.remove_extra_whitespaces", true);
    if (parts.lowercase) writer.set(kLowercase, *parts.lowercase);
    if (!parts.charsmap.empty()) {
        writer.set(kCharsmap,
                   std::vector<std::uint8_t>(parts.charsmap.begin(), parts.charsmap.end()));
    }
    if (!named.complete) writer.set(kSteps, parts.steps_json);
    writer.set("tokenizer.ggml.add_bos_token", parts.add_bos);
    writer.set("tokenizer.ggml.add_space_prefix", parts.add_space_prefix);
    if (!parts.chat_template.empty()) writer.set("tokenizer.chat_template", parts.chat_template);
}

}  // namespace cairn::format
