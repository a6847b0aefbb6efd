// SPDX-License-Identifier: Apache-2.0
// Phi-3 and Phi-4: queries, keys and values in one matrix, gate and up in one matrix, RoPE over
// halves of a part of each head, with other factors beyond the original context (longrope).
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 0, [](std::int64_t) { return true; }));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& c) {
    TensorList list(c);
    list.embedding();
    if (c.has_two_ropes()) {
        list.vector("rope_factors_long", Slot::kRopeFactorsLong, c.rope_width() / 2);
        list.vector("rope_factors_short", Slot::kRopeFactorsShort, c.rope_width() / 2);
    }
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
        const LayerShape shape = c.layer(layer);
        const std::int64_t query_width = shape.heads * c.head_width;
        list.at_layer(layer);
        list.attention_norm();
        list.matrix("attn_qkv", Slot::kQueryKeyValue,
                    query_width + 2 * shape.kv_heads * c.head_width, c.model_width);
        list.matrix("attn_output", Slot::kAttentionOutput, c.model_width, query_width);
        list.ffn_norm();
        list.matrix("ffn_up", Slot::kGateUp, 2 * shape.ff_width, c.model_width);
        list.matrix("ffn_down", Slot::kDown, c.model_width, shape.ff_width);
    }
    list.output();
    return list.take();
}

constexpr std::string_view kClasses[] = {"Phi3ForCausalLM"};
constexpr HfName kTensors[] = {
    {"self_attn.qkv_proj", "attn_qkv"},
    {"mlp.gate_up_proj", "ffn_up"},
};
const HfMapping kHf = {.classes = kClasses, .tensors = kTensors};

}  // namespace

extern const ArchSpec kPhi3Arch;
const ArchSpec kPhi3Arch = {
    .name = "phi3",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
