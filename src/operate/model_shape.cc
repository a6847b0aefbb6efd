// SPDX-License-Identifier: Apache-2.0
// The shape of a model from its headers: GGUF keys and tensor sizes, or the numbers of a
// config.json. The names differ by family; what they mean does not.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/format/gguf.h"
#include "cairn/format/hf_directory.h"
#include "cairn/operate/model_plan.h"

namespace cairn::operate {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kConfigBytesMax = limits::kMiB;
constexpr std::int64_t kNumberMax = std::int64_t{1} << 31;  // a config's dimensions stay below

/// Numbers of a config.json, checked; the first name that is there counts.
class Numbers {
  public:
    explicit Numbers(format::JsonConfig config) : config_(std::move(config)) {}

    Result<double> get(std::initializer_list<const char*> names) const {
        for (const char* name : names) {
            if (config_.is_null(name)) continue;
            const std::int64_t value = CAIRN_TRY(config_.get_integer(name));
            if (value < 0 || value > kNumberMax) {
                return make_error(Code::kInvalid, fmt::format("{}: expected 0 to {}, found {}",
                                                              name, kNumberMax, value));
            }
            return static_cast<double>(value);
        }
        return make_error(
            Code::kInvalid,
            fmt::format("config.json: expected the key {}, found none", *names.begin()));
    }
    Result<double> get_or(std::initializer_list<const char*> names, double other) const {
        auto value = get(names);
        const bool absent =
            std::ranges::all_of(names, [&](const char* name) { return config_.is_null(name); });
        return absent ? Result<double>(other) : value;
    }
    const format::JsonConfig& config() const { return config_; }

  private:
    format::JsonConfig config_;
};

struct Attention {
    double parameters = 0;  ///< of one layer
    double kv_values = 0;   ///< of one layer and position
    double operations = 0;  ///< of one layer, token and earlier position
};

Result<Attention> latent_attention(const Numbers& n, double width, double heads, double rank) {
    const double nope = CAIRN_TRY(n.get({"qk_nope_head_dim"}));
    const double rope = CAIRN_TRY(n.get({"qk_rope_head_dim"}));
    const double value = CAIRN_TRY(n.get({"v_head_dim"}));
    const double query_rank = CAIRN_TRY(n.get_or({"q_lora_rank"}, 0));
    const double query = heads * (nope + rope);
    Attention attention;
    attention.parameters = (query_rank > 0 ? query_rank * (width + query) : width * query) +
                           width * (rank + rope) + rank * heads * (nope + value) +
                           heads * value * width;
    attention.kv_values = rank + rope;
    attention.operations = 2 * heads * (2 * rank + rope);
    return attention;
}

Result<Attention> attention_of(const Numbers& n, double width) {
    const double heads = CAIRN_TRY(n.get({"num_attention_heads", "n_head"}));
    if (heads < 1) return make_error(Code::kInvalid, "num_attention_heads: expected 1 or more");
    const double rank = CAIRN_TRY(n.get_or({"kv_lora_rank"}, 0));
    if (rank > 0) return latent_attention(n, width, heads, rank);
    const double kv_heads = CAIRN_TRY(n.get_or({"num_key_value_heads"}, heads));
    const double head = CAIRN_TRY(n.get_or({"head_dim"}, width / heads));
    return Attention{2 * width * head * (heads + kv_heads), 2 * kv_heads * head, 4 * heads * head};
}

struct FeedForward {
    double all = 0;     ///< parameters of all layers together
    double active = 0;  ///< of those, what one token uses
};

Result<FeedForward> feed_forward_of(const Numbers& n, double width, double layers) {
    const double inner = CAIRN_TRY(n.get_or({"intermediate_size", "n_inner"}, 4 * width));
    const bool plain = !n.config().is_null("type_vocab_size") || !n.config().is_null("n_embd");
    const double matrices = plain ? 2 : 3;  // older encoders have no gate
    const double experts =
        CAIRN_TRY(n.get_or({"num_local_experts", "num_experts", "n_routed_experts"}, 0));
    if (experts < 1)
        return FeedForward{layers * matrices * width * inner, layers * matrices * width * inner};
    const double used = CAIRN_TRY(n.get({"num_experts_per_tok", "experts_per_token"}));
    const double expert = CAIRN_TRY(n.get_or({"moe_intermediate_size"}, inner));
    const double shared = CAIRN_TRY(n.get_or({"n_shared_experts"}, 0));
    const double dense = std::min(layers, CAIRN_TRY(n.get_or({"first_k_dense_replace"}, 0)));
    const double sparse = layers - dense;
    const double one = matrices * width * expert;
    const double fixed =
        dense * matrices * width * inner + sparse * (shared * one + width * experts);
    return FeedForward{fixed + sparse * experts * one,
                       fixed + sparse * std::min(used, experts) * one};
}

/// Sums over the layers; a key may hold one number or one per layer.
Result<double> sum_of(const format::GgufFile& file, const std::string& key, double layers,
                      double other) {
    if (!file.has(key)) return layers * other;
    if (const auto one = file.get_u32(key)) return layers * *one;
    double sum = 0;
    for (const std::int64_t value : CAIRN_TRY(file.get_integers(key)))
        sum += static_cast<double>(value);
    return sum;
}

Status read_gguf_attention(const format::GgufFile& file, ModelShape& shape) {
    const std::string a = shape.architecture + ".";
    const auto layers = static_cast<double>(shape.layers);
    const double width = CAIRN_TRY(file.get_u32(a + "embedding_length"));
    const double all_heads = CAIRN_TRY(sum_of(file, a + "attention.head_count", layers, 1));
    const double heads = std::max(1.0, all_heads / std::max(1.0, layers));
    const double head = CAIRN_TRY(
        file.get_u32_or(a + "attention.key_length", static_cast<std::uint32_t>(width / heads)));
    const double value =
        CAIRN_TRY(file.get_u32_or(a + "attention.value_length", static_cast<std::uint32_t>(head)));
    const double rank = CAIRN_TRY(file.get_u32_or(a + "attention.kv_lora_rank", 0));
    if (rank > 0) {
        const double rope = CAIRN_TRY(file.get_u32_or(a + "rope.dimension_count", 64));
        shape.kv_values_per_position = layers * (rank + rope);
        shape.attention_operations = 2 * all_heads * (2 * rank + rope);
        return {};
    }
    const double kv_heads = CAIRN_TRY(sum_of(file, a + "attention.head_count_kv", layers, heads));
    shape.kv_values_per_position = kv_heads * (head + value);
    shape.attention_operations = 2 * all_heads * (head + value);
    return {};
}

Result<ModelShape> shape_of_gguf(const fs::path& path) {
    const auto file = CAIRN_TRY(format::GgufFile::open(path));
    ModelShape shape;
    shape.architecture = CAIRN_TRY(file.get_string("general.architecture"));
    shape.name = CAIRN_TRY(file.get_string_or("general.name", path.stem().string()));
    const std::string a = shape.architecture + ".";
    shape.layers = CAIRN_TRY(file.get_u32(a + "block_count"));
    shape.context = CAIRN_TRY(file.get_u32_or(a + "context_length", 0));
    const double experts = CAIRN_TRY(file.get_u32_or(a + "expert_count", 0));
    const double used = CAIRN_TRY(file.get_u32_or(a + "expert_used_count", 0));
    std::map<std::string, double> bytes_by_type;
    for (const format::GgufTensor& tensor : file.tensors()) {
        const auto elements = static_cast<double>(tensor.elements());
        const bool of_experts = tensor.name.find("_exps") != std::string::npos && experts > 0;
        shape.parameters += elements;
        shape.active_parameters += of_experts ? elements * std::min(1.0, used / experts) : elements;
        if (tensor.dims.size() == 1) shape.vector_parameters += elements;
        shape.stored_bytes += static_cast<double>(tensor.bytes.size());
        bytes_by_type[format::tensor_type_name(static_cast<std::uint32_t>(tensor.type))] +=
            static_cast<double>(tensor.bytes.size());
    }
    const auto most =
        std::ranges::max_element(bytes_by_type, {}, [](const auto& entry) { return entry.second; });
    if (most != bytes_by_type.end()) shape.stored_type = most->first;
    CAIRN_TRY(read_gguf_attention(file, shape));
    return shape;
}

}  // namespace

Result<ModelShape> shape_of_config(std::string_view config_json) {
    const auto whole = CAIRN_TRY(format::JsonConfig::parse(config_json));
    const bool nested = whole.is_object("text_config");
    const Numbers n(nested ? whole.at("text_config") : whole);
    ModelShape shape;
    shape.name = CAIRN_TRY(whole.get_string_or("_name_or_path", ""));
    shape.architecture = CAIRN_TRY(whole.get_string_or("model_type", "unknown"));
    const double width = CAIRN_TRY(n.get({"hidden_size", "n_embd", "d_model"}));
    const double layers = CAIRN_TRY(n.get({"num_hidden_layers", "n_layer", "num_layers"}));
    const double vocabulary = CAIRN_TRY(n.get({"vocab_size"}));
    if (width < 1 || layers < 1 || layers > limits::kLayersMax) {
        return make_error(Code::kInvalid,
                          "config.json: hidden_size or num_hidden_layers is out "
                          "of bounds");
    }
    shape.layers = static_cast<std::int64_t>(layers);
    shape.context = static_cast<std::int64_t>(
        CAIRN_TRY(n.get_or({"max_position_embeddings", "n_positions", "max_sequence_length"}, 0)));
    const Attention attention = CAIRN_TRY(attention_of(n, width));
    const FeedForward ff = CAIRN_TRY(feed_forward_of(n, width, layers));
    const bool tied = CAIRN_TRY(n.config().get_bool_or("tie_word_embeddings", false)) ||
                      !n.config().is_null("type_vocab_size");
    const double embedding = vocabulary * width;
    const double fixed = layers * attention.parameters + (tied ? 1 : 2) * embedding;
    shape.vector_parameters = (2 * layers + 1) * width;
    shape.parameters = fixed + ff.all + shape.vector_parameters;
    // Of an embedding that is not the head, one row is read.
    shape.active_parameters = fixed + ff.active + shape.vector_parameters - (tied ? 0 : embedding);
    shape.kv_values_per_position = layers * attention.kv_values;
    shape.attention_operations = layers * attention.operations;
    return shape;
}

Result<ModelShape> read_model_shape(const fs::path& path) {
    std::error_code ignored;
    const bool folder = fs::is_directory(path, ignored);
    if (!folder && path.extension() != ".json") return shape_of_gguf(path);
    const std::string text =
        CAIRN_TRY(read_file(folder ? path / "config.json" : path, kConfigBytesMax));
    auto shape = shape_of_config(text);
    if (!shape) return shape.error().with_context(path.string());
    if (shape->name.empty()) shape->name = (folder ? path : path.parent_path()).filename().string();
    if (!folder) return shape;
    for (const FileEntry& file : CAIRN_TRY(list_files(path))) {
        if (file.relative.ends_with(".safetensors"))
            shape->stored_bytes += static_cast<double>(fs::file_size(file.path, ignored));
    }
    return shape;
}

}  // namespace cairn::operate
