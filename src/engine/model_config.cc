// SPDX-License-Identifier: Apache-2.0
// Model shapes from and to GGUF metadata: bounds that hold for every architecture; the keys
// themselves are the ArchSpec's.
#include "cairn/engine/model_config.h"

#include <fmt/format.h>

#include "arch.h"
#include "cairn/base/limits.h"

namespace cairn::engine {
namespace {

// Far above any known model, and low enough that products of three of them fit 64 bits.
constexpr std::int64_t kWidthMax = 1 << 18;
constexpr std::int64_t kHeadsMax = 4096;
constexpr std::int64_t kExpertsMax = 4096;

Status check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return {};
    return make_error(Code::kInvalid,
                      fmt::format("model {}: expected {} to {}, found {}", name, low, high, value));
}

Status check_float(const char* name, float value, float low, float high) {
    if (value >= low && value <= high) return {};  // false for NaN
    return make_error(Code::kInvalid,
                      fmt::format("model {}: expected {} to {}, found {}", name, low, high, value));
}

Result<const ArchSpec*> arch_by_name(const std::string& name) {
    const ArchSpec* arch = find_arch(name);
    if (arch == nullptr) {
        return make_error(
            Code::kUnsupported,
            fmt::format("architecture '{}' is not known (known: {})", name, known_archs()),
            "use a model of a known architecture");
    }
    return arch;
}

Status check_layer(const ModelConfig& config, const LayerShape& layer) {
    CAIRN_TRY(check_range("heads", layer.heads, 1, kHeadsMax));
    CAIRN_TRY(check_range("kv heads", layer.kv_heads, 1, layer.heads));
    CAIRN_TRY(check_range("window", layer.window, 0, limits::kContextMax));
    if (!layer.experts) {
        CAIRN_TRY(check_range("feed-forward width", layer.ff_width, 1, kWidthMax));
    }
    if (layer.heads % layer.kv_heads != 0) {
        return make_error(Code::kInvalid,
                          fmt::format("model heads: expected a multiple of the {} kv heads, found "
                                      "{}",
                                      layer.kv_heads, layer.heads));
    }
    if (layer.rope == Rope::kLocal) {
        CAIRN_TRY(check_float("local rope base", config.local_rope_base, 1.0F, 1e9F));
    }
    return {};
}

Status check_experts(const ModelConfig& config) {
    const ExpertConfig& e = config.experts;
    if (e.experts == 0) return {};
    CAIRN_TRY(check_range("experts", e.experts, 1, kExpertsMax));
    CAIRN_TRY(check_range("used experts", e.used, 1, e.experts));
    CAIRN_TRY(check_range("expert width", e.ff_width, 1, kWidthMax));
    CAIRN_TRY(check_range("shared expert width", e.shared_ff_width, 0, kWidthMax));
    CAIRN_TRY(check_range("expert groups", e.groups, 1, e.experts));
    CAIRN_TRY(check_range("used expert groups", e.groups_used, 1, e.groups));
    if (e.experts % e.groups != 0 || e.used > e.experts / e.groups * e.groups_used) {
        return make_error(
            Code::kInvalid,
            fmt::format("model experts: {} in {} groups, of which {} are used, do not give {}",
                        e.experts, e.groups, e.groups_used, e.used));
    }
    return {};
}

Status check_latent(const ModelConfig& config) {
    const LatentConfig& latent = config.latent;
    if (latent.kv_rank == 0) return {};
    CAIRN_TRY(check_range("query rank", latent.query_rank, 0, kWidthMax));
    CAIRN_TRY(check_range("plain head width", latent.plain_width, 1, kernels::kHeadWidthMax));
    CAIRN_TRY(check_range("rotary head width", latent.rotary_width, 2, kernels::kHeadWidthMax));
    CAIRN_TRY(check_range("value width", latent.value_width, 1, kernels::kHeadWidthMax));
    return check_range("compressed row", latent.kv_rank, 1,
                       kernels::kHeadWidthMax - latent.rotary_width);
}

}  // namespace

Status check_model_config(const ModelConfig& c) {
    CAIRN_TRY(arch_by_name(c.architecture));
    CAIRN_TRY(check_range("layers", c.layers, 1, limits::kLayersMax));
    CAIRN_TRY(check_range("width", c.model_width, 1, kWidthMax));
    CAIRN_TRY(check_range("head width", c.head_width, 2, kernels::kHeadWidthMax));
    CAIRN_TRY(check_range("vocabulary", c.vocabulary, 1, limits::kVocabularyMax));
    CAIRN_TRY(check_range("context", c.context, 1, limits::kContextMax));
    CAIRN_TRY(check_float("rms epsilon", c.rms_epsilon, 1e-12F, 0.1F));
    CAIRN_TRY(check_float("rope base", c.rope_base, 1.0F, 1e9F));
    CAIRN_TRY(check_range("rotary width", c.rope_width(), 2, c.head_width));
    CAIRN_TRY(check_range("original context", c.rope_scaling.original_context,
                          c.rope_scaling.kind == RopeScaling::kNone ? 0 : 1, limits::kContextMax));
    if (c.rope_width() % 2 != 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("model rotary width: expected an even number, found {}", c.rope_width()));
    }
    if (!c.layer_shapes.empty() && std::ssize(c.layer_shapes) != c.layers) {
        return make_error(Code::kInvalid, fmt::format("model has {} layers and {} layer shapes",
                                                      c.layers, c.layer_shapes.size()));
    }
    CAIRN_TRY(check_experts(c));
    CAIRN_TRY(check_latent(c));
    for (std::int64_t layer = 0; layer < c.layers; ++layer)
        CAIRN_TRY(check_layer(c, c.layer(layer)));
    return {};
}

Result<ModelConfig> read_model_config(const format::GgufFile& file) {
    const std::string name = CAIRN_TRY(file.get_string("general.architecture"));
    const ArchSpec* arch = CAIRN_TRY(arch_by_name(name));
    KeyReader keys(file, name);
    ModelConfig config = CAIRN_TRY(arch->read_config(keys));
    config.architecture = name;
    // Directories of Hugging Face hold rows in the order that turns halves.
    const bool halves = CAIRN_TRY(file.get_bool_or("cairn.rope.halves", false));
    config.rope_style = halves ? kernels::RopeStyle::kHalves : arch->rope_style;
    config.tied_head = file.find_tensor("output.weight") == nullptr;
    CAIRN_TRY(keys.refuse_unread());
    // The embedding decides the vocabulary: `vocab_size` is optional in files of other makers.
    const format::GgufTensor* embedding = file.find_tensor("token_embd.weight");
    if (embedding == nullptr || embedding->dims.size() != 2) {
        return make_error(Code::kInvalid,
                          "tensor token_embd.weight: expected a matrix, found " +
                              std::string(embedding == nullptr ? "none" : "another shape"));
    }
    config.vocabulary = static_cast<std::int64_t>(
        std::min<std::uint64_t>(embedding->dims[1], limits::kVocabularyMax + 1));
    const std::string size_key = name + ".vocab_size";
    if (file.has(size_key)) {
        const std::uint32_t stated = CAIRN_TRY(file.get_u32(size_key));
        if (stated != config.vocabulary) {
            return make_error(Code::kInvalid,
                              fmt::format("{}: expected {} (rows of token_embd.weight), found {}",
                                          size_key, config.vocabulary, stated));
        }
    }
    CAIRN_TRY(check_model_config(config));
    return config;
}

void write_model_config(format::GgufWriter& writer, const ModelConfig& config,
                        std::string_view name) {
    const ArchSpec* arch = find_arch(config.architecture);
    CAIRN_ASSERT(arch != nullptr && arch->write_config != nullptr);
    writer.set("general.architecture", config.architecture);
    writer.set("general.name", std::string(name));
    arch->write_config(writer, config);
}

std::vector<TensorSpec> model_tensors(const ModelConfig& config) {
    const ArchSpec* arch = find_arch(config.architecture);
    CAIRN_ASSERT(arch != nullptr);
    return arch->tensors(config);
}

std::int64_t ModelConfig::parameter_count() const {
    std::int64_t count = 0;
    for (const TensorSpec& spec : model_tensors(*this)) {
        const std::int64_t matrices = spec.experts == 0 ? 1 : spec.experts;
        count += spec.optional ? 0 : spec.rows * spec.columns * matrices;
    }
    return count;
}

LayerShape ModelConfig::layer(std::int64_t index) const {
    if (!layer_shapes.empty()) return layer_shapes[static_cast<std::size_t>(index)];
    LayerShape shape;
    shape.heads = heads;
    shape.kv_heads = kv_heads;
    shape.ff_width = ff_width;
    return shape;
}

std::int64_t ModelConfig::key_row(std::int64_t index) const {
    const LayerShape shape = layer(index);
    if (shape.mixer == Mixer::kLinear) return 0;
    if (shape.mixer == Mixer::kLatent) return latent.kv_rank + latent.rotary_width;
    return shape.kv_heads * head_width;
}

std::int64_t ModelConfig::value_row(std::int64_t index) const {
    const LayerShape shape = layer(index);
    return shape.mixer == Mixer::kAttention ? shape.kv_heads * head_width : 0;
}

std::int64_t ModelConfig::state_size(std::int64_t index) const {
    const LayerShape shape = layer(index);
    return shape.mixer == Mixer::kLinear ? shape.heads * head_width * head_width : 0;
}

}  // namespace cairn::engine
