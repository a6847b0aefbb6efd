// SPDX-License-Identifier: Apache-2.0
// Qwen3: Llama with RMSNorm on each head's queries and keys, and RoPE over halves.
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
        list.head_norms();
        list.ffn_norm();
        list.dense();
    });
}

constexpr std::string_view kClasses[] = {"Qwen3ForCausalLM"};
const HfMapping kHf = {.classes = kClasses};

}  // namespace

extern const ArchSpec kQwen3Arch;
const ArchSpec kQwen3Arch = {
    .name = "qwen3",
    .rope_style = kernels::RopeStyle::kHalves,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
