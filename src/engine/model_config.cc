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

}  // namespace

Status check_model_config(const ModelConfig& c) {
    const ArchSpec* arch = CAIRN_TRY(arch_by_name(c.architecture));
    CAIRN_TRY(check_range("layers", c.layers, 1, limits::kLayersMax));
    CAIRN_TRY(check_range("width", c.model_width, 1, kWidthMax));
    CAIRN_TRY(check_range("heads", c.heads, 1, kHeadsMax));
    CAIRN_TRY(check_range("kv heads", c.kv_heads, 1, c.heads));
    CAIRN_TRY(check_range("head width", c.head_width, 2, kernels::kHeadWidthMax));
    CAIRN_TRY(check_range("feed-forward width", c.ff_width, 1, kWidthMax));
    CAIRN_TRY(check_range("vocabulary", c.vocabulary, 1, limits::kVocabularyMax));
    CAIRN_TRY(check_range("context", c.context, 1, limits::kContextMax));
    CAIRN_TRY(check_float("rms epsilon", c.rms_epsilon, 1e-12F, 0.1F));
    CAIRN_TRY(check_float("rope base", c.rope_base, 1.0F, 1e9F));
    if (c.heads % c.kv_heads != 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("model heads: expected a multiple of the {} kv heads, found {}", c.kv_heads,
                        c.heads));
    }
    if (c.head_width % 2 != 0) {
        return make_error(
            Code::kInvalid,
            fmt::format("model head width: expected an even number, found {}", c.head_width));
    }
    if (c.rope_style != arch->rope_style) {
        return make_error(
            Code::kInvalid,
            fmt::format("model rope style does not fit architecture {}", c.architecture));
    }
    return {};
}

Result<ModelConfig> read_model_config(const format::GgufFile& file) {
    const std::string name = CAIRN_TRY(file.get_string("general.architecture"));
    const ArchSpec* arch = CAIRN_TRY(arch_by_name(name));
    ModelConfig config = CAIRN_TRY(arch->read_config(file));
    config.rope_style = arch->rope_style;
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
    CAIRN_ASSERT(arch != nullptr);
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
    for (const TensorSpec& spec : model_tensors(*this))
        count += spec.rows * spec.columns;
    return count;
}

}  // namespace cairn::engine
