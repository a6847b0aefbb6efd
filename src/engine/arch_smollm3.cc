// SPDX-License-Identifier: Apache-2.0
// SmolLM3: Llama in which every fourth layer has no RoPE.
#include "arch.h"
#include "hf_mapping.h"

namespace cairn::engine {
namespace {

constexpr std::int64_t kPeriod = 4;

bool turns(std::int64_t layer) {
    return (layer + 1) % kPeriod != 0;
}

Result<ModelConfig> read_config(KeyReader& keys) {
    ModelConfig config = CAIRN_TRY(read_decoder_keys(keys));
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        if (!turns(layer)) config.layer_shapes[static_cast<std::size_t>(layer)].rope = Rope::kNone;
    }
    return config;
}

std::vector<TensorSpec> tensors(const ModelConfig& config) {
    return decoder_tensors(config, [](TensorList& list, const ModelConfig&, const LayerShape&) {
        list.attention_norm();
        list.attention();
        list.ffn_norm();
        list.dense();
    });
}

/// Files say nothing about the layers without RoPE: another choice of them can not be written.
Status adjust(HfParts& parts) {
    const auto stated = CAIRN_TRY(parts.config.get_integers("no_rope_layers"));
    for (std::int64_t layer = 0; layer < std::ssize(stated); ++layer) {
        if ((stated[static_cast<std::size_t>(layer)] != 0) == turns(layer)) continue;
        return make_error(Code::kUnsupported,
                          "config.json: no_rope_layers: expected every fourth, found another "
                          "choice");
    }
    return {};
}

constexpr std::string_view kClasses[] = {"SmolLM3ForCausalLM"};
const HfMapping kHf = {.classes = kClasses, .adjust = adjust};

}  // namespace

extern const ArchSpec kSmolLm3Arch;
const ArchSpec kSmolLm3Arch = {
    .name = "smollm3",
    .rope_style = kernels::RopeStyle::kInterleaved,
    .read_config = read_config,
    .tensors = tensors,
    .hf = &kHf,
};

}  // namespace cairn::engine
