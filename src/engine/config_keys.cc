// SPDX-License-Identifier: Apache-2.0
// The metadata keys that decoders share, by their names in GGUF files.
#include "config_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cairn/base/limits.h"

namespace cairn::engine {
namespace {

Error unsupported(std::string message) {
    return make_error(Code::kUnsupported, std::move(message));
}

Result<RopeScaling> scaling_kind(const std::string& key, const std::string& name) {
    if (name == "none") return RopeScaling::kNone;
    if (name == "linear") return RopeScaling::kLinear;
    if (name == "yarn") return RopeScaling::kYarn;
    if (name == "longrope") return RopeScaling::kLongRope;
    return unsupported(
        fmt::format("{}: expected none, linear, yarn or longrope, found '{}'", key, name));
}

Status read_rope(KeyReader& keys, ModelConfig& config) {
    config.rope_base = CAIRN_TRY(keys.number_or("rope.freq_base", 10000.0F));
    config.rotary_width = CAIRN_TRY(keys.integer_or("rope.dimension_count", config.head_width));
    RopeScalingConfig& scaling = config.rope_scaling;
    const bool long_factors = keys.file().find_tensor("rope_factors_long.weight") != nullptr;
    const std::string kind =
        CAIRN_TRY(keys.text_or("rope.scaling.type", long_factors ? "longrope" : "none"));
    scaling.kind = CAIRN_TRY(scaling_kind(keys.key("rope.scaling.type"), kind));
    scaling.factor = CAIRN_TRY(keys.number_or("rope.scaling.factor", 1.0F));
    scaling.original_context =
        CAIRN_TRY(keys.integer_or("rope.scaling.original_context_length", config.context));
    scaling.attention_factor = CAIRN_TRY(keys.number_or("rope.scaling.attn_factor", 1.0F));
    scaling.beta_fast = CAIRN_TRY(keys.number_or("rope.scaling.yarn_beta_fast", 32.0F));
    scaling.beta_slow = CAIRN_TRY(keys.number_or("rope.scaling.yarn_beta_slow", 1.0F));
    keys.ignore("rope.scaling.finetuned");
    const bool scaled = scaling.kind == RopeScaling::kLinear || scaling.kind == RopeScaling::kYarn;
    if (scaled && !(scaling.factor >= 1.0F && scaling.factor <= 4096.0F)) {
        return make_error(Code::kInvalid,
                          fmt::format("{}: expected 1 to 4096, found {}",
                                      keys.key("rope.scaling.factor"), scaling.factor));
    }
    // Yarn's own factor on cosines and sines; files state what comes on top of it.
    if (scaling.kind == RopeScaling::kYarn) {
        scaling.attention_factor *= 1.0F + 0.1F * std::log(scaling.factor);
    }
    return {};
}

}  // namespace

std::string KeyReader::used(std::string_view name) {
    std::string full = key(name);
    read_.insert(full);
    return full;
}

bool KeyReader::has(std::string_view name) {
    return file_.has(used(name));
}
Result<std::int64_t> KeyReader::integer(std::string_view name) {
    return static_cast<std::int64_t>(CAIRN_TRY(file_.get_u32(used(name))));
}
Result<std::int64_t> KeyReader::integer_or(std::string_view name, std::int64_t other) {
    return has(name) ? integer(name) : other;
}
Result<float> KeyReader::number(std::string_view name) {
    return file_.get_f32(used(name));
}
Result<float> KeyReader::number_or(std::string_view name, float other) {
    return file_.get_f32_or(used(name), other);
}
Result<bool> KeyReader::flag_or(std::string_view name, bool other) {
    return file_.get_bool_or(used(name), other);
}
Result<std::string> KeyReader::text_or(std::string_view name, std::string_view other) {
    return file_.get_string_or(used(name), other);
}

Result<std::vector<std::int64_t>> KeyReader::per_layer(std::string_view name, std::int64_t layers) {
    const std::string full = used(name);
    const auto found = file_.metadata().find(full);
    if (found == file_.metadata().end()) {
        return make_error(Code::kNotFound, fmt::format("key {} is missing", full));
    }
    if (std::visit(
            [](const auto& value) { return std::is_arithmetic_v<std::decay_t<decltype(value)>>; },
            found->second)) {
        const auto value = static_cast<std::int64_t>(CAIRN_TRY(file_.get_u32(full)));
        return std::vector<std::int64_t>(static_cast<std::size_t>(layers), value);
    }
    std::vector<std::int64_t> values;
    if (const auto* flags = std::get_if<std::vector<bool>>(&found->second)) {
        values.assign(flags->begin(), flags->end());
    } else {
        values = CAIRN_TRY(file_.get_integers(full));
    }
    if (std::ssize(values) != layers) {
        return make_error(Code::kInvalid, fmt::format("{}: expected one value or {}, found {}",
                                                      full, layers, values.size()));
    }
    return values;
}

Status KeyReader::refuse_unread() const {
    for (const auto& [key, value] : file_.metadata()) {
        if (!key.starts_with(prefix_) || read_.contains(key)) continue;
        return unsupported(fmt::format("key {} is not known", key));
    }
    return {};
}

Result<ModelConfig> read_decoder_keys(KeyReader& keys, HeadWidths widths) {
    ModelConfig config;
    config.layers = CAIRN_TRY(keys.integer("block_count"));
    if (config.layers < 1 || config.layers > limits::kLayersMax) {
        return make_error(Code::kInvalid,
                          fmt::format("{}: expected 1 to {}, found {}", keys.key("block_count"),
                                      limits::kLayersMax, config.layers));
    }
    config.model_width = CAIRN_TRY(keys.integer("embedding_length"));
    config.context = CAIRN_TRY(keys.integer("context_length"));
    const auto heads = CAIRN_TRY(keys.per_layer("attention.head_count", config.layers));
    const auto kv_heads = keys.has("attention.head_count_kv")
                              ? CAIRN_TRY(keys.per_layer("attention.head_count_kv", config.layers))
                              : heads;
    std::vector<std::int64_t> ff_widths(static_cast<std::size_t>(config.layers));
    if (keys.has("feed_forward_length") || !keys.has("expert_feed_forward_length")) {
        ff_widths = CAIRN_TRY(keys.per_layer("feed_forward_length", config.layers));
    }
    for (std::size_t layer = 0; layer < heads.size(); ++layer) {
        LayerShape shape;
        shape.heads = heads[layer];
        shape.kv_heads = kv_heads[layer];
        shape.ff_width = ff_widths[layer];
        config.layer_shapes.push_back(shape);
        config.heads = std::max(config.heads, shape.heads);
        config.kv_heads = std::max(config.kv_heads, shape.kv_heads);
        config.ff_width = std::max(config.ff_width, shape.ff_width);
    }
    const std::int64_t width = config.heads == 0 ? 0 : config.model_width / config.heads;
    config.head_width = CAIRN_TRY(keys.integer_or("attention.key_length", width));
    const std::int64_t value_width =
        CAIRN_TRY(keys.integer_or("attention.value_length", config.head_width));
    if (widths == HeadWidths::kEqual && value_width != config.head_width) {
        return unsupported(fmt::format("{}: expected the head width {}, found {}",
                                       keys.key("attention.value_length"), config.head_width,
                                       value_width));
    }
    config.rms_epsilon = CAIRN_TRY(keys.number("attention.layer_norm_rms_epsilon"));
    CAIRN_TRY(read_rope(keys, config));
    keys.ignore("vocab_size");
    keys.ignore("tensor_data_layout");  // how old converters describe what the tensors' names say
    return config;
}

Status read_expert_keys(KeyReader& keys, ModelConfig& config, std::int64_t first_layer,
                        const ExpertConfig& defaults) {
    ExpertConfig& experts = config.experts;
    experts = defaults;
    experts.experts = CAIRN_TRY(keys.integer_or("expert_count", 0));
    experts.used = CAIRN_TRY(keys.integer_or("expert_used_count", 0));
    if (experts.experts == 0) return {};
    experts.ff_width = CAIRN_TRY(keys.integer_or("expert_feed_forward_length", config.ff_width));
    const std::int64_t shared = CAIRN_TRY(keys.integer_or("expert_shared_count", 0));
    experts.shared_ff_width =
        CAIRN_TRY(keys.integer_or("expert_shared_feed_forward_length", shared * experts.ff_width));
    experts.groups = CAIRN_TRY(keys.integer_or("expert_group_count", defaults.groups));
    experts.groups_used = CAIRN_TRY(keys.integer_or("expert_group_used_count", experts.groups));
    experts.normalise = CAIRN_TRY(keys.flag_or("expert_weights_norm", defaults.normalise));
    experts.scale = CAIRN_TRY(keys.number_or("expert_weights_scale", defaults.scale));
    // 1 softmax, 2 sigmoid, 3 softmax over the chosen (the same as 1, normalised).
    const std::int64_t gating = CAIRN_TRY(keys.integer_or("expert_gating_func", 0));
    if (gating > 3) {
        return unsupported(fmt::format("{}: expected 1, 2 or 3, found {}",
                                       keys.key("expert_gating_func"), gating));
    }
    if (gating != 0) experts.gating = gating == 2 ? Gating::kSigmoid : Gating::kSoftmax;
    if (gating == 3) experts.normalise = true;
    if (experts.scale == 0) experts.scale = 1.0F;  // how some files say "none"
    if (experts.groups == 0) experts.groups = experts.groups_used = 1;
    for (std::int64_t layer = first_layer; layer < config.layers; ++layer)
        config.layer_shapes[static_cast<std::size_t>(layer)].experts = true;
    return {};
}

Status read_window(KeyReader& keys, ModelConfig& config, std::int64_t window_default,
                   bool (*is_local)(std::int64_t layer)) {
    const std::int64_t window =
        CAIRN_TRY(keys.integer_or("attention.sliding_window", window_default));
    std::vector<std::int64_t> pattern;
    if (keys.has("attention.sliding_window_pattern")) {
        pattern = CAIRN_TRY(keys.per_layer("attention.sliding_window_pattern", config.layers));
    }
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        const auto index = static_cast<std::size_t>(layer);
        const bool local = pattern.empty() ? is_local(layer) : pattern[index] != 0;
        if (local) config.layer_shapes[index].window = window;
    }
    return {};
}

}  // namespace cairn::engine
