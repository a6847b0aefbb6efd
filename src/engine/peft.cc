// SPDX-License-Identifier: Apache-2.0
// Reads and writes PEFT's LoRA folders. Models with interleaved RoPE keep the rows of query and key
// in another order than transformers; then the rows of their B matrices move along.
#include "cairn/engine/peft.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/hf_directory.h"
#include "cairn/format/safetensors.h"
#include "cairn/text/json.h"

namespace cairn::engine {
namespace {

namespace fs = std::filesystem;
using format::LoraPair;
using format::SafetensorsTensor;

constexpr std::string_view kConfigName = "adapter_config.json";
constexpr std::string_view kWeightsName = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kEndA = ".lora_A.weight";
constexpr std::string_view kEndB = ".lora_B.weight";
constexpr int kRankMax = 4096;

/// transformers' name of a matrix in a layer, and ours.
struct Module {
    std::string_view theirs, ours;
};
constexpr std::array<Module, 9> kModules = {{{"self_attn.q_proj", "attn_q"},
                                             {"self_attn.k_proj", "attn_k"},
                                             {"self_attn.v_proj", "attn_v"},
                                             {"self_attn.o_proj", "attn_output"},
                                             {"mlp.gate_proj", "ffn_gate"},
                                             {"mlp.up_proj", "ffn_up"},
                                             {"mlp.down_proj", "ffn_down"},
                                             {"self_attn.qkv_proj", "attn_qkv"},
                                             {"mlp.gate_up_proj", "ffn_up"}}};

Error unsupported(std::string what) {
    return make_error(
        Code::kUnsupported, "PEFT adapter: " + std::move(what),
        "train with plain LoRA on linear layers, or merge the adapter into its model");
}
Error invalid(std::string what) {
    return make_error(Code::kInvalid, "PEFT adapter: " + std::move(what));
}

struct Settings {
    double alpha = 0;
    bool root_scale = false;  ///< rslora: alpha / sqrt(rank)
    std::map<std::string, double> alphas;

    double scale(const std::string& module, int rank) const {
        double chosen = alpha;
        for (const auto& [pattern, value] : alphas) {
            if (module == pattern || module.ends_with("." + pattern)) chosen = value;
        }
        return chosen / (root_scale ? std::sqrt(static_cast<double>(rank)) : rank);
    }
};

/// Settings that change what the tensors mean, when they are set to something.
Status refuse_more_than_lora(const format::JsonConfig& config) {
    const std::string kind = CAIRN_TRY(config.get_string_or("peft_type", "LORA"));
    if (kind != "LORA") return unsupported("expected peft_type LORA, found " + kind);
    for (const char* flag : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"}) {
        if (CAIRN_TRY(config.get_bool_or(flag, false)))
            return unsupported(fmt::format("expected {} false, found true", flag));
    }
    const std::string bias = CAIRN_TRY(config.get_string_or("bias", "none"));
    if (bias != "none") return unsupported("expected bias none, found " + bias);
    for (const char* list :
         {"modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters"}) {
        if (config.size(list) > 0) {
            std::vector<std::string> names = config.keys(list);
            if (config.is_array(list)) names = config.get_strings(list).value_or(names);
            return unsupported(
                fmt::format("expected no {}, found {}", list, fmt::join(names, ", ")));
        }
    }
    return {};
}

/// Far beyond what anyone trains with; 0 would make an adapter that does nothing.
Result<double> alpha_of(double alpha) {
    const double size = std::fabs(alpha);
    if (size >= 1e-6 && size <= 1e6) return alpha;
    return invalid(fmt::format("expected a lora_alpha of size 1e-6 to 1e6, found {}", alpha));
}

Result<Settings> read_settings(const format::JsonConfig& config) {
    CAIRN_TRY(refuse_more_than_lora(config));
    Settings settings;
    settings.alpha = CAIRN_TRY(alpha_of(CAIRN_TRY(config.get_number("lora_alpha"))));
    settings.root_scale = CAIRN_TRY(config.get_bool_or("use_rslora", false));
    if (config.is_object("alpha_pattern")) {
        const std::string text = config.at("alpha_pattern").dump();
        const auto patterns = CAIRN_TRY(text::parse_json(text));  // keys hold dots
        for (const auto& [module, value] : patterns.items()) {
            if (!value.is_number()) return invalid("expected numbers in alpha_pattern");
            settings.alphas[module] = CAIRN_TRY(alpha_of(value.get<double>()));
        }
    }
    return settings;
}

/// "blk.3.attn_q.weight" of "model.layers.3.self_attn.q_proj".
Result<std::string> our_name(std::string_view module) {
    constexpr std::string_view kLayers = "layers.";
    const std::size_t at = module.find(kLayers);
    if (at != std::string_view::npos) {
        const std::string_view rest = module.substr(at + kLayers.size());
        const std::size_t dot = rest.find('.');
        const std::string_view number = rest.substr(0, dot);
        const bool counts = !number.empty() && number.size() < 5 &&
                            number.find_first_not_of("0123456789") == std::string_view::npos;
        if (dot != std::string_view::npos && counts) {
            const auto found = std::ranges::find(kModules, rest.substr(dot + 1), &Module::theirs);
            if (found != kModules.end())
                return fmt::format("blk.{}.{}.weight", number, found->ours);
        }
    }
    return unsupported(
        fmt::format("expected adapted linear layers of attention and MLP, found '{}'", module));
}

Status check_finite(std::span<const float> values, std::string_view name) {
    if (std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) return {};
    return invalid(fmt::format("expected finite values in '{}'", name));
}

Result<std::vector<float>> floats_of(const SafetensorsTensor& tensor) {
    const auto type = format::weight_type(tensor.type);
    if (!type || tensor.shape.size() != 2 || tensor.bytes.empty())
        return invalid(fmt::format("expected '{}' as a matrix of floats", tensor.name));
    std::vector<float> values(tensor.elements());
    kernels::dequantise_row(*type, tensor.bytes.data(), values.data(), std::ssize(values));
    CAIRN_TRY(check_finite(values, tensor.name));
    return values;
}

/// Heads whose rows are kept in another order than transformers'; 0: the same order.
std::int64_t reordered_heads(const Model& model, std::string_view ours) {
    const ModelConfig& config = model.config();
    // Latent attention has interleaved rows in transformers too.
    if (config.rope_style != kernels::RopeStyle::kInterleaved || config.latent.kv_rank != 0)
        return 0;
    if (ours.find(".attn_q.") != std::string_view::npos) return config.heads;
    if (ours.find(".attn_k.") != std::string_view::npos) return config.kv_heads;
    return 0;
}

/// Rows of B from halves (x0, x[d/2]) to neighbours (x0, x1), or back.
void reorder_rows(std::vector<float>& b, std::int64_t rank, std::int64_t heads,
                  bool to_neighbours) {
    const std::int64_t rows = std::ssize(b) / rank;
    const std::int64_t width = rows / heads;
    const std::vector<float> before = b;
    for (std::int64_t row = 0; row < width * heads; ++row) {
        const std::int64_t i = row % width;
        const std::int64_t halves = row - i + i % 2 * (width / 2) + i / 2;
        const std::int64_t from = to_neighbours ? halves : row;
        const std::int64_t to = to_neighbours ? row : halves;
        std::copy_n(before.begin() + from * rank, rank, b.begin() + to * rank);
    }
}

Result<LoraPair> read_pair(const format::SafetensorsFile& file, const std::string& module,
                           const Model& model) {
    LoraPair pair;
    pair.target = CAIRN_TRY(our_name(std::string_view(module).substr(kPrefix.size())));
    const SafetensorsTensor* a = file.find(module + std::string(kEndA));
    const SafetensorsTensor* b = file.find(module + std::string(kEndB));
    if (a == nullptr || b == nullptr)
        return invalid(fmt::format("expected lora_A and lora_B of '{}'", module));
    pair.a = CAIRN_TRY(floats_of(*a));
    pair.b = CAIRN_TRY(floats_of(*b));
    const std::uint64_t rank = a->shape[0];
    constexpr std::uint64_t kSideMax = 1 << 24;
    if (rank < 1 || rank > kRankMax || b->shape[1] != rank || a->shape[1] == 0 ||
        a->shape[1] > kSideMax || b->shape[0] == 0 || b->shape[0] > kSideMax) {
        return invalid(
            fmt::format("expected '{}' as [r, inputs] and [outputs, r], found [{}] and "
                        "[{}]",
                        module, fmt::join(a->shape, ", "), fmt::join(b->shape, ", ")));
    }
    pair.rank = static_cast<int>(rank);
    pair.inputs = static_cast<int>(a->shape[1]);
    pair.outputs = static_cast<int>(b->shape[0]);
    const std::int64_t heads = reordered_heads(model, pair.target);
    if (heads > 0) {
        if (pair.outputs % (2 * heads) != 0)
            return invalid(fmt::format("expected '{}' with rows for {} heads", module, heads));
        reorder_rows(pair.b, pair.rank, heads, true);
    }
    return pair;
}

}  // namespace

bool is_peft_folder(const fs::path& folder) {
    std::error_code ignored;
    return fs::is_regular_file(folder / kConfigName, ignored);
}

Result<format::Adapter> read_peft(const fs::path& folder, const Model& model) {
    const std::string text = CAIRN_TRY(read_file(folder / kConfigName, limits::kMiB));
    const Settings settings = CAIRN_TRY(read_settings(CAIRN_TRY(format::JsonConfig::parse(text))));
    const auto file = CAIRN_TRY(format::SafetensorsFile::open(folder / kWeightsName));
    format::Adapter adapter;
    adapter.architecture = model.config().architecture;
    std::size_t used = 0;
    for (const SafetensorsTensor& tensor : file.tensors()) {
        if (!tensor.name.ends_with(kEndA)) continue;
        const std::string module = tensor.name.substr(0, tensor.name.size() - kEndA.size());
        if (!module.starts_with(kPrefix))
            return invalid(
                fmt::format("expected names that begin with {}, found '{}'", kPrefix, tensor.name));
        LoraPair pair = CAIRN_TRY(read_pair(file, module, model));
        used += 2;
        const double scale = settings.scale(module, pair.rank);
        if (adapter.pairs.empty()) adapter.alpha = static_cast<float>(scale * pair.rank);
        // One alpha for all: what differs moves into B.
        const double ours = static_cast<double>(adapter.alpha) / pair.rank;
        if (std::fabs(scale / ours - 1) > 1e-6) {
            for (float& v : pair.b)
                v = static_cast<float>(v * (scale / ours));
            CAIRN_TRY(check_finite(pair.b, module));
        }
        adapter.pairs.push_back(std::move(pair));
    }
    if (used == 0) return invalid("expected pairs of lora_A and lora_B, found none");
    if (used != file.tensors().size()) {
        for (const SafetensorsTensor& tensor : file.tensors()) {
            if (!tensor.name.ends_with(kEndA) && !tensor.name.ends_with(kEndB))
                return unsupported("expected only lora_A and lora_B, found '" + tensor.name + "'");
        }
        return invalid("expected a lora_A for each lora_B");
    }
    return adapter;
}

namespace {

/// "model.layers.3.self_attn.q_proj" of "blk.3.attn_q.weight".
Result<std::string> their_name(const std::string& ours) {
    const std::size_t dot = ours.find('.', 4);
    if (ours.starts_with("blk.") && dot != std::string::npos && ours.ends_with(".weight")) {
        const std::string part = ours.substr(dot + 1, ours.size() - dot - 8);
        const auto found = std::ranges::find(kModules, part, &Module::ours);
        if (found != kModules.end())
            return fmt::format("model.layers.{}.{}", ours.substr(4, dot - 4), found->theirs);
    }
    return unsupported("peft has no name for " + ours);
}

}  // namespace

Status write_peft(const fs::path& folder, const format::Adapter& adapter, const Model& model,
                  const std::string& base_name) {
    if (adapter.pairs.empty()) return invalid("expected an adapter with matrices");
    std::vector<std::vector<float>> kept;
    kept.reserve(adapter.pairs.size());
    std::vector<SafetensorsTensor> tensors;
    std::vector<std::string> modules;
    for (const LoraPair& pair : adapter.pairs) {
        if (pair.rank != adapter.pairs[0].rank)
            return unsupported("expected one rank for all matrices");
        const std::string module = CAIRN_TRY(their_name(pair.target));
        const std::string last = module.substr(module.rfind('.') + 1);
        if (std::ranges::find(modules, last) == modules.end()) modules.push_back(last);
        std::vector<float>& b = kept.emplace_back(pair.b);
        const std::int64_t heads = reordered_heads(model, pair.target);
        if (heads > 0) reorder_rows(b, pair.rank, heads, false);
        const auto side = [](int value) { return static_cast<std::uint64_t>(value); };
        const auto f32 = format::SafetensorsType::kF32;
        tensors.push_back({std::string(kPrefix) + module + std::string(kEndA),
                           f32,
                           {side(pair.rank), side(pair.inputs)},
                           std::as_bytes(std::span(pair.a))});
        tensors.push_back({std::string(kPrefix) + module + std::string(kEndB),
                           f32,
                           {side(pair.outputs), side(pair.rank)},
                           std::as_bytes(std::span(b))});
    }
    std::ranges::sort(modules);
    const nlohmann::json config = {{"peft_type", "LORA"},
                                   {"task_type", "CAUSAL_LM"},
                                   {"base_model_name_or_path", base_name},
                                   {"r", adapter.pairs[0].rank},
                                   {"lora_alpha", adapter.alpha},
                                   {"lora_dropout", 0.0},
                                   {"bias", "none"},
                                   {"use_rslora", false},
                                   {"inference_mode", true},
                                   {"target_modules", modules}};
    CAIRN_TRY(make_folders(folder));
    const std::string weights = CAIRN_TRY(format::write_safetensors(tensors, {{"format", "pt"}}));
    CAIRN_TRY(write_file_atomic(folder / kWeightsName, weights));
    return write_file_atomic(folder / kConfigName, text::dump_json(config, 2) + "\n");
}

}  // namespace cairn::engine
