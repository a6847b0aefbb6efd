// SPDX-License-Identifier: Apache-2.0
// Qwen2 and Qwen2.5: Llama with biases on queries, keys and values, and RoPE over halves.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    CAIRN_TRY(read_window(keys, config, 0, [](std::int64_t) { return true; }));
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(config, [](TensorList& list, const ModelConfig&, const LayerShape&) {
        list.attention_norm();
        list.attention();
        list.attention_biases();
        list.ffn_norm();
        list.dense();
    });
}

constexpr std::string_view kClasses[] = {"Qwen2ForCausalLM"};
const HfMapping kHf = {.classes = kClasses};

}  // namespace

extern const ArchSpec kQwen2Arch;
const ArchSpec kQwen2Arch = {
    .name = "qwen2",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
