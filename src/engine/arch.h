// SPDX-License-Identifier: Apache-2.0
// What the engine has to know about a model architecture: its metadata, its tensors and the graph
// of one layer. One file arch_x.cc defines a spec, registry.cc lists it.
#pragma once

#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/model_config.h"
#include "cairn/format/gguf.h"
#include "layer_context.h"

namespace cairn::engine {

struct ArchSpec {
    std::string_view name;  ///< general.architecture, and the prefix of its metadata keys
    kernels::RopeStyle rope_style;
    Result<ModelConfig> (*read_config)(const format::GgufFile& file);
    void (*write_config)(format::GgufWriter& writer, const ModelConfig& config);
    std::vector<TensorSpec> (*tensors)(const ModelConfig& config);
    /// Adds layer `layer` to the residual stream context.x().
    void (*run_layer)(LayerContext& context, std::int64_t layer);
};

/// nullptr when the architecture is not known.
const ArchSpec* find_arch(std::string_view name);
/// "llama, ..." for error messages.
std::string known_archs();

}  // namespace cairn::engine
