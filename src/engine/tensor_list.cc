// SPDX-License-Identifier: Apache-2.0
// Names and shapes of the tensors that decoders share.
#include "tensor_list.h"

#include <fmt/format.h>

namespace cairn::engine {

std::string TensorList::full_name(std::string_view name, std::string_view ending) const {
    if (layer_ < 0) return fmt::format("{}.{}", name, ending);
    return fmt::format("blk.{}.{}.{}", layer_, name, ending);
}

void TensorList::matrix(std::string_view name, Slot slot, std::int64_t rows, std::int64_t columns) {
    specs_.push_back({full_name(name, "weight"), slot, layer_, rows, columns});
}

void TensorList::vector(std::string_view name, Slot slot, std::int64_t width,
                        std::string_view ending) {
    specs_.push_back({full_name(name, ending), slot, layer_, 1, width, true});
}

void TensorList::bias(std::string_view name, Slot slot, std::int64_t rows, std::int64_t experts) {
    TensorSpec spec = {full_name(name, "bias"), slot, layer_, 1, rows, true};
    spec.is_bias = true;
    spec.experts = experts;
    specs_.push_back(std::move(spec));
}

void TensorList::experts(std::string_view name, Slot slot, std::int64_t rows, std::int64_t columns,
                         std::int64_t count) {
    matrix(name, slot, rows, columns);
    specs_.back().experts = count;
}

void TensorList::embedding() {
    matrix("token_embd", Slot::kEmbedding, config_.vocabulary, config_.model_width);
}

void TensorList::output() {
    layer_ = -1;
    vector("output_norm", Slot::kOutputNorm, config_.model_width);
    if (!config_.tied_head) {
        matrix("output", Slot::kHead, config_.vocabulary, config_.model_width);
    }
}

void TensorList::attention_norm() {
    vector("attn_norm", Slot::kAttentionNorm, config_.model_width);
}

void TensorList::ffn_norm() {
    vector("ffn_norm", Slot::kFfNorm, config_.model_width);
}

void TensorList::attention_biases() {
    const LayerShape shape = config_.layer(layer_);
    bias("attn_q", Slot::kQuery, shape.heads * config_.head_width);
    bias("attn_k", Slot::kKey, shape.kv_heads * config_.head_width);
    bias("attn_v", Slot::kValue, shape.kv_heads * config_.head_width);
}

void TensorList::head_norms() {
    vector("attn_q_norm", Slot::kQueryNorm, config_.head_width);
    vector("attn_k_norm", Slot::kKeyNorm, config_.head_width);
}

void TensorList::feed_forward() {
    if (config_.layer(layer_).experts) return expert_matrices();
    dense();
}

void TensorList::attention() {
    const LayerShape shape = config_.layer(layer_);
    const std::int64_t query_width = shape.heads * config_.head_width;
    const std::int64_t kv_width = shape.kv_heads * config_.head_width;
    matrix("attn_q", Slot::kQuery, query_width, config_.model_width);
    matrix("attn_k", Slot::kKey, kv_width, config_.model_width);
    matrix("attn_v", Slot::kValue, kv_width, config_.model_width);
    matrix("attn_output", Slot::kAttentionOutput, config_.model_width, query_width);
}

void TensorList::dense() {
    const std::int64_t width = config_.layer(layer_).ff_width;
    matrix("ffn_gate", Slot::kGate, width, config_.model_width);
    matrix("ffn_up", Slot::kUp, width, config_.model_width);
    matrix("ffn_down", Slot::kDown, config_.model_width, width);
}

void TensorList::expert_matrices() {
    const ExpertConfig& e = config_.experts;
    const std::int64_t width = config_.model_width;
    matrix("ffn_gate_inp", Slot::kRouter, e.experts, width);
    experts("ffn_gate_exps", Slot::kExpertGate, e.ff_width, width, e.experts);
    experts("ffn_up_exps", Slot::kExpertUp, e.ff_width, width, e.experts);
    experts("ffn_down_exps", Slot::kExpertDown, width, e.ff_width, e.experts);
    if (e.shared_ff_width == 0) return;
    matrix("ffn_gate_shexp", Slot::kSharedGate, e.shared_ff_width, width);
    matrix("ffn_up_shexp", Slot::kSharedUp, e.shared_ff_width, width);
    matrix("ffn_down_shexp", Slot::kSharedDown, width, e.shared_ff_width);
}

std::string expert_tensor_name(const TensorSpec& spec, std::int64_t expert) {
    std::string name = spec.name;
    const std::size_t at = name.find("_exps.");
    return at == std::string::npos ? name : name.replace(at, 5, fmt::format(".{}", expert));
}

std::vector<TensorSpec> decoder_tensors(const ModelConfig& config,
                                        void (*add_layer)(TensorList& list, const ModelConfig& c,
                                                          const LayerShape& shape)) {
    TensorList list(config);
    list.embedding();
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        list.at_layer(layer);
        add_layer(list, config, config.layer(layer));
    }
    list.output();
    return list.take();
}

}  // namespace cairn::engine
