// SPDX-License-Identifier: Apache-2.0
// What the engine has to know about a model architecture: its metadata, its tensors, the graph of
// one layer and its name in Hugging Face directories. One file arch_x.cc defines a spec,
// registry.cc lists it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blocks.h"
#include "cairn/base/result.h"
#include "cairn/engine/model_config.h"
#include "cairn/format/gguf.h"
#include "config_keys.h"
#include "layer_context.h"
#include "tensor_list.h"

namespace cairn::engine {

struct HfMapping;

struct ArchSpec {
    std::string_view name;  ///< general.architecture, and the prefix of its metadata keys
    kernels::RopeStyle rope_style;
    Result<ModelConfig> (*read_config)(KeyReader& keys);
    std::vector<TensorSpec> (*tensors)(const ModelConfig& config);
    /// Adds layer `layer` to the residual stream context.x().
    void (*run_layer)(LayerContext& context, std::int64_t layer) = run_decoder_layer;
    /// Only for what is trained and written again.
    void (*write_config)(format::GgufWriter& writer, const ModelConfig& config) = nullptr;
    const HfMapping* hf = nullptr;  ///< null: not read from Hugging Face directories
};

std::span<const ArchSpec* const> all_archs();
/// nullptr when the architecture is not known.
const ArchSpec* find_arch(std::string_view name);
/// "llama, ..." for error messages.
std::string known_archs();

}  // namespace cairn::engine
