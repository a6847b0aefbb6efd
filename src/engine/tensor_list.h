// SPDX-License-Identifier: Apache-2.0
// Writes the list of tensors of an architecture in the names of GGUF files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cairn/engine/model_config.h"

namespace cairn::engine {

class TensorList {
  public:
    explicit TensorList(const ModelConfig& config) : config_(config) {}

    /// What follows belongs to this layer; -1: to none.
    void at_layer(std::int64_t layer) { layer_ = layer; }
    void matrix(std::string_view name, Slot slot, std::int64_t rows, std::int64_t columns);
    void vector(std::string_view name, Slot slot, std::int64_t width,
                std::string_view ending = "weight");
    /// Added to the outputs of the slot's matrix or matrices.
    void bias(std::string_view name, Slot slot, std::int64_t rows, std::int64_t experts = 0);
    void experts(std::string_view name, Slot slot, std::int64_t rows, std::int64_t columns,
                 std::int64_t count);
    /// The tensor that was added last may be absent.
    void make_optional() { specs_.back().optional = true; }

    // Groups that most decoders have; widths follow from the config and the layer.
    void embedding();
    void output();  ///< norm, and the head when it is not the embedding
    void attention_norm();
    void attention();
    void attention_biases();  ///< of queries, keys and values
    void head_norms();        ///< of queries and keys, each head by itself
    void ffn_norm();
    void feed_forward();  ///< dense or experts, as the layer has it
    void dense();
    void expert_matrices();  ///< router, experts, the shared expert

    std::vector<TensorSpec> take() { return std::move(specs_); }

  private:
    std::string full_name(std::string_view name, std::string_view ending) const;

    const ModelConfig& config_;
    std::int64_t layer_ = -1;
    std::vector<TensorSpec> specs_;
};

/// Older files and Hugging Face directories hold one tensor for each expert:
/// "blk.3.ffn_gate_exps.weight" is "blk.3.ffn_gate.0.weight" and so on.
std::string expert_tensor_name(const TensorSpec& spec, std::int64_t expert);

/// Embedding, what `add_layer` says of each layer, norm and head.
std::vector<TensorSpec> decoder_tensors(const ModelConfig& config,
                                        void (*add_layer)(TensorList& list, const ModelConfig& c,
                                                          const LayerShape& shape));

}  // namespace cairn::engine
