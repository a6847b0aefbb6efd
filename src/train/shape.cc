// SPDX-License-Identifier: Apache-2.0
// Names and order of tensors: the one place that fixes the flat layout.
#include "cairn/train/shape.h"

#include <fmt/format.h>

namespace cairn::train {
namespace {

void place(Layout& layout, std::string name, std::int64_t rows, std::int64_t columns) {
    layout.tensors.push_back({std::move(name), layout.size, rows, columns, rows > 1});
    layout.size += rows * columns;
}

struct Linear {
    const char* name;
    int rows;
    int columns;
};

std::vector<Linear> block_linears(const Shape& shape) {
    return {{"attn_q", shape.query_width(), shape.width},
            {"attn_k", shape.kv_width(), shape.width},
            {"attn_v", shape.kv_width(), shape.width},
            {"attn_output", shape.width, shape.query_width()},
            {"ffn_gate", shape.ff_width, shape.width},
            {"ffn_up", shape.ff_width, shape.width},
            {"ffn_down", shape.width, shape.ff_width}};
}

}  // namespace

Status check_shape(const Shape& shape) {
    const auto wrong = [](std::string text) { return make_error(Code::kInvalid, std::move(text)); };
    if (shape.layers < 1 || shape.layers > 1024) {
        return wrong(fmt::format("expected 1 to 1024 layers, found {}", shape.layers));
    }
    if (shape.width < 1 || shape.ff_width < 1 || shape.vocabulary < 2 || shape.context < 2) {
        return wrong("expected positive width, ff_width, vocabulary and context");
    }
    if (shape.kv_heads < 1 || shape.heads % shape.kv_heads != 0) {
        return wrong(fmt::format("expected kv_heads to divide heads, found {} and {}",
                                 shape.kv_heads, shape.heads));
    }
    if (shape.head_width < 2 || shape.head_width % 2 != 0) {
        return wrong(fmt::format("expected an even head width, found {}", shape.head_width));
    }
    return {};
}

const TensorPlace* Layout::find(std::string_view name) const {
    for (const TensorPlace& tensor : tensors) {
        if (tensor.name == name) return &tensor;
    }
    return nullptr;
}

Layout base_layout(const Shape& shape) {
    Layout layout;
    place(layout, "token_embd.weight", shape.vocabulary, shape.width);
    for (int layer = 0; layer < shape.layers; ++layer) {
        const std::string block = fmt::format("blk.{}.", layer);
        place(layout, block + "attn_norm.weight", 1, shape.width);
        for (const Linear& linear : block_linears(shape)) {
            if (std::string_view(linear.name) == "ffn_gate") {
                place(layout, block + "ffn_norm.weight", 1, shape.width);
            }
            place(layout, block + linear.name + ".weight", linear.rows, linear.columns);
        }
    }
    place(layout, "output_norm.weight", 1, shape.width);
    if (!shape.tied) place(layout, "output.weight", shape.vocabulary, shape.width);
    return layout;
}

Layout lora_layout(const Shape& shape, const LoraShape& lora) {
    Layout layout;
    if (lora.rank <= 0) return layout;
    for (int layer = 0; layer < shape.layers; ++layer) {
        for (const Linear& linear : block_linears(shape)) {
            const std::string name = fmt::format("blk.{}.{}.weight", layer, linear.name);
            place(layout, name + ".lora_a", lora.rank, linear.columns);
            place(layout, name + ".lora_b", linear.rows, lora.rank);
        }
    }
    return layout;
}

double training_flops_per_token(const Shape& shape, double labelled_share, double mean_context) {
    double weights = 0;
    for (const Linear& linear : block_linears(shape)) {
        weights += static_cast<double>(linear.rows) * linear.columns;
    }
    weights *= shape.layers;
    weights += labelled_share * shape.vocabulary * shape.width;
    const double attention = 2.0 * shape.layers * shape.query_width() * mean_context;
    return 6.0 * (weights + attention);
}

}  // namespace cairn::train
