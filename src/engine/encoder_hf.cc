// SPDX-License-Identifier: Apache-2.0
// Hugging Face encoders under GGUF's names: one table of names for BERT and its kin, one for
// ModernBERT. Nothing is copied; RoBERTa's table of positions loses its unused first rows.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "encoder_files.h"

namespace cairn::engine {

namespace {

using format::GgufTensor;
using format::GgufValue;
using format::HfDirectory;
using format::JsonConfig;
using Metadata = std::map<std::string, GgufValue, std::less<>>;

struct NamePair {
    std::string_view theirs;  ///< '#' stands for the layer
    std::string_view ours;    ///< empty: known, not used
};

// clang-format off
constexpr NamePair kBertNames[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"encoder.layer.#.attention.self.query", "blk.#.attn_q"},
    {"encoder.layer.#.attention.self.key", "blk.#.attn_k"},
    {"encoder.layer.#.attention.self.value", "blk.#.attn_v"},
    {"encoder.layer.#.attention.output.dense", "blk.#.attn_output"},
    {"encoder.layer.#.attention.output.LayerNorm", "blk.#.attn_output_norm"},
    {"encoder.layer.#.intermediate.dense", "blk.#.ffn_up"},
    {"encoder.layer.#.output.dense", "blk.#.ffn_down"},
    {"encoder.layer.#.output.LayerNorm", "blk.#.layer_output_norm"},
};
constexpr NamePair kBertHead[] = {{"pooler.dense", "cls"}, {"classifier", "cls.output"}};
constexpr NamePair kRobertaHead[] = {
    {"classifier.dense", "cls"}, {"classifier.out_proj", "cls.output"}};
constexpr NamePair kModernNames[] = {
    {"embeddings.tok_embeddings", "token_embd"},
    {"embeddings.norm", "token_embd_norm"},
    {"layers.#.attn_norm", "blk.#.attn_norm"},
    {"layers.#.attn.Wqkv", "blk.#.attn_qkv"},
    {"layers.#.attn.Wo", "blk.#.attn_output"},
    {"layers.#.mlp_norm", "blk.#.ffn_norm"},
    {"layers.#.mlp.Wi", "blk.#.ffn_up"},
    {"layers.#.mlp.Wo", "blk.#.ffn_down"},
    {"final_norm", "output_norm"},
};
constexpr NamePair kModernHead[] = {
    {"head.dense", "cls"}, {"head.norm", "cls.norm"}, {"classifier", "cls.output"}};
// clang-format on

/// Heads of other tasks and buffers: what an encoder's vectors do not depend on.
constexpr std::string_view kUnused[] = {
    "embeddings.position_ids", "pooler.", "cls.", "lm_head.", "head.", "decoder.", "classifier."};

struct Family {
    std::string_view architectures;  ///< Hugging Face's names begin so
    std::string_view ours;
    std::string_view tensor_prefix;  ///< of models with a head
    std::span<const NamePair> names;
    std::span<const NamePair> head;
    bool positions_after_padding;  ///< position p stands in row p + padding id + 1
};
constexpr Family kFamilies[] = {
    {"ModernBert", "modern-bert", "model.", kModernNames, kModernHead, false},
    {"XLMRoberta", "bert", "roberta.", kBertNames, kRobertaHead, true},
    {"Roberta", "bert", "roberta.", kBertNames, kRobertaHead, true},
    {"Camembert", "bert", "roberta.", kBertNames, kRobertaHead, true},
    {"Bert", "bert", "bert.", kBertNames, kBertHead, false},
};
constexpr std::string_view kTasks[] = {"Model", "ForMaskedLM", "ForSequenceClassification",
                                       "ForPreTraining"};

std::string architecture_of(const JsonConfig& config) {
    const auto names = config.get_strings("architectures");
    return names && !names->empty() ? names->front() : std::string();
}

const Family* family_of(std::string_view architecture) {
    for (const Family& family : kFamilies) {
        if (!architecture.starts_with(family.architectures)) continue;
        const std::string_view task = architecture.substr(family.architectures.size());
        if (std::ranges::find(kTasks, task) != std::end(kTasks)) return &family;
    }
    return nullptr;
}

std::uint32_t as_u32(std::int64_t value) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, UINT32_MAX));
}

/// An option whose every other value would be computed wrongly.
Status expect(const JsonConfig& config, std::string_view key, std::string_view value) {
    const std::string found = CAIRN_TRY(config.get_string_or(key, value));
    if (found == value) return {};
    return make_error(Code::kUnsupported,
                      fmt::format("config.json {}: expected '{}', found '{}'", key, value, found));
}

Status set_integer(Metadata& out, const std::string& key, const JsonConfig& config,
                   std::string_view from) {
    out[key] = as_u32(CAIRN_TRY(config.get_integer(from)));
    return {};
}

Result<Metadata> common_metadata(const JsonConfig& config, const Family& family) {
    Metadata out;
    const std::string prefix = std::string(family.ours) + ".";
    out["general.architecture"] = std::string(family.ours);
    CAIRN_TRY(set_integer(out, prefix + "block_count", config, "num_hidden_layers"));
    CAIRN_TRY(set_integer(out, prefix + "embedding_length", config, "hidden_size"));
    CAIRN_TRY(set_integer(out, prefix + "feed_forward_length", config, "intermediate_size"));
    CAIRN_TRY(set_integer(out, prefix + "attention.head_count", config, "num_attention_heads"));
    CAIRN_TRY(set_integer(out, prefix + "context_length", config, "max_position_embeddings"));
    return out;
}

Status add_bert_metadata(const JsonConfig& config, Metadata& out) {
    CAIRN_TRY(expect(config, "hidden_act", "gelu"));
    CAIRN_TRY(expect(config, "position_embedding_type", "absolute"));
    const double epsilon = CAIRN_TRY(config.get_number_or("layer_norm_eps", 1e-12));
    out["bert.attention.layer_norm_epsilon"] = static_cast<float>(epsilon);
    return {};
}

/// Old configs say every how many layers one is global, new ones list the layers.
Result<std::int64_t> global_every(const JsonConfig& config) {
    if (!config.is_array("layer_types")) {
        return config.get_integer_or("global_attn_every_n_layers", 3);
    }
    const auto types = CAIRN_TRY(config.get_strings("layer_types"));
    const auto next =
        types.empty() ? types.end() : std::find(types.begin() + 1, types.end(), "full_attention");
    const auto every = static_cast<std::size_t>(next - types.begin());
    for (std::size_t i = 0; i < types.size(); ++i) {
        const std::string_view expected = i % every == 0 ? "full_attention" : "sliding_attention";
        if (types[i] == expected) continue;
        return make_error(Code::kUnsupported,
                          fmt::format("config.json layer_types[{}]: expected '{}' (every {} layers "
                                      "a global one), found '{}'",
                                      i, expected, every, types[i]));
    }
    return static_cast<std::int64_t>(every);
}

Status add_modern_metadata(const JsonConfig& config, Metadata& out) {
    CAIRN_TRY(expect(config, "hidden_activation", "gelu"));
    CAIRN_TRY(expect(config, "classifier_activation", "gelu"));
    const std::string prefix = "modern-bert.";
    for (const char* kind : {"full_attention", "sliding_attention"}) {
        CAIRN_TRY(expect(config, fmt::format("rope_parameters.{}.rope_type", kind), "default"));
    }
    const auto base = [&](std::string_view kind, std::string_view old,
                          double other) -> Result<double> {
        const double before = CAIRN_TRY(config.get_number_or(old, other));
        return config.get_number_or(fmt::format("rope_parameters.{}.rope_theta", kind), before);
    };
    out[prefix + "rope.freq_base"] =
        static_cast<float>(CAIRN_TRY(base("full_attention", "global_rope_theta", 160000)));
    out[prefix + "rope.freq_base_swa"] =
        static_cast<float>(CAIRN_TRY(base("sliding_attention", "local_rope_theta", 10000)));
    const double epsilon = CAIRN_TRY(config.get_number_or("norm_eps", 1e-5));
    out[prefix + "attention.layer_norm_epsilon"] = static_cast<float>(epsilon);
    out[prefix + "attention.sliding_window"] =
        as_u32(CAIRN_TRY(config.get_integer_or("local_attention", 128)));
    out[prefix + "attention.sliding_window_pattern"] = as_u32(CAIRN_TRY(global_every(config)));
    return {};
}

/// Splits "encoder.layer.11.output" at its number; layer stays empty when there is none.
std::string layer_pattern(std::string_view name, std::string& layer) {
    std::string pattern;
    layer.clear();
    while (!name.empty()) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        const std::string_view part = name.substr(0, dot);
        const bool number =
            !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
        if (number && layer.empty()) layer = part;
        pattern += number ? "#" : part;
        if (dot < name.size()) pattern += '.';
        name.remove_prefix(std::min(dot + 1, name.size()));
    }
    return pattern;
}

/// "blk.0.attn_q.weight"; empty: not used; nullopt: not known.
std::optional<std::string> our_name(std::string_view theirs, const Family& family, bool has_head) {
    if (theirs.starts_with(family.tensor_prefix)) {
        theirs.remove_prefix(family.tensor_prefix.size());
    }
    std::string_view ending;
    // gamma and beta: what the first BERT called the weight and bias of a norm.
    for (const auto& [end, ours] : {std::pair{".weight", ".weight"}, std::pair{".bias", ".bias"},
                                    std::pair{".gamma", ".weight"}, std::pair{".beta", ".bias"}}) {
        if (!theirs.ends_with(end)) continue;
        ending = ours;
        std::string layer;
        const std::string pattern =
            layer_pattern(theirs.substr(0, theirs.size() - std::string_view(end).size()), layer);
        const auto search = [&](std::span<const NamePair> table) -> std::optional<std::string> {
            for (const NamePair& pair : table) {
                if (pair.theirs != pattern) continue;
                std::string name(pair.ours);
                const std::size_t at = name.find('#');
                if (at != std::string::npos) name.replace(at, 1, layer);
                return name + std::string(ending);
            }
            return std::nullopt;
        };
        if (auto found = search(family.names)) return found;
        if (has_head) {
            if (auto found = search(family.head)) return found;
        }
    }
    const bool unused =
        std::ranges::any_of(kUnused, [&](std::string_view u) { return theirs.starts_with(u); });
    return unused ? std::optional<std::string>("") : std::nullopt;
}

/// Rows before the first position are never read; the others move up.
Status drop_first_rows(GgufTensor& tensor, std::int64_t rows) {
    if (tensor.dims.size() != 2 || rows < 0 || tensor.dims[1] <= static_cast<std::uint64_t>(rows)) {
        return make_error(Code::kInvalid,
                          fmt::format("tensor {}: expected more than {} rows", tensor.name, rows));
    }
    const std::size_t row = tensor.bytes.size() / tensor.dims[1];
    tensor.bytes = tensor.bytes.subspan(row * static_cast<std::size_t>(rows));
    tensor.dims[1] -= static_cast<std::uint64_t>(rows);
    return {};
}

Result<std::vector<std::string>> label_names(const JsonConfig& config, std::uint64_t count) {
    std::vector<std::string> names;
    for (std::uint64_t i = 0; i < count; ++i) {
        names.push_back(CAIRN_TRY(
            config.get_string_or(fmt::format("id2label.{}", i), fmt::format("LABEL_{}", i))));
    }
    return names;
}

}  // namespace

bool is_encoder_directory(const HfDirectory& directory) {
    return family_of(architecture_of(directory.config())) != nullptr;
}

Result<format::GgufFile> encoder_from_hf(const HfDirectory& directory) {
    const JsonConfig& config = directory.config();
    const std::string architecture = architecture_of(config);
    const Family* family = family_of(architecture);
    if (family == nullptr) {
        return make_error(Code::kUnsupported,
                          fmt::format("config.json architectures: '{}' is no encoder that is known",
                                      architecture),
                          "known: Bert, Roberta, XLMRoberta, Camembert, ModernBert");
    }
    Metadata metadata = CAIRN_TRY(common_metadata(config, *family));
    metadata["general.name"] = directory.folder().filename().string();
    CAIRN_TRY(family->ours == "bert" ? add_bert_metadata(config, metadata)
                                     : add_modern_metadata(config, metadata));
    const bool has_head = architecture.ends_with("ForSequenceClassification");
    std::vector<GgufTensor> tensors;
    for (const format::SafetensorsTensor* tensor : directory.tensors()) {
        const auto name = our_name(tensor->name, *family, has_head);
        if (!name) {
            return make_error(Code::kUnsupported, fmt::format("tensor {} is not known for {}",
                                                              tensor->name, architecture));
        }
        if (name->empty()) continue;
        const auto type = format::weight_type(tensor->type);
        if (!type) {
            return make_error(
                Code::kUnsupported,
                fmt::format("tensor {}: expected F32, F16 or BF16, found {}", tensor->name,
                            format::safetensors_type_name(tensor->type)));
        }
        GgufTensor ours{
            *name, *type, {tensor->shape.rbegin(), tensor->shape.rend()}, tensor->bytes};
        if (family->positions_after_padding && *name == "position_embd.weight") {
            const std::int64_t padding = CAIRN_TRY(config.get_integer_or("pad_token_id", 1));
            CAIRN_TRY(drop_first_rows(ours, padding + 1));
        }
        if (*name == "cls.output.weight" && ours.dims.size() == 2) {
            const auto count = std::min<std::uint64_t>(ours.dims[1], limits::kGgufKeysMax);
            metadata[std::string(family->ours) + ".classifier.output_labels"] =
                CAIRN_TRY(label_names(config, count));
        }
        tensors.push_back(std::move(ours));
    }
    return format::GgufFile::from_parts(std::move(metadata), std::move(tensors),
                                        directory.keep_alive());
}

namespace {

constexpr std::uint64_t kSettingsBytesMax = limits::kMiB;  // a few lines in practice

/// The JSON of a small file; null when there is none.
Result<nlohmann::json> read_json(const HfDirectory& directory, const std::string& name) {
    const auto text = CAIRN_TRY(directory.read_text(name, kSettingsBytesMax));
    if (!text) return nlohmann::json();
    auto parsed = text::parse_json(*text);
    if (!parsed) return parsed.error().with_context(name);
    return parsed;
}

Result<Pooling> read_pooling(const nlohmann::json& config, const std::string& name) {
    constexpr std::pair<std::string_view, Pooling> kWords[] = {
        {"mean", Pooling::kMean},     {"mean_tokens", Pooling::kMean}, {"cls", Pooling::kCls},
        {"cls_token", Pooling::kCls}, {"lasttoken", Pooling::kLast},
    };
    std::vector<std::string> chosen;
    if (config.contains("pooling_mode") && config["pooling_mode"].is_string()) {
        chosen.push_back(config["pooling_mode"].get<std::string>());
    }
    constexpr std::string_view kMode = "pooling_mode_";
    for (const auto& [key, value] : config.items()) {
        if (key.starts_with(kMode) && value.is_boolean() && value.get<bool>()) {
            chosen.push_back(key.substr(kMode.size()));
        }
    }
    for (const auto& [word, pooling] : kWords) {
        if (chosen.size() == 1 && chosen.front() == word) return pooling;
    }
    return make_error(Code::kUnsupported,
                      fmt::format("{}: expected one of mean, cls, lasttoken; found '{}'", name,
                                  fmt::join(chosen, ", ")));
}

Status read_modules(const HfDirectory& directory, EncoderSettings& out) {
    const nlohmann::json modules = CAIRN_TRY(read_json(directory, "modules.json"));
    if (!modules.is_array()) return {};
    out.normalise = false;
    for (const nlohmann::json& module : modules) {
        const std::string type = CAIRN_TRY(text::get_string(module, "type"));
        const std::string path = CAIRN_TRY(text::get_string_or(module, "path", ""));
        const std::string kind = type.substr(type.rfind('.') + 1);
        if (kind == "Transformer") continue;
        if (kind == "Normalize") {
            out.normalise = true;
        } else if (kind == "Pooling" && path.find("..") == std::string::npos) {
            const std::string name = path + "/config.json";
            out.pooling = CAIRN_TRY(read_pooling(CAIRN_TRY(read_json(directory, name)), name));
        } else {
            return make_error(Code::kUnsupported,
                              "modules.json: the module '" + type + "' is not known",
                              "known: Transformer, Pooling, Normalize");
        }
    }
    return {};
}

}  // namespace

Result<EncoderSettings> read_encoder_settings(const HfDirectory& directory) {
    EncoderSettings out;
    CAIRN_TRY(read_modules(directory, out));
    const nlohmann::json sentence = CAIRN_TRY(read_json(directory, "sentence_bert_config.json"));
    if (sentence.is_object()) {
        const std::int64_t most = CAIRN_TRY(text::get_int_or(sentence, "max_seq_length", 0));
        if (most > 0) out.max_tokens = most;
    }
    const nlohmann::json prompts =
        CAIRN_TRY(read_json(directory, "config_sentence_transformers.json"));
    if (prompts.is_object() && prompts.contains("prompts") && prompts["prompts"].is_object()) {
        const nlohmann::json& named = prompts["prompts"];
        out.query_prefix = CAIRN_TRY(text::get_string_or(named, "query", ""));
        out.passage_prefix = CAIRN_TRY(
            text::get_string_or(named, named.contains("passage") ? "passage" : "document", ""));
    }
    const std::string head =
        CAIRN_TRY(directory.config().get_string_or("classifier_pooling", "cls"));
    out.head_pooling = head == "mean" ? Pooling::kMean : Pooling::kCls;
    return out;
}

}  // namespace cairn::engine
