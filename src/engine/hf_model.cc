// SPDX-License-Identifier: Apache-2.0
// Applies the tables of an architecture to a Hugging Face directory. Old and new styles of
// config.json meet here: `rope_theta` with `rope_scaling` became `rope_parameters`.
#include "hf_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "arch.h"
#include "cairn/base/limits.h"
#include "cairn/text/tokenizer_json.h"
#include "hf_mapping.h"

namespace cairn::engine {

void HfParts::add_vector(std::string name, std::vector<float> values) {
    auto kept = std::make_shared<const std::vector<float>>(std::move(values));
    format::GgufTensor tensor;
    tensor.name = std::move(name);
    tensor.dims = {kept->size()};
    tensor.bytes = std::as_bytes(std::span(*kept));
    tensors.push_back(std::move(tensor));
    memory.push_back(std::move(kept));
}

void HfParts::add_copy(std::string name, TensorType type, std::vector<std::uint64_t> dims,
                       std::vector<std::byte> bytes) {
    auto kept = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    format::GgufTensor tensor;
    tensor.name = std::move(name);
    tensor.type = type;
    tensor.dims = std::move(dims);
    tensor.bytes = *kept;
    tensors.push_back(std::move(tensor));
    memory.push_back(std::move(kept));
}

void HfParts::add_in_place(std::string name, std::vector<std::uint64_t> dims,
                           const HfWeight& weight) {
    format::GgufTensor tensor;
    tensor.name = std::move(name);
    tensor.type = weight.type;
    tensor.dims = std::move(dims);
    tensor.bytes = weight.bytes;
    tensors.push_back(std::move(tensor));
    memory.push_back(weight.owner);
}

namespace {

constexpr HfName kCommonKeys[] = {
    {"num_hidden_layers", "block_count"},
    {"hidden_size", "embedding_length"},
    {"intermediate_size", "feed_forward_length"},
    {"max_position_embeddings", "context_length"},
    {"num_attention_heads", "attention.head_count"},
    {"num_key_value_heads", "attention.head_count_kv"},
    {"head_dim", "attention.key_length"},
    {"head_dim", "attention.value_length"},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
};

constexpr HfName kCommonTensors[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

Error unsupported(std::string message) {
    return make_error(Code::kUnsupported, "config.json: " + std::move(message));
}

Status copy_key(HfParts& parts, const HfName& name) {
    const format::JsonConfig& config = parts.config;
    if (config.is_null(name.hf) || name.gguf.empty()) return {};
    if (config.is_bool(name.hf)) {
        parts.set(name.gguf, CAIRN_TRY(config.get_bool(name.hf)));
        return {};
    }
    const double number = CAIRN_TRY(config.get_number(name.hf));
    // The key's reader decides what an integer must be; a whole number serves both kinds.
    const bool is_float = name.gguf.ends_with("epsilon") || name.gguf.ends_with("scale") ||
                          name.gguf.ends_with("softcapping") ||
                          name.gguf.ends_with("freq_base_swa");
    if (is_float) {
        parts.set(name.gguf, static_cast<float>(number));
    } else {
        const std::int64_t value = CAIRN_TRY(config.get_integer(name.hf));
        if (!std::in_range<std::uint32_t>(value)) {
            return unsupported(
                fmt::format("{}: expected 0 to {}, found {}", name.hf, UINT32_MAX, value));
        }
        parts.set_integer(name.gguf, value);
    }
    return {};
}

// ---- RoPE ----

/// Where a directory states its RoPE: an object, or the config itself.
struct RopeSource {
    const format::JsonConfig& config;
    std::string place;  ///< "rope_parameters.", "rope_scaling." or ""

    std::string at(std::string_view name) const { return place + std::string(name); }
    Result<double> number_or(std::string_view name, double other) const {
        return config.get_number_or(at(name), other);
    }
};

RopeSource rope_source(const format::JsonConfig& config) {
    for (const char* place :
         {"rope_parameters.full_attention", "rope_parameters", "rope_scaling"}) {
        if (config.is_object(place)) return {config, std::string(place) + "."};
    }
    return {config, "rope_scaling."};
}

/// Llama 3: slow pairs are divided by `factor`, fast ones stay, those between are blended.
Status add_llama3_factors(HfParts& parts, const RopeSource& rope, double base, std::int64_t width) {
    const double factor = CAIRN_TRY(rope.config.get_number(rope.at("factor")));
    const double low = CAIRN_TRY(rope.number_or("low_freq_factor", 1));
    const double high = CAIRN_TRY(rope.number_or("high_freq_factor", 4));
    const double original = CAIRN_TRY(rope.number_or("original_max_position_embeddings", 8192));
    std::vector<float> factors;
    for (std::int64_t i = 0; i < width / 2; ++i) {
        const double frequency =
            std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(width));
        const double turns = original * frequency / (2 * std::numbers::pi);
        const double smooth = std::clamp((turns - low) / (high - low), 0.0, 1.0);
        factors.push_back(static_cast<float>(1.0 / ((1 - smooth) / factor + smooth)));
    }
    parts.add_vector("rope_freqs.weight", std::move(factors));
    return {};
}

double yarn_scale(double factor, double weight) {
    return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

Status set_yarn(HfParts& parts, const RopeSource& rope, std::int64_t context) {
    const double factor = CAIRN_TRY(rope.config.get_number(rope.at("factor")));
    const std::int64_t original =
        CAIRN_TRY(rope.config.get_integer_or(rope.at("original_max_position_embeddings"), context));
    const double mscale = CAIRN_TRY(rope.number_or("mscale", 0));
    const double mscale_all = CAIRN_TRY(rope.number_or("mscale_all_dim", 0));
    double attention = yarn_scale(factor, 1);
    if (mscale != 0 && mscale_all != 0) {
        attention = yarn_scale(factor, mscale) / yarn_scale(factor, mscale_all);
    }
    attention = CAIRN_TRY(rope.number_or("attention_factor", attention));
    parts.set("rope.scaling.type", std::string("yarn"));
    parts.set("rope.scaling.factor", static_cast<float>(factor));
    parts.set_integer("rope.scaling.original_context_length", original);
    const double usual = yarn_scale(factor, 1);
    if (attention != usual) {
        parts.set("rope.scaling.attn_factor", static_cast<float>(attention / usual));
    }
    const auto extended =
        std::min<double>(factor * static_cast<double>(original), limits::kContextMax);
    parts.set_integer("context_length", std::max(context, static_cast<std::int64_t>(extended)));
    for (const auto& [hf, gguf] : {HfName{"beta_fast", "rope.scaling.yarn_beta_fast"},
                                   HfName{"beta_slow", "rope.scaling.yarn_beta_slow"}}) {
        if (rope.config.is_null(rope.at(hf))) continue;
        parts.set(gguf, static_cast<float>(CAIRN_TRY(rope.config.get_number(rope.at(hf)))));
    }
    return {};
}

Status set_longrope(HfParts& parts, const RopeSource& rope, std::int64_t context) {
    const format::JsonConfig& config = parts.config;
    std::int64_t original =
        CAIRN_TRY(config.get_integer_or(rope.at("original_max_position_embeddings"), 0));
    if (original == 0) {
        original = CAIRN_TRY(config.get_integer_or("original_max_position_embeddings", context));
    }
    if (original < 2) return unsupported("original_max_position_embeddings: expected at least 2");
    const double factor = CAIRN_TRY(
        rope.number_or("factor", static_cast<double>(context) / static_cast<double>(original)));
    const double usual =
        factor <= 1 ? 1.0
                    : std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original)));
    parts.set("rope.scaling.attn_factor",
              static_cast<float>(CAIRN_TRY(rope.number_or("attention_factor", usual))));
    parts.set_integer("rope.scaling.original_context_length", original);
    for (const auto& [hf, gguf] : {HfName{"long_factor", "rope_factors_long.weight"},
                                   HfName{"short_factor", "rope_factors_short.weight"}}) {
        const std::vector<double> factors = CAIRN_TRY(config.get_numbers(rope.at(hf)));
        parts.add_vector(std::string(gguf), {factors.begin(), factors.end()});
    }
    return {};
}

Status set_rope(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const RopeSource rope = rope_source(config);
    double base = CAIRN_TRY(config.get_number_or("rope_theta", 10000));
    base = CAIRN_TRY(rope.number_or("rope_theta", base));
    parts.set("rope.freq_base", static_cast<float>(base));
    const std::string local = "rope_parameters.sliding_attention.rope_theta";
    if (config.has(local)) {
        parts.set("rope.freq_base_swa", static_cast<float>(CAIRN_TRY(config.get_number(local))));
    }
    const std::int64_t heads = CAIRN_TRY(config.get_integer("num_attention_heads"));
    const std::int64_t model_width = CAIRN_TRY(config.get_integer("hidden_size"));
    std::int64_t width =
        CAIRN_TRY(config.get_integer_or("head_dim", heads < 1 ? 0 : model_width / heads));
    double share = CAIRN_TRY(config.get_number_or("partial_rotary_factor", 1));
    share = CAIRN_TRY(rope.number_or("partial_rotary_factor", share));
    if (!(share > 0 && share <= 1)) {
        return unsupported(
            fmt::format("partial_rotary_factor: expected more than 0, at most 1, found {}", share));
    }
    width = static_cast<std::int64_t>(static_cast<double>(width) * share);
    width = CAIRN_TRY(config.get_integer_or("rotary_dim", width));
    if (width < 2 || width > kernels::kHeadWidthMax) {
        return unsupported(
            fmt::format("rotary width: expected 2 to {}, found {}", kernels::kHeadWidthMax, width));
    }
    parts.set_integer("rope.dimension_count", width);
    const std::int64_t context = CAIRN_TRY(config.get_integer("max_position_embeddings"));

    std::string kind = CAIRN_TRY(config.get_string_or(rope.at("type"), "default"));
    kind = CAIRN_TRY(config.get_string_or(rope.at("rope_type"), kind));
    if (kind == "default") return {};
    if (kind == "llama3") return add_llama3_factors(parts, rope, base, width);
    if (kind == "yarn") return set_yarn(parts, rope, context);
    if (kind == "longrope" || kind == "su") return set_longrope(parts, rope, context);
    if (kind == "linear") {
        parts.set("rope.scaling.type", std::string("linear"));
        parts.set("rope.scaling.factor",
                  static_cast<float>(CAIRN_TRY(config.get_number(rope.at("factor")))));
        return {};
    }
    return unsupported(
        fmt::format("rope type '{}' is not known (known: default, linear, llama3, "
                    "yarn, longrope, su)",
                    kind));
}

// ---- the rest of config.json ----

/// Which layers see a window, unless that is the architecture's own rule.
Status set_window(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    if (config.is_null("sliding_window")) return {};
    if (!CAIRN_TRY(config.get_bool_or("use_sliding_window", true))) return {};
    std::vector<bool> local;
    if (config.is_array("layer_types")) {
        for (const std::string& kind : CAIRN_TRY(config.get_strings("layer_types"))) {
            if (kind != "sliding_attention" && kind != "full_attention") {
                return unsupported(fmt::format("layer type '{}' is not known", kind));
            }
            local.push_back(kind == "sliding_attention");
        }
    } else if (!config.is_null("max_window_layers")) {
        const std::int64_t layers = CAIRN_TRY(config.get_integer("num_hidden_layers"));
        const std::int64_t full = CAIRN_TRY(config.get_integer("max_window_layers"));
        for (std::int64_t i = 0; i < std::min<std::int64_t>(layers, limits::kLayersMax); ++i)
            local.push_back(i >= full);
    }
    if (!local.empty() && std::count(local.begin(), local.end(), true) == 0) return {};
    parts.set_integer("attention.sliding_window", CAIRN_TRY(config.get_integer("sliding_window")));
    if (!local.empty()) parts.set("attention.sliding_window_pattern", std::move(local));
    return {};
}

Status check_activation(const format::JsonConfig& config, std::string_view expected) {
    std::string found = CAIRN_TRY(config.get_string_or("hidden_act", expected));
    found = CAIRN_TRY(config.get_string_or("hidden_activation", found));
    if (found == "swish") found = "silu";
    if (found == expected) return {};
    return unsupported(fmt::format("hidden_act: expected {}, found '{}'", expected, found));
}

// ---- tensors ----

/// Takes "3." from the front of `rest`; -1 when there is no number.
std::int64_t take_number(std::string_view& rest) {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || end == rest.data() + rest.size() || *end != '.') return -1;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
    return number;
}

}  // namespace

HfTensorName parse_tensor_name(std::string_view name) {
    HfTensorName parsed;
    for (const std::string_view prefix : {"language_model.", "model.", "language_model."}) {
        if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    for (const std::string_view ending : {"weight", "bias"}) {
        if (name.size() > ending.size() && name.ends_with(ending) &&
            name[name.size() - ending.size() - 1] == '.') {
            parsed.ending = ending;
            name.remove_suffix(ending.size() + 1);
        }
    }
    if (name.starts_with("layers.")) {
        std::string_view rest = name.substr(7);
        if (const std::int64_t layer = take_number(rest); layer >= 0) {
            parsed.layer = layer;
            name = rest;
        }
    }
    parsed.place = name;
    constexpr std::string_view kExperts = ".experts.";
    if (const std::size_t at = name.find(kExperts); at != std::string_view::npos) {
        std::string_view rest = name.substr(at + kExperts.size());
        if (const std::int64_t expert = take_number(rest); expert >= 0) {
            parsed.expert = expert;
            parsed.place = fmt::format("{}{}#.{}", name.substr(0, at), kExperts, rest);
        }
    }
    return parsed;
}

namespace {

std::string_view find_name(std::span<const HfName> table, std::string_view place) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const HfName& name) { return name.hf == place; });
    return found == table.end() ? std::string_view() : found->gguf;
}

/// The name in GGUF; empty when the architecture does not know the tensor.
std::string gguf_name(const HfMapping& mapping, std::string_view hf_name) {
    const HfTensorName parsed = parse_tensor_name(hf_name);
    std::string_view found = find_name(mapping.tensors, parsed.place);
    if (found.empty()) found = find_name(kCommonTensors, parsed.place);
    if (found.empty()) return {};
    std::string name(found);
    if (parsed.expert >= 0 && name.ends_with("_exps")) {
        name.replace(name.size() - 5, 5, fmt::format(".{}", parsed.expert));
    }
    if (name.find('.') == std::string::npos || parsed.expert >= 0) {
        name += "." + (parsed.ending.empty() ? "weight" : parsed.ending);
    }
    return parsed.layer < 0 ? name : fmt::format("blk.{}.{}", parsed.layer, name);
}

/// What a text model does not need: images, and tables that are computed.
bool is_left_out(std::string_view name) {
    constexpr std::string_view kParts[] = {"vision_tower.",           "multi_modal_projector.",
                                           "rotary_emb.inv_freq",     "self_attn.slope_rate",
                                           "self_attn.query_decay",   "self_attn.key_decay",
                                           "self_attn.diagonal_decay"};
    return std::any_of(std::begin(kParts), std::end(kParts), [&](std::string_view part) {
        return name.find(part) != std::string_view::npos;
    });
}

Status add_tensor(HfParts& parts, const HfMapping& mapping, const std::string& hf_name,
                  const HfWeight& from) {
    std::string name = gguf_name(mapping, hf_name);
    if (name.empty()) name = hf_name;  // the model refuses it by this name
    if (mapping.norms_plus_one && from.shape.size() == 1) {
        std::vector<float> values(from.shape[0]);
        kernels::dequantise_row(from.type, from.bytes.data(), values.data(), std::ssize(values));
        for (float& value : values)
            value += 1.0F;
        parts.add_vector(std::move(name), std::move(values));
        return {};
    }
    parts.add_in_place(std::move(name), {from.shape.rbegin(), from.shape.rend()}, from);
    return {};
}

const ArchSpec* arch_of_class(std::string_view name) {
    for (const ArchSpec* arch : all_archs()) {
        if (arch->hf == nullptr) continue;
        const auto& classes = arch->hf->classes;
        if (std::find(classes.begin(), classes.end(), name) != classes.end()) return arch;
    }
    return nullptr;
}

std::string known_classes() {
    std::string names;
    for (const ArchSpec* arch : all_archs()) {
        if (arch->hf == nullptr) continue;
        for (const std::string_view name : arch->hf->classes)
            names += (names.empty() ? "" : ", ") + std::string(name);
    }
    return names;
}

Status fill(HfParts& parts, const HfMapping& mapping) {
    for (const HfName& name : kCommonKeys)
        CAIRN_TRY(copy_key(parts, name));
    CAIRN_TRY(check_activation(parts.config, mapping.activation));
    CAIRN_TRY(set_rope(parts));
    CAIRN_TRY(set_window(parts));
    for (const HfName& name : mapping.keys)
        CAIRN_TRY(copy_key(parts, name));
    return mapping.adjust == nullptr ? Status() : mapping.adjust(parts);
}

}  // namespace

Result<format::GgufFile> gguf_from_directory(const format::HfDirectory& directory) {
    const std::vector<std::string> classes =
        CAIRN_TRY(directory.config().get_strings("architectures"));
    const ArchSpec* arch = classes.empty() ? nullptr : arch_of_class(classes.front());
    if (arch == nullptr) {
        return unsupported(fmt::format("architectures: '{}' is not known (known: {})",
                                       classes.empty() ? "" : classes.front(), known_classes()));
    }
    const format::JsonConfig config = directory.config().is_object("text_config")
                                          ? directory.config().at("text_config")
                                          : directory.config();
    HfParts parts(arch->name, config);
    CAIRN_TRY(fill(parts, *arch->hf));
    parts.metadata.emplace("general.architecture", std::string(arch->name));
    parts.metadata.emplace("general.name", directory.folder().filename().string());
    if (arch->rope_style == kernels::RopeStyle::kInterleaved && !arch->hf->rows_interleaved) {
        parts.metadata.emplace("cairn.rope.halves", true);
    }
    const bool tied = CAIRN_TRY(directory.config().get_bool_or("tie_word_embeddings", false));
    // Layers that guess tokens further ahead come last; decoding does not need them.
    const std::int64_t layers = CAIRN_TRY(config.get_integer("num_hidden_layers"));
    const std::int64_t guessing_layers = std::min<std::int64_t>(
        limits::kLayersMax, CAIRN_TRY(config.get_integer_or("num_nextn_predict_layers", 0)));
    const HfWeights weights = CAIRN_TRY(HfWeights::open(directory));
    for (const std::string& name : weights.names()) {
        if (is_left_out(name) || (tied && name.ends_with("lm_head.weight"))) continue;
        if (const std::int64_t layer = parse_tensor_name(name).layer;
            layer >= layers && layer < layers + guessing_layers) {
            continue;
        }
        const HfWeight weight = CAIRN_TRY(weights.read(name));
        if (arch->hf->take_tensor != nullptr &&
            CAIRN_TRY(arch->hf->take_tensor(parts, name, weight))) {
            continue;
        }
        CAIRN_TRY(add_tensor(parts, *arch->hf, name, weight));
    }
    auto memory =
        std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(parts.memory));
    return format::GgufFile::from_parts(std::move(parts.metadata), std::move(parts.tensors),
                                        std::move(memory));
}

namespace {

/// generation_config.json may name more tokens that end an answer than the tokenizer knows.
Status add_end_tokens(const format::HfDirectory& directory, text::TokenizerParts& parts) {
    for (const format::JsonConfig* config : {&directory.generation_config(), &directory.config()}) {
        if (config->is_null("eos_token_id")) continue;
        for (const std::int64_t id : CAIRN_TRY(config->get_integers("eos_token_id"))) {
            if (id < 0 || id >= std::ssize(parts.tokens)) continue;  // padded vocabularies
            const auto token = static_cast<text::TokenId>(id);
            if (parts.eos == text::kNoToken) parts.eos = token;
            if (token != parts.eos && parts.eot == text::kNoToken) parts.eot = token;
        }
        return {};
    }
    return {};
}

}  // namespace

Result<text::Tokenizer> tokenizer_from_directory(const format::HfDirectory& directory) {
    constexpr std::uint64_t kBytesMax = 128 << 20;  // the largest known has 33 MB
    constexpr std::array kFiles = {"tokenizer.json",          "tokenizer_config.json",
                                   "special_tokens_map.json", "chat_template.jinja",
                                   "tokenizer.model",         "tiktoken.model"};
    std::array<std::string, kFiles.size()> texts;
    for (std::size_t i = 0; i < kFiles.size(); ++i) {
        auto found = CAIRN_TRY(directory.read_text(kFiles[i], kBytesMax));
        if (found) texts[i] = std::move(*found);
    }
    text::TokenizerFiles files;
    files.tokenizer_json = texts[0];
    files.tokenizer_config = texts[1];
    files.special_tokens_map = texts[2];
    files.chat_template = texts[3];
    files.sentence_piece = texts[4];
    files.tiktoken = texts[5];
    text::TokenizerParts parts = CAIRN_TRY(text::read_tokenizer_parts(files));
    CAIRN_TRY(add_end_tokens(directory, parts));
    return text::Tokenizer::from_parts(std::move(parts));
}

}  // namespace cairn::engine
