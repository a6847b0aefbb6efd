// SPDX-License-Identifier: Apache-2.0
// The blocks that architectures are made of. Each writes its result [rows, D] to `out`; norms in
// front, behind and the residual stream are the layer's own affair. What a layer has (biases, norms
// of queries and keys, fused matrices, sinks, experts) follows from the tensors that are bound.
#pragma once

#include "layer_context.h"

namespace cairn::engine {

/// Grouped-query attention. `in` is [rows, D].
void attention_block(LayerContext& context, std::int64_t layer, float* out, const float* in);
/// Multi-head latent attention, always in its absorbed form: the cache holds one compressed row.
void latent_attention_block(LayerContext& context, std::int64_t layer, float* out, const float* in);
/// Lightning attention: a decaying state per head instead of keys and values.
void linear_attention_block(LayerContext& context, std::int64_t layer, float* out, const float* in);
/// act(gate) * up, then down.
void dense_block(LayerContext& context, std::int64_t layer, float* out, const float* in);
/// The chosen experts of each row, weighted, and the shared one.
void expert_block(LayerContext& context, std::int64_t layer, float* out, const float* in);
/// The one of the two that the layer has.
void feed_forward_block(LayerContext& context, std::int64_t layer, float* out, const float* in);

/// The layer of most models: norm, mixer, add; norm, feed-forward, add. Norms behind a block are
/// applied where the layer has them.
void run_decoder_layer(LayerContext& context, std::int64_t layer);

/// gate = activation(gate) * up over `count` values; up may be lost.
void activate(ThreadPool* pool, Activation activation, float* gate, float* up, std::int64_t count);

}  // namespace cairn::engine
