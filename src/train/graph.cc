// SPDX-License-Identifier: Apache-2.0
// Forward keeps what backward needs, per layer; attention scores are computed twice instead of
// kept.
#include "cairn/train/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "multiply.h"
#include "ops.h"

namespace cairn::train {
namespace {

constexpr std::int64_t kQueryBlock = 128;
constexpr std::int64_t kHeadRows = 512;  // logits in hand at once

/// One linear layer, or several next to each other that share their input.
struct LinearGroup {
    std::int64_t weight = 0;  // offset in the base layout
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    struct Part {
        std::int64_t lora_a = 0;
        std::int64_t lora_b = 0;
        std::int64_t first_row = 0;
        std::int64_t rows = 0;
    };
    std::vector<Part> parts;
};

struct Block {
    std::int64_t attention_norm = 0;
    std::int64_t ffn_norm = 0;
    LinearGroup qkv;
    LinearGroup output;
    LinearGroup gate_up;
    LinearGroup down;
};

LinearGroup make_group(const Layout& base, const Layout& lora, const std::string& block,
                       const std::vector<const char*>& names) {
    LinearGroup group;
    for (const char* name : names) {
        const TensorPlace* tensor = base.find(block + name + ".weight");
        CAIRN_ASSERT(tensor != nullptr);
        if (group.parts.empty()) group.weight = tensor->offset;
        LinearGroup::Part part;
        part.first_row = group.rows;
        part.rows = tensor->rows;
        if (lora.size > 0) {
            part.lora_a = lora.find(tensor->name + ".lora_a")->offset;
            part.lora_b = lora.find(tensor->name + ".lora_b")->offset;
        }
        group.parts.push_back(part);
        group.rows += tensor->rows;
        group.columns = tensor->columns;
    }
    return group;
}

template <typename T>
struct LayerTape {
    std::vector<T> input;  // [N, D]
    std::vector<T> norm1, inverse1;
    std::vector<T> qkv;       // rotated
    std::vector<T> attended;  // [N, heads * head_width]
    std::vector<T> log_sums;  // [heads, N]
    std::vector<T> middle;    // after attention, [N, D]
    std::vector<T> norm2, inverse2;
    std::vector<T> gate_up;
    std::vector<T> hidden;
    std::vector<std::vector<T>> lora_inner;  // A x of each linear, in order of use
};

}  // namespace

void Batch::add_segment(const std::vector<std::int32_t>& segment_tokens,
                        const std::vector<std::int32_t>& segment_labels) {
    CAIRN_ASSERT(segment_tokens.size() == segment_labels.size());
    tokens.insert(tokens.end(), segment_tokens.begin(), segment_tokens.end());
    labels.insert(labels.end(), segment_labels.begin(), segment_labels.end());
    starts.push_back(static_cast<std::int32_t>(tokens.size()));
}

std::int64_t Batch::labelled() const {
    return std::count_if(labels.begin(), labels.end(),
                         [](std::int32_t label) { return label != kNoLabel; });
}

Status check_batch(const Shape& shape, const Batch& batch) {
    const auto wrong = [](std::string text) { return make_error(Code::kInvalid, std::move(text)); };
    if (batch.tokens.empty() || batch.tokens.size() != batch.labels.size()) {
        return wrong(fmt::format("expected as many labels as tokens, found {} and {}",
                                 batch.labels.size(), batch.tokens.size()));
    }
    for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
        const bool token_fits = batch.tokens[i] >= 0 && batch.tokens[i] < shape.vocabulary;
        const bool label_fits = batch.labels[i] == kNoLabel ||
                                (batch.labels[i] >= 0 && batch.labels[i] < shape.vocabulary);
        if (!token_fits || !label_fits) {
            return wrong(fmt::format("expected tokens and labels below {}, found {} and {} at {}",
                                     shape.vocabulary, batch.tokens[i], batch.labels[i], i));
        }
    }
    if (batch.starts.size() < 2 || batch.starts.front() != 0 ||
        batch.starts.back() != static_cast<std::int32_t>(batch.tokens.size())) {
        return wrong("expected segment starts from 0 to the number of tokens");
    }
    for (std::size_t i = 0; i + 1 < batch.starts.size(); ++i) {
        const int length = batch.starts[i + 1] - batch.starts[i];
        if (length < 1 || length > shape.context) {
            return wrong(fmt::format("expected segments of 1 to {} tokens, found {}", shape.context,
                                     length));
        }
    }
    return {};
}

template <typename T>
struct Graph<T>::State {
    Shape shape;
    LoraShape lora_shape;
    Precision precision;
    const Ops<T>& ops = ops_for(T{});
    std::vector<Block> blocks;
    std::int64_t embedding = 0;
    std::int64_t final_norm = 0;
    std::int64_t head = 0;
    std::vector<T> cosines, sines;  // [context, head_width / 2]

    // Of the run in hand.
    const Batch* batch = nullptr;
    const T* base = nullptr;
    const T* lora = nullptr;
    T* gradients = nullptr;
    std::int64_t count = 0;  // tokens
    std::vector<std::int32_t> positions;
    std::vector<LayerTape<T>> tapes;
    std::vector<T> stream;  // [N, D]
    std::vector<T> dstream, dnorm, dwide, dhidden, dqkv, dattended, inner;
    std::vector<T> scores, dscores, sums;
    std::vector<T> head_input, head_norm, head_inverse, dhead, logits;

    State(const Shape& s, const LoraShape& l, Precision p);
    void linear(const LinearGroup& group, const T* x, T* y, LayerTape<T>& tape);
    void linear_backward(const LinearGroup& group, const T* x, const T* dy, T* dx, bool accumulate,
                         const std::vector<T>* inner_kept);
    void attention(LayerTape<T>& tape);
    void attention_backward(LayerTape<T>& tape);
    void forward_block(const Block& block, LayerTape<T>& tape);
    void backward_block(const Block& block, LayerTape<T>& tape);
    double head_loss(double scale, std::vector<T>* losses);
    void begin(const Batch& b, const T* base_weights, const T* lora_weights, T* gradients_to);
    T* base_gradient(std::int64_t offset) {
        return gradients != nullptr && lora_shape.rank == 0 ? gradients + offset : nullptr;
    }
};

template <typename T>
Graph<T>::State::State(const Shape& s, const LoraShape& l, Precision p)
    : shape(s), lora_shape(l), precision(p) {
    const Layout base_places = base_layout(shape);
    const Layout lora_places = lora_layout(shape, lora_shape);
    for (int layer = 0; layer < shape.layers; ++layer) {
        const std::string name = fmt::format("blk.{}.", layer);
        Block block;
        block.attention_norm = base_places.find(name + "attn_norm.weight")->offset;
        block.ffn_norm = base_places.find(name + "ffn_norm.weight")->offset;
        block.qkv = make_group(base_places, lora_places, name, {"attn_q", "attn_k", "attn_v"});
        block.output = make_group(base_places, lora_places, name, {"attn_output"});
        block.gate_up = make_group(base_places, lora_places, name, {"ffn_gate", "ffn_up"});
        block.down = make_group(base_places, lora_places, name, {"ffn_down"});
        blocks.push_back(std::move(block));
    }
    embedding = base_places.find("token_embd.weight")->offset;
    final_norm = base_places.find("output_norm.weight")->offset;
    head = shape.tied ? embedding : base_places.find("output.weight")->offset;
    const int half = shape.head_width / 2;
    for (int position = 0; position < shape.context; ++position) {
        for (int i = 0; i < half; ++i) {
            const double angle = position * std::pow(shape.rope_base, -2.0 * i / shape.head_width);
            cosines.push_back(static_cast<T>(std::cos(angle)));
            sines.push_back(static_cast<T>(std::sin(angle)));
        }
    }
    tapes.resize(blocks.size());
}

template <typename T>
void Graph<T>::State::begin(const Batch& b, const T* base_weights, const T* lora_weights,
                            T* gradients_to) {
    batch = &b;
    base = base_weights;
    lora = lora_weights;
    gradients = gradients_to;
    count = static_cast<std::int64_t>(b.tokens.size());
    positions.resize(b.tokens.size());
    for (std::size_t i = 0; i + 1 < b.starts.size(); ++i) {
        for (int t = b.starts[i]; t < b.starts[i + 1]; ++t)
            positions[t] = t - b.starts[i];
    }
    stream.resize(count * shape.width);
    for (std::int64_t t = 0; t < count; ++t) {
        std::copy_n(base + embedding + std::int64_t{b.tokens[t]} * shape.width, shape.width,
                    stream.data() + t * shape.width);
    }
}

template <typename T>
void Graph<T>::State::linear(const LinearGroup& group, const T* x, T* y, LayerTape<T>& tape) {
    multiply(precision, {Op::kNone, Op::kTransposed, count, group.rows, group.columns, 1, 0}, x,
             group.columns, base + group.weight, group.columns, y, group.rows);
    const int rank = lora_shape.rank;
    if (rank == 0) return;
    for (const auto& part : group.parts) {
        std::vector<T> kept(count * rank);
        multiply(precision, {Op::kNone, Op::kTransposed, count, rank, group.columns, 1, 0}, x,
                 group.columns, lora + part.lora_a, group.columns, kept.data(), rank);
        multiply(precision,
                 {Op::kNone, Op::kTransposed, count, part.rows, rank, lora_shape.scale(), 1},
                 kept.data(), rank, lora + part.lora_b, rank, y + part.first_row, group.rows);
        tape.lora_inner.push_back(std::move(kept));
    }
}

/// dx gets W^T dy (plus the adapter's part); weights of the trained kind get their gradient.
template <typename T>
void Graph<T>::State::linear_backward(const LinearGroup& group, const T* x, const T* dy, T* dx,
                                      bool accumulate, const std::vector<T>* inner_kept) {
    multiply(precision,
             {Op::kNone, Op::kNone, count, group.columns, group.rows, 1, accumulate ? 1.0 : 0.0},
             dy, group.rows, base + group.weight, group.columns, dx, group.columns);
    const int rank = lora_shape.rank;
    if (rank == 0) {
        multiply(precision, {Op::kTransposed, Op::kNone, group.rows, group.columns, count, 1, 1},
                 dy, group.rows, x, group.columns, gradients + group.weight, group.columns);
        return;
    }
    inner.resize(count * rank);
    const double scale = lora_shape.scale();
    for (std::size_t i = 0; i < group.parts.size(); ++i) {
        const auto& part = group.parts[i];
        const T* d = dy + part.first_row;
        multiply(precision, {Op::kTransposed, Op::kNone, part.rows, rank, count, scale, 1}, d,
                 group.rows, inner_kept[i].data(), rank, gradients + part.lora_b, rank);
        multiply(precision, {Op::kNone, Op::kNone, count, rank, part.rows, scale, 0}, d, group.rows,
                 lora + part.lora_b, rank, inner.data(), rank);
        multiply(precision, {Op::kTransposed, Op::kNone, rank, group.columns, count, 1, 1},
                 inner.data(), rank, x, group.columns, gradients + part.lora_a, group.columns);
        multiply(precision, {Op::kNone, Op::kNone, count, group.columns, rank, 1, 1}, inner.data(),
                 rank, lora + part.lora_a, group.columns, dx, group.columns);
    }
}

template <typename T>
void Graph<T>::State::attention(LayerTape<T>& tape) {
    const std::int64_t width = shape.head_width;
    const std::int64_t stride = shape.qkv_width();
    const std::int64_t out_stride = shape.query_width();
    const double scale = 1.0 / std::sqrt(static_cast<double>(width));
    const int share = shape.heads / shape.kv_heads;
    for (std::size_t segment = 0; segment + 1 < batch->starts.size(); ++segment) {
        const std::int64_t first = batch->starts[segment];
        const std::int64_t length = batch->starts[segment + 1] - first;
        for (int h = 0; h < shape.heads; ++h) {
            const T* q = tape.qkv.data() + first * stride + h * width;
            const T* k = tape.qkv.data() + first * stride + shape.query_width() + h / share * width;
            const T* v = k + shape.kv_width();
            T* out = tape.attended.data() + first * out_stride + h * width;
            T* kept = tape.log_sums.data() + h * count + first;
            for (std::int64_t begin = 0; begin < length; begin += kQueryBlock) {
                const std::int64_t rows = std::min(kQueryBlock, length - begin);
                const std::int64_t keys = begin + rows;
                scores.resize(std::max<std::size_t>(scores.size(), kQueryBlock * keys));
                multiply(precision, {Op::kNone, Op::kTransposed, rows, keys, width, 1, 0},
                         q + begin * stride, stride, k, stride, scores.data(), keys);
                ops.softmax_causal(scores.data(), kept + begin, rows, keys, begin + 1, scale);
                multiply(precision, {Op::kNone, Op::kNone, rows, width, keys, 1, 0}, scores.data(),
                         keys, v, stride, out + begin * out_stride, out_stride);
            }
        }
    }
}

template <typename T>
void Graph<T>::State::attention_backward(LayerTape<T>& tape) {
    const std::int64_t width = shape.head_width;
    const std::int64_t stride = shape.qkv_width();
    const std::int64_t out_stride = shape.query_width();
    const double scale = 1.0 / std::sqrt(static_cast<double>(width));
    const int share = shape.heads / shape.kv_heads;
    std::fill(dqkv.begin(), dqkv.end(), T(0));
    sums.resize(kQueryBlock);
    for (std::size_t segment = 0; segment + 1 < batch->starts.size(); ++segment) {
        const std::int64_t first = batch->starts[segment];
        const std::int64_t length = batch->starts[segment + 1] - first;
        for (int h = 0; h < shape.heads; ++h) {
            const std::int64_t q_at = first * stride + h * width;
            const std::int64_t k_at = first * stride + shape.query_width() + h / share * width;
            const std::int64_t v_at = k_at + shape.kv_width();
            for (std::int64_t begin = 0; begin < length; begin += kQueryBlock) {
                const std::int64_t rows = std::min(kQueryBlock, length - begin);
                const std::int64_t keys = begin + rows;
                const std::size_t needed = kQueryBlock * keys;
                scores.resize(std::max(scores.size(), needed));
                dscores.resize(std::max(dscores.size(), needed));
                const T* q = tape.qkv.data() + q_at + begin * stride;
                const std::int64_t out_at = (first + begin) * out_stride + h * width;
                const T* d = dattended.data() + out_at;
                multiply(precision, {Op::kNone, Op::kTransposed, rows, keys, width, 1, 0}, q,
                         stride, tape.qkv.data() + k_at, stride, scores.data(), keys);
                ops.softmax_again(scores.data(), tape.log_sums.data() + h * count + first + begin,
                                  rows, keys, begin + 1, scale);
                multiply(precision, {Op::kTransposed, Op::kNone, keys, width, rows, 1, 1},
                         scores.data(), keys, d, out_stride, dqkv.data() + v_at, stride);
                multiply(precision, {Op::kNone, Op::kTransposed, rows, keys, width, 1, 0}, d,
                         out_stride, tape.qkv.data() + v_at, stride, dscores.data(), keys);
                ops.row_dots(sums.data(), d, out_stride, tape.attended.data() + out_at, out_stride,
                             rows, width);
                ops.softmax_backward(dscores.data(), scores.data(), sums.data(), rows, keys, scale);
                multiply(precision, {Op::kNone, Op::kNone, rows, width, keys, 1, 0}, dscores.data(),
                         keys, tape.qkv.data() + k_at, stride, dqkv.data() + q_at + begin * stride,
                         stride);
                multiply(precision, {Op::kTransposed, Op::kNone, keys, width, rows, 1, 1},
                         dscores.data(), keys, q, stride, dqkv.data() + k_at, stride);
            }
        }
    }
}

template <typename T>
void Graph<T>::State::forward_block(const Block& block, LayerTape<T>& tape) {
    const std::int64_t width = shape.width;
    tape.norm1.resize(count * width);
    tape.norm2.resize(count * width);
    tape.inverse1.resize(count);
    tape.inverse2.resize(count);
    tape.qkv.resize(count * shape.qkv_width());
    tape.attended.resize(count * shape.query_width());
    tape.log_sums.resize(count * shape.heads);
    tape.gate_up.resize(count * 2 * shape.ff_width);
    tape.hidden.resize(count * shape.ff_width);
    tape.lora_inner.clear();
    tape.input = stream;
    ops.rms_norm(tape.norm1.data(), tape.inverse1.data(), stream.data(),
                 base + block.attention_norm, count, width, shape.norm_epsilon);
    linear(block.qkv, tape.norm1.data(), tape.qkv.data(), tape);
    ops.rope(tape.qkv.data(), shape.qkv_width(), cosines.data(), sines.data(), positions.data(),
             count, shape.heads + shape.kv_heads, shape.head_width, T(1));
    attention(tape);
    dnorm.resize(count * width);
    linear(block.output, tape.attended.data(), dnorm.data(), tape);
    ops.add(stream.data(), dnorm.data(), count * width);
    tape.middle = stream;
    ops.rms_norm(tape.norm2.data(), tape.inverse2.data(), stream.data(), base + block.ffn_norm,
                 count, width, shape.norm_epsilon);
    linear(block.gate_up, tape.norm2.data(), tape.gate_up.data(), tape);
    ops.swiglu(tape.hidden.data(), tape.gate_up.data(), count, shape.ff_width);
    linear(block.down, tape.hidden.data(), dnorm.data(), tape);
    ops.add(stream.data(), dnorm.data(), count * width);
}

template <typename T>
void Graph<T>::State::backward_block(const Block& block, LayerTape<T>& tape) {
    const std::int64_t width = shape.width;
    const std::vector<T>* kept =
        tape.lora_inner.data();  // qkv: 0-2, output: 3, gate_up: 4-5, down: 6
    const bool adapter = lora_shape.rank > 0;
    dnorm.resize(count * width);
    dhidden.resize(count * shape.ff_width);
    dwide.resize(count * 2 * shape.ff_width);
    dqkv.resize(count * shape.qkv_width());
    dattended.resize(count * shape.query_width());
    linear_backward(block.down, tape.hidden.data(), dstream.data(), dhidden.data(), false,
                    adapter ? kept + 6 : nullptr);
    ops.swiglu_backward(dwide.data(), dhidden.data(), tape.gate_up.data(), count, shape.ff_width);
    linear_backward(block.gate_up, tape.norm2.data(), dwide.data(), dnorm.data(), false,
                    adapter ? kept + 4 : nullptr);
    ops.rms_norm_backward(dstream.data(), base_gradient(block.ffn_norm), dnorm.data(),
                          tape.middle.data(), base + block.ffn_norm, tape.inverse2.data(), count,
                          width);
    linear_backward(block.output, tape.attended.data(), dstream.data(), dattended.data(), false,
                    adapter ? kept + 3 : nullptr);
    attention_backward(tape);
    ops.rope(dqkv.data(), shape.qkv_width(), cosines.data(), sines.data(), positions.data(), count,
             shape.heads + shape.kv_heads, shape.head_width, T(-1));
    linear_backward(block.qkv, tape.norm1.data(), dqkv.data(), dnorm.data(), false, kept);
    ops.rms_norm_backward(dstream.data(), base_gradient(block.attention_norm), dnorm.data(),
                          tape.input.data(), base + block.attention_norm, tape.inverse1.data(),
                          count, width);
}

/// Final norm and head on the labelled rows only; leaves the gradient of the stream in dstream.
template <typename T>
double Graph<T>::State::head_loss(double scale, std::vector<T>* losses) {
    const std::int64_t width = shape.width;
    std::vector<std::int32_t> rows;
    std::vector<std::int32_t> labels;
    for (std::int64_t t = 0; t < count; ++t) {
        if (batch->labels[t] == kNoLabel) continue;
        rows.push_back(static_cast<std::int32_t>(t));
        labels.push_back(batch->labels[t]);
    }
    const auto labelled = static_cast<std::int64_t>(rows.size());
    head_input.resize(labelled * width);
    head_norm.resize(labelled * width);
    head_inverse.resize(labelled);
    for (std::int64_t r = 0; r < labelled; ++r) {
        std::copy_n(stream.data() + rows[r] * width, width, head_input.data() + r * width);
    }
    ops.rms_norm(head_norm.data(), head_inverse.data(), head_input.data(), base + final_norm,
                 labelled, width, shape.norm_epsilon);
    if (losses != nullptr) losses->resize(labelled);
    dhead.resize(labelled * width);
    logits.resize(std::min(labelled, kHeadRows) * shape.vocabulary);
    double total = 0;
    for (std::int64_t r = 0; r < labelled; r += kHeadRows) {
        const std::int64_t some = std::min(kHeadRows, labelled - r);
        const T* x = head_norm.data() + r * width;
        multiply(precision, {Op::kNone, Op::kTransposed, some, shape.vocabulary, width, 1, 0}, x,
                 width, base + head, width, logits.data(), shape.vocabulary);
        total += ops.cross_entropy(logits.data(), labels.data() + r, some, shape.vocabulary,
                                   gradients != nullptr ? scale : 0.0,
                                   losses != nullptr ? losses->data() + r : nullptr);
        if (gradients == nullptr) continue;
        multiply(precision, {Op::kNone, Op::kNone, some, width, shape.vocabulary, 1, 0},
                 logits.data(), shape.vocabulary, base + head, width, dhead.data() + r * width,
                 width);
        if (T* to = base_gradient(head)) {
            multiply(precision, {Op::kTransposed, Op::kNone, shape.vocabulary, width, some, 1, 1},
                     logits.data(), shape.vocabulary, x, width, to, width);
        }
    }
    if (gradients == nullptr) return total;
    std::vector<T> dinput(labelled * width, T(0));
    ops.rms_norm_backward(dinput.data(), base_gradient(final_norm), dhead.data(), head_input.data(),
                          base + final_norm, head_inverse.data(), labelled, width);
    dstream.assign(count * width, T(0));
    for (std::int64_t r = 0; r < labelled; ++r) {
        std::copy_n(dinput.data() + r * width, width, dstream.data() + rows[r] * width);
    }
    return total;
}

template <typename T>
Graph<T>::Graph(const Shape& shape, const LoraShape& lora, Precision precision)
    : state_(std::make_unique<State>(shape, lora, precision)) {}
template <typename T>
Graph<T>::~Graph() = default;
template <typename T>
Graph<T>::Graph(Graph&&) noexcept = default;
template <typename T>
Graph<T>& Graph<T>::operator=(Graph&&) noexcept = default;

template <typename T>
double Graph<T>::run(const Batch& batch, const T* base, const T* lora, T* gradients, double scale,
                     std::vector<T>* losses) {
    State& state = *state_;
    state.begin(batch, base, lora, gradients);
    for (std::size_t i = 0; i < state.blocks.size(); ++i) {
        state.forward_block(state.blocks[i], state.tapes[i]);
    }
    const double loss = state.head_loss(scale, losses);
    if (gradients == nullptr) return loss;
    for (std::size_t i = state.blocks.size(); i-- > 0;) {
        state.backward_block(state.blocks[i], state.tapes[i]);
    }
    if (T* to = state.base_gradient(state.embedding)) {
        const std::int64_t width = state.shape.width;
        for (std::int64_t t = 0; t < state.count; ++t) {
            state.ops.add(to + std::int64_t{batch.tokens[t]} * width,
                          state.dstream.data() + t * width, width);
        }
    }
    return loss;
}

template class Graph<float>;
template class Graph<double>;

}  // namespace cairn::train
