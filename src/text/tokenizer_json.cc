// SPDX-License-Identifier: Apache-2.0
// tokenizer.json: vocabulary, merges, added tokens; then the companions, which name the special
// tokens. The steps are read by tokenizer_json_steps.cc.
#include "cairn/text/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "tokenizer_files.h"
#include "tokenizer_json_steps.h"

namespace cairn::text {
namespace {

using nlohmann::json;
using Model = TokenizerRules::Model;

constexpr std::size_t kFileBytesMax = 128 << 20;  // Gemma's has 33 MB

Error invalid(std::string message) {
    return make_error(Code::kInvalid, "tokenizer.json: " + std::move(message));
}

const json& member(const json& object, const char* key) {
    static const json kNull;
    if (!object.is_object()) return kNull;
    const auto found = object.find(key);
    return found == object.end() ? kNull : *found;
}

/// Tokens by text, over the parts' own strings.
class Ids {
  public:
    explicit Ids(const std::vector<std::string>& tokens) {
        ids_.reserve(tokens.size());
        for (std::size_t id = 0; id < tokens.size(); ++id) {
            ids_.emplace(tokens[id], static_cast<TokenId>(id));
        }
    }
    std::optional<TokenId> find(std::string_view token) const {
        const auto found = ids_.find(token);
        if (found == ids_.end()) return std::nullopt;
        return found->second;
    }

  private:
    std::unordered_map<std::string_view, TokenId> ids_;
};

Status put_token(TokenizerParts& parts, std::int64_t id, std::string text, TokenType type) {
    if (id < 0 || id >= limits::kVocabularyMax) {
        return invalid(
            fmt::format("expected token ids below {}, found {}", limits::kVocabularyMax, id));
    }
    const auto index = static_cast<std::size_t>(id);
    if (index >= parts.tokens.size()) {
        parts.tokens.resize(index + 1);
        parts.types.resize(index + 1, TokenType::kUnused);
    }
    parts.tokens[index] = std::move(text);
    parts.types[index] = type;
    return {};
}

Result<Model> model_of(const json& model) {
    const std::string type = CAIRN_TRY(get_string_or(model, "type", ""));
    if (type == "BPE") return Model::kMerges;
    if (type == "Unigram") return Model::kUnigram;
    if (type == "WordPiece") return Model::kWordPiece;
    if (type.empty() && model.contains("merges")) return Model::kMerges;  // before 0.8
    if (type.empty() && member(model, "vocab").is_array()) return Model::kUnigram;
    if (type.empty() && model.contains("continuing_subword_prefix")) return Model::kWordPiece;
    return make_error(
        Code::kUnsupported,
        fmt::format("tokenizer.json: expected a model BPE, Unigram or WordPiece, found '{}'",
                    type));
}

/// {"token": id} or [["token", score]].
Status read_vocabulary(const json& model, bool byte_fallback, TokenizerParts& parts) {
    const json& vocabulary = member(model, "vocab");
    if (vocabulary.size() > static_cast<std::size_t>(limits::kVocabularyMax)) {
        return invalid("expected a smaller vocabulary");
    }
    const auto type_of = [&](std::string_view token) {
        const bool byte =
            byte_fallback && token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
        return byte ? TokenType::kByte : TokenType::kNormal;
    };
    if (vocabulary.is_object()) {
        for (const auto& [token, id] : vocabulary.items()) {
            if (!id.is_number_integer()) return invalid("expected ids as whole numbers");
            CAIRN_TRY(put_token(parts, id.get<std::int64_t>(), token, type_of(token)));
        }
        return {};
    }
    if (!vocabulary.is_array()) return invalid("expected 'vocab' in the model, found none");
    for (std::size_t id = 0; id < vocabulary.size(); ++id) {
        const json& entry = vocabulary[id];
        if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
            !entry[1].is_number()) {
            return invalid(fmt::format("expected [token, score] as entry {} of 'vocab'", id));
        }
        const auto& token = entry[0].get_ref<const std::string&>();
        CAIRN_TRY(put_token(parts, static_cast<std::int64_t>(id), token, type_of(token)));
        parts.scores.push_back(entry[1].get<float>());
    }
    return {};
}

/// "left right", or ["left", "right"] where tokens may hold spaces.
Status read_merges(const json& model, const Ids& ids, TokenizerParts& parts) {
    const json& merges = member(model, "merges");
    if (!merges.is_array()) return invalid("expected 'merges' as a list");
    if (merges.size() > 4 * static_cast<std::size_t>(limits::kVocabularyMax)) {
        return invalid("expected fewer merges");
    }
    parts.merge_ids.reserve(merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const json& merge = merges[rank];
        std::string_view left;
        std::string_view right;
        if (merge.is_string()) {
            const std::string_view text = merge.get_ref<const std::string&>();
            const std::size_t space = std::min(text.find(' '), text.size());
            left = text.substr(0, space);
            right = text.substr(std::min(space + 1, text.size()));
        } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                   merge[1].is_string()) {
            left = merge[0].get_ref<const std::string&>();
            right = merge[1].get_ref<const std::string&>();
        }
        const auto left_id = ids.find(left);
        const auto right_id = ids.find(right);
        const auto both = ids.find(std::string(left) + std::string(right));
        if (left.empty() || right.empty() || !left_id || !right_id || !both) {
            return invalid(fmt::format(
                "expected merge {} to be two tokens whose union is a token, found '{}' and '{}'",
                rank, left.substr(0, 32), right.substr(0, 32)));
        }
        parts.merge_ids.push_back({*left_id, *right_id, *both});
    }
    return {};
}

Status put_added(const json& token, std::int64_t id, TokenizerParts& parts) {
    const std::string content = CAIRN_TRY(get_string(token, "content"));
    const bool special = CAIRN_TRY(get_bool_or(token, "special", false));
    CAIRN_TRY(
        put_token(parts, id, content, special ? TokenType::kControl : TokenType::kUserDefined));
    parts.added.push_back({.id = static_cast<TokenId>(id),
                           .left_strip = CAIRN_TRY(get_bool_or(token, "lstrip", false)),
                           .right_strip = CAIRN_TRY(get_bool_or(token, "rstrip", false)),
                           .single_word = CAIRN_TRY(get_bool_or(token, "single_word", false)),
                           .normalized = CAIRN_TRY(get_bool_or(token, "normalized", !special))});
    return {};
}

Status read_added(const json& root, TokenizerParts& parts) {
    const json& added = member(root, "added_tokens");
    if (added.is_null()) return {};
    if (!added.is_array() || added.size() > static_cast<std::size_t>(limits::kVocabularyMax)) {
        return invalid("expected 'added_tokens' as a list");
    }
    for (const json& token : added) {
        CAIRN_TRY(put_added(token, CAIRN_TRY(get_int(token, "id")), parts));
    }
    return {};
}

/// What the model's object says beside its vocabulary.
Status read_model_flags(const json& model, const Ids& ids, TokenizerParts& parts,
                        TokenizerRules& rules) {
    rules.model = CAIRN_TRY(model_of(model));
    rules.byte_fallback = CAIRN_TRY(get_bool_or(model, "byte_fallback", false));
    rules.fuse_unknown =
        rules.model == Model::kUnigram || CAIRN_TRY(get_bool_or(model, "fuse_unk", false));
    rules.whole_words = CAIRN_TRY(get_bool_or(model, "ignore_merges", false));
    const json& unknown_id = member(model, "unk_id");
    if (unknown_id.is_number_integer() && std::in_range<TokenId>(unknown_id.get<std::int64_t>())) {
        parts.unknown = static_cast<TokenId>(unknown_id.get<std::int64_t>());
    }
    const std::string unknown = CAIRN_TRY(get_string_or(model, "unk_token", ""));
    if (!unknown.empty()) parts.unknown = ids.find(unknown).value_or(kNoToken);
    const std::string prefix = CAIRN_TRY(get_string_or(model, "continuing_subword_prefix", ""));
    const std::string suffix = CAIRN_TRY(get_string_or(model, "end_of_word_suffix", ""));
    if (rules.model == Model::kWordPiece) {
        rules.continuing_prefix = prefix.empty() ? "##" : prefix;
        rules.word_characters_max = static_cast<std::int32_t>(std::clamp<std::int64_t>(
            CAIRN_TRY(get_int_or(model, "max_input_chars_per_word", 100)), 1, 1000));
        rules.decoder = TokenizerRules::Decoder::kWordPiece;
        rules.drop_first_space = true;
    } else if (!prefix.empty() || !suffix.empty()) {
        return make_error(Code::kUnsupported,
                          fmt::format("tokenizer.json: expected BPE without "
                                      "continuing_subword_prefix and end_of_word_suffix, found "
                                      "'{}' and '{}'",
                                      prefix, suffix));
    }
    return {};
}

/// The nearest of GGUF's kinds, for programs that read only those.
std::string kind_of(const TokenizerRules& rules) {
    if (rules.byte_level) return "gpt2";
    if (rules.model == Model::kUnigram) return "t5";
    if (rules.model == Model::kWordPiece) return "bert";
    return "gemma4";
}

Status apply_steps(const json& root, const Ids& ids, TokenizerParts& parts) {
    TokenizerRules rules;
    rules.decoder = TokenizerRules::Decoder::kPlain;
    const json& model = member(root, "model");
    if (!model.is_object()) return invalid("expected a member 'model', found none");
    CAIRN_TRY(read_model_flags(model, ids, parts, rules));
    CAIRN_TRY(read_normalizer(member(root, "normalizer"), rules));
    CAIRN_TRY(read_pre_tokenizer(member(root, "pre_tokenizer"), rules));
    if (rules.byte_level) rules.decoder = TokenizerRules::Decoder::kBytes;
    CAIRN_TRY(read_decoder(member(root, "decoder"), rules));
    const auto id_of = [&](std::string_view name) { return ids.find(name); };
    CAIRN_TRY(read_post_processor(member(root, "post_processor"), id_of, rules));
    parts.kind = kind_of(rules);
    if (!rules.single.empty() && rules.single.front().kind == TemplatePiece::Kind::kToken) {
        parts.add_bos = true;
        if (parts.bos == kNoToken) parts.bos = rules.single.front().id;
    }
    parts.rules = std::move(rules);
    return {};
}

/// tokenizer.json without what the other members of TokenizerParts hold.
std::string without_vocabulary(json root, const TokenizerRules& rules) {
    json& model = root["model"];
    model.erase("vocab");
    model.erase("merges");
    model["type"] = rules.model == Model::kUnigram     ? "Unigram"
                    : rules.model == Model::kWordPiece ? "WordPiece"
                                                       : "BPE";
    return dump_json(root);
}

/// A token that a companion names: "text" or {"content": "text"}.
std::string named_token(const json& config, const char* key) {
    const json& value = member(config, key);
    if (value.is_string()) return value.get<std::string>();
    const json& content = member(value, "content");
    return content.is_string() ? content.get<std::string>() : std::string();
}

void read_names(const json& config, const Ids& ids, TokenizerParts& parts) {
    const std::pair<const char*, TokenId*> names[] = {
        {"bos_token", &parts.bos},       {"eos_token", &parts.eos},
        {"unk_token", &parts.unknown},   {"pad_token", &parts.padding},
        {"sep_token", &parts.separator}, {"cls_token", &parts.cls},
        {"mask_token", &parts.mask}};
    for (const auto& [key, place] : names) {
        const std::string name = named_token(config, key);
        if (name.empty()) continue;
        // A model without an unknown token drops what it cannot say; a name does not change that.
        if (place == &parts.unknown && parts.rules && parts.rules->model == Model::kMerges)
            continue;
        if (const auto id = ids.find(name)) *place = *id;
    }
}

std::string chat_template_of(const json& config) {
    const json& value = member(config, "chat_template");
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_array()) return {};
    std::string first;
    for (const json& entry : value) {
        const json& text = member(entry, "template");
        if (!text.is_string()) continue;
        if (member(entry, "name") == "default") return text.get<std::string>();
        if (first.empty()) first = text.get<std::string>();
    }
    return first;
}

/// add_bos_token and add_eos_token of the config go before the template of tokenizer.json.
Status read_additions(const json& config, TokenizerParts& parts) {
    TokenizerRules& rules = *parts.rules;
    using Kind = TemplatePiece::Kind;
    const auto is = [](const TemplatePiece& piece, TokenId id) {
        return piece.kind == Kind::kToken && piece.id == id;
    };
    const auto has = [&](TokenId id) {
        return std::ranges::any_of(rules.single, [&](const auto& piece) { return is(piece, id); });
    };
    const auto put = [&](TokenId id, bool behind) {
        for (auto* pieces : {&rules.single, &rules.pair}) {
            std::vector<TemplatePiece> made;
            for (const TemplatePiece& piece : *pieces) {
                const bool text = piece.kind != Kind::kToken;
                if (text && !behind) made.push_back({Kind::kToken, id, piece.type});
                made.push_back(piece);
                if (text && behind) made.push_back({Kind::kToken, id, piece.type});
            }
            *pieces = std::move(made);
        }
    };
    const auto settle = [&](const char* key, TokenId id, bool behind) -> Status {
        if (id == kNoToken || !member(config, key).is_boolean()) return {};
        const bool wanted = CAIRN_TRY(get_bool(config, key));
        if (wanted && !has(id)) put(id, behind);
        if (wanted || !has(id)) return {};
        for (auto* pieces : {&rules.single, &rules.pair}) {
            std::erase_if(*pieces, [&](const auto& piece) { return is(piece, id); });
        }
        return {};
    };
    CAIRN_TRY(settle("add_bos_token", parts.bos, false));
    CAIRN_TRY(settle("add_eos_token", parts.eos, true));
    parts.add_bos = !rules.single.empty() && is(rules.single.front(), parts.bos);
    parts.add_eos = !rules.single.empty() && is(rules.single.back(), parts.eos);
    return {};
}

Result<json> parse_companion(std::string_view text, const char* name) {
    if (text.empty()) return json::object();
    auto parsed = parse_json(text);
    if (!parsed) return parsed.error().with_context(name);
    return std::move(*parsed);
}

Status read_companions(const TokenizerFiles& files, TokenizerParts& parts) {
    const json map =
        CAIRN_TRY(parse_companion(files.special_tokens_map, "special_tokens_map.json"));
    const json config = CAIRN_TRY(parse_companion(files.tokenizer_config, "tokenizer_config.json"));
    const Ids ids(parts.tokens);
    read_names(map, ids, parts);
    read_names(config, ids, parts);
    if (parts.rules) CAIRN_TRY(read_additions(config, parts));
    parts.chat_template =
        files.chat_template.empty() ? chat_template_of(config) : std::string(files.chat_template);
    return {};
}

/// Tokens that only tokenizer_config.json lists, by id.
Status read_added_decoder(const TokenizerFiles& files, TokenizerParts& parts) {
    const json config = CAIRN_TRY(parse_companion(files.tokenizer_config, "tokenizer_config.json"));
    const json& tokens = member(config, "added_tokens_decoder");
    if (!tokens.is_object()) return {};
    for (const auto& [key, token] : tokens.items()) {
        std::int64_t id = 0;
        if (std::from_chars(key.data(), key.data() + key.size(), id).ec != std::errc()) continue;
        const bool known = id >= 0 && id < static_cast<std::int64_t>(parts.tokens.size()) &&
                           parts.types[static_cast<std::size_t>(id)] != TokenType::kUnused;
        if (!known) CAIRN_TRY(put_added(token, id, parts));
    }
    return {};
}

Result<TokenizerParts> read_json(const TokenizerFiles& files) {
    if (files.tokenizer_json.size() > kFileBytesMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("expected a tokenizer.json of at most {} bytes, found {}",
                                      kFileBytesMax, files.tokenizer_json.size()));
    }
    json root = CAIRN_TRY(parse_json(files.tokenizer_json));
    const json& model = member(root, "model");
    if (!model.is_object()) return invalid("expected a member 'model', found none");
    TokenizerParts parts;
    const Model kind = CAIRN_TRY(model_of(model));
    CAIRN_TRY(read_vocabulary(model, CAIRN_TRY(get_bool_or(model, "byte_fallback", false)), parts));
    if (kind == Model::kMerges) CAIRN_TRY(read_merges(model, Ids(parts.tokens), parts));
    CAIRN_TRY(read_added(root, parts));
    CAIRN_TRY(read_added_decoder(files, parts));
    if (kind == Model::kUnigram) parts.scores.resize(parts.tokens.size());
    CAIRN_TRY(apply_steps(root, Ids(parts.tokens), parts));
    parts.steps_json = without_vocabulary(std::move(root), *parts.rules);
    return parts;
}

}  // namespace

Status apply_tokenizer_steps(std::string_view text, TokenizerParts& parts) {
    const json root = CAIRN_TRY(parse_json(text));
    parts.types.resize(parts.tokens.size(), TokenType::kNormal);
    parts.added.clear();
    CAIRN_TRY(read_added(root, parts));
    const bool add_bos = parts.add_bos;
    const bool add_eos = parts.add_eos;
    CAIRN_TRY(apply_steps(root, Ids(parts.tokens), parts));
    parts.steps_json = text;
    return read_additions({{"add_bos_token", add_bos}, {"add_eos_token", add_eos}}, parts);
}

Result<TokenizerParts> read_tokenizer_parts(const TokenizerFiles& files) {
    TokenizerParts parts;
    if (!files.tokenizer_json.empty()) {
        parts = CAIRN_TRY(read_json(files));
    } else if (!files.sentence_piece.empty()) {
        parts = CAIRN_TRY(read_sentence_piece(files.sentence_piece));
        CAIRN_TRY(read_added_decoder(files, parts));
        parts.scores.resize(parts.tokens.size());
    } else if (!files.tiktoken.empty()) {
        parts = CAIRN_TRY(read_tiktoken(files.tiktoken, files.pre));
        CAIRN_TRY(read_added_decoder(files, parts));
        if (files.pre == "kimi-k2") add_reserved_tokens(parts);
    } else {
        return make_error(
            Code::kNotFound,
            "expected tokenizer.json, tokenizer.model or a tiktoken file, found none");
    }
    CAIRN_TRY(read_companions(files, parts));
    return parts;
}

Result<Tokenizer> read_tokenizer(const TokenizerFiles& files) {
    return Tokenizer::from_parts(CAIRN_TRY(read_tokenizer_parts(files)));
}

}  // namespace cairn::text
