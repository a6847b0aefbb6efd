// SPDX-License-Identifier: Apache-2.0
// gpt-oss: experts in every layer with biases and a limited SwiGLU, an attention sink per head,
// every second layer sees a window, RoPE with yarn whose ramp is not rounded.
#include <fmt/format.h>

#include <cstring>

#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 128, [](std::int64_t layer) { return layer % 2 == 0; }));
    CAIRN_TRY(read_expert_keys(keys, config, 0, {.normalise = true}));
    config.activation = Activation::kSwigluLimited;
    config.rope_scaling.truncate = false;
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(
        config, [](TensorList& list, const ModelConfig& c, const LayerShape& shape) {
            const ExpertConfig& e = c.experts;
            list.attention_norm();
            list.attention();
            list.attention_biases();
            list.bias("attn_output", Slot::kAttentionOutput, c.model_width);
            list.vector("attn_sinks", Slot::kSinks, shape.heads);
            list.vector("post_attention_norm", Slot::kFfNorm, c.model_width);
            list.expert_matrices();
            list.bias("ffn_gate_inp", Slot::kRouter, e.experts);
            list.bias("ffn_gate_exps", Slot::kExpertGate, e.ff_width, e.experts);
            list.bias("ffn_up_exps", Slot::kExpertUp, e.ff_width, e.experts);
            list.bias("ffn_down_exps", Slot::kExpertDown, c.model_width, e.experts);
        });
}

// ---- Hugging Face directories ----

/// Rows of all experts; plain types are stored transposed there, [inputs, outputs].
struct Rows {
    std::uint64_t experts = 0;
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
    std::size_t row_bytes = 0;
    std::vector<std::byte> bytes;
};

Result<Rows> rows_of(const HfWeight& weight, std::string_view name) {
    if (weight.shape.size() != 3) {
        return make_error(Code::kInvalid, fmt::format("tensor {}: expected three dimensions, found "
                                                      "{}",
                                                      name, weight.shape.size()));
    }
    Rows out;
    out.experts = weight.shape[0];
    const bool transposed = weight.type != TensorType::kMXFP4;
    out.rows = weight.shape[transposed ? 2 : 1];
    out.columns = weight.shape[transposed ? 1 : 2];
    out.bytes.resize(weight.bytes.size());
    const std::uint64_t all_rows = out.experts * out.rows;
    out.row_bytes = all_rows == 0 ? 0 : weight.bytes.size() / all_rows;
    if (!transposed) {
        std::copy(weight.bytes.begin(), weight.bytes.end(), out.bytes.begin());
        return out;
    }
    const std::size_t size = out.columns == 0 ? 0 : out.row_bytes / out.columns;
    for (std::uint64_t expert = 0; expert < out.experts; ++expert) {
        const std::uint64_t base = expert * out.rows * out.columns;
        for (std::uint64_t row = 0; row < out.rows; ++row) {
            for (std::uint64_t column = 0; column < out.columns; ++column) {
                std::memcpy(out.bytes.data() + (base + row * out.columns + column) * size,
                            weight.bytes.data() + (base + column * out.rows + row) * size, size);
            }
        }
    }
    return out;
}

/// Every second row from `first` on: gate and up take turns there.
std::vector<std::byte> every_second(std::span<const std::byte> rows, std::size_t row_bytes,
                                    std::size_t first) {
    std::vector<std::byte> out;
    if (row_bytes == 0) return out;
    out.reserve(rows.size() / 2);
    for (std::size_t at = first * row_bytes; at + row_bytes <= rows.size(); at += 2 * row_bytes) {
        const auto row = rows.subspan(at, row_bytes);
        out.insert(out.end(), row.begin(), row.end());
    }
    return out;
}

Result<bool> take_tensor(HfParts& parts, std::string_view name, const HfWeight& weight) {
    const HfTensorName parsed = parse_tensor_name(name);
    constexpr std::string_view kExperts = "mlp.experts.";
    if (!parsed.place.starts_with(kExperts)) return false;
    const std::string part = parsed.place.substr(kExperts.size());
    const auto target = [&](std::string_view which, std::string_view ending) {
        return fmt::format("blk.{}.ffn_{}_exps.{}", parsed.layer, which, ending);
    };
    if (part == "gate_up_proj_bias" && weight.shape.size() == 2 && !weight.bytes.empty()) {
        const std::size_t size = weight.bytes.size() / (weight.shape[0] * weight.shape[1]);
        const std::vector<std::uint64_t> dims = {weight.shape[1] / 2, weight.shape[0]};
        parts.add_copy(target("gate", "bias"), weight.type, dims,
                       every_second(weight.bytes, size, 0));
        parts.add_copy(target("up", "bias"), weight.type, dims,
                       every_second(weight.bytes, size, 1));
    } else if (part == "down_proj_bias" && weight.shape.size() == 2) {
        parts.add_in_place(target("down", "bias"), {weight.shape[1], weight.shape[0]}, weight);
    } else if (part == "gate_up_proj") {
        const Rows rows = CAIRN_TRY(rows_of(weight, name));
        const std::vector<std::uint64_t> dims = {rows.columns, rows.rows / 2, rows.experts};
        parts.add_copy(target("gate", "weight"), weight.type, dims,
                       every_second(rows.bytes, rows.row_bytes, 0));
        parts.add_copy(target("up", "weight"), weight.type, dims,
                       every_second(rows.bytes, rows.row_bytes, 1));
    } else if (part == "down_proj" && weight.type == TensorType::kMXFP4) {
        parts.add_in_place(target("down", "weight"), {weight.shape.rbegin(), weight.shape.rend()},
                           weight);
    } else if (part == "down_proj") {
        Rows rows = CAIRN_TRY(rows_of(weight, name));
        parts.add_copy(target("down", "weight"), weight.type,
                       {rows.columns, rows.rows, rows.experts}, std::move(rows.bytes));
    } else {
        return false;
    }
    return true;
}

/// What the graph fixes must be what the directory says.
Status adjust(HfParts& parts) {
    const format::JsonConfig& config = parts.config;
    const struct {
        const char* key;
        double expected;
    } kFixed[] = {{"swiglu_limit", 7.0}, {"swiglu_alpha", 1.702}};
    for (const auto& [key, expected] : kFixed) {
        const double found = CAIRN_TRY(config.get_number_or(key, expected));
        if (found == expected) continue;
        return make_error(Code::kUnsupported, fmt::format("config.json: {}: expected {}, found {}",
                                                          key, expected, found));
    }
    const char* place =
        config.is_object("rope_parameters") ? "rope_parameters.truncate" : "rope_scaling.truncate";
    if (CAIRN_TRY(config.get_bool_or(place, false))) {
        return make_error(Code::kUnsupported,
                          fmt::format("config.json: {}: expected false, found true", place));
    }
    return {};
}

constexpr std::string_view kClasses[] = {"GptOssForCausalLM"};
constexpr HfName kKeys[] = {
    {"num_local_experts", "expert_count"},
    {"num_experts_per_tok", "expert_used_count"},
    {"intermediate_size", "expert_feed_forward_length"},
};
constexpr HfName kTensors[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"self_attn.sinks", "attn_sinks.weight"},
    {"mlp.router", "ffn_gate_inp"},
};
const HfMapping kHf = {.classes = kClasses,
                       .keys = kKeys,
                       .tensors = kTensors,
                       .adjust = adjust,
                       .take_tensor = take_tensor};

}  // namespace

extern const ArchSpec kGptOssArch;
const ArchSpec kGptOssArch = {
    .name = "gpt-oss",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
