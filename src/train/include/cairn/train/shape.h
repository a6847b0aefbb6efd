// SPDX-License-Identifier: Apache-2.0
// What is trained: the sizes of a Llama-type model, where each tensor lies in one flat array of
// parameters (GGUF names), and the same for LoRA factors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::train {

struct Shape {
    int layers = 0;
    int width = 0;  ///< D
    int heads = 0;
    int kv_heads = 0;
    int head_width = 0;
    int ff_width = 0;
    int vocabulary = 0;
    int context = 0;
    double rope_base = 10000.0;
    double norm_epsilon = 1e-5;
    bool tied = true;  ///< the head reads token_embd.weight

    int query_width() const { return heads * head_width; }
    int kv_width() const { return kv_heads * head_width; }
    int qkv_width() const { return query_width() + 2 * kv_width(); }
};

/// Errors: kInvalid, names the size that does not fit.
Status check_shape(const Shape& shape);

struct TensorPlace {
    std::string name;         ///< "blk.0.attn_q.weight"
    std::int64_t offset = 0;  ///< in the flat array
    std::int64_t rows = 0;    ///< outputs; 1 for a norm
    std::int64_t columns = 0;
    bool decay = true;  ///< weight decay applies: matrices, not norms
    std::int64_t size() const { return rows * columns; }
};

struct Layout {
    std::vector<TensorPlace> tensors;
    std::int64_t size = 0;
    /// nullptr when there is no tensor of that name.
    const TensorPlace* find(std::string_view name) const;
};

/// attn_q, attn_k, attn_v lie next to each other, as do ffn_gate and ffn_up: each group is one
/// matrix for the products.
Layout base_layout(const Shape& shape);

/// y = W x + (alpha / rank) B A x on every linear layer of the blocks. rank 0: no adapter.
struct LoraShape {
    int rank = 0;
    double alpha = 0;
    double scale() const { return rank > 0 ? alpha / rank : 0.0; }
};

/// "<tensor>.lora_a" [rank, in] and "<tensor>.lora_b" [out, rank] of each linear layer.
Layout lora_layout(const Shape& shape, const LoraShape& lora);

/// Multiply-adds of forward and backward per token, times two, without attention's scores.
double training_flops_per_token(const Shape& shape, double labelled_share, double mean_context);

}  // namespace cairn::train
