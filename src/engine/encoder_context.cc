// SPDX-License-Identifier: Apache-2.0
// Rows of a ragged batch through the kernels, without padding: a row's result never depends on its
// company, because every kernel here is batch invariant and attention stays inside a sequence.
#include <algorithm>
#include <cmath>

#include "encoder_arch.h"

namespace cairn::engine {

namespace {
void ensure_size(std::vector<float>& buffer, std::int64_t size) {
    if (buffer.size() < static_cast<std::size_t>(size))
        buffer.resize(static_cast<std::size_t>(size));
}

const float* bias_of(const Weight& weight) {
    return weight.data == nullptr ? nullptr : weight.floats();
}

Part bias_part(Part part) {
    return static_cast<Part>(static_cast<std::uint8_t>(part) + 1);
}
}  // namespace

const Weight& EncoderContext::weight(std::int64_t layer, Part part) const {
    return encoder_.state()
        .layers[static_cast<std::size_t>(layer + 1)][static_cast<std::size_t>(part)];
}

void EncoderContext::begin(std::span<const EncoderSequence> sequences) {
    rows_ = 0;
    longest_ = 0;
    places_.clear();
    for (const EncoderSequence& sequence : sequences) {
        const std::int64_t count = std::ssize(sequence.tokens);
        places_.insert(places_.end(), static_cast<std::size_t>(count), Place{rows_, count});
        rows_ += count;
        longest_ = std::max(longest_, count);
    }
    ensure_size(x_, rows_ * config().model_width);
}

float* EncoderContext::buffer(std::size_t index, std::int64_t width) {
    CAIRN_ASSERT(index < kBufferCount);
    ensure_size(buffers_[index], rows_ * width);
    return buffers_[index].data();
}

void EncoderContext::add_row_of(const Weight& table, std::int64_t row, float* out) {
    ensure_size(row_, table.columns);
    const std::int64_t bytes = kernels::bytes_per_row(table.dtype, table.columns);
    kernels::dequantise_row(table.dtype, static_cast<const std::byte*>(table.data) + row * bytes,
                            row_.data(), table.columns);
    kernels::add(out, out, row_.data(), table.columns);
}

void EncoderContext::embed(std::span<const EncoderSequence> sequences) {
    const std::int64_t width = config().model_width;
    const Weight& tokens = weight(-1, Part::kTokens);
    float* out = x_.data();
    for (const EncoderSequence& sequence : sequences) {
        for (std::size_t i = 0; i < sequence.tokens.size(); ++i, out += width) {
            std::fill_n(out, width, 0.0F);
            add_row_of(tokens, sequence.tokens[i], out);
            if (has(-1, Part::kTypes)) {
                const std::int64_t type = sequence.types.empty() ? 0 : sequence.types[i];
                // RoBERTa knows one type only.
                add_row_of(weight(-1, Part::kTypes), std::min(type, config().token_types - 1), out);
            }
            if (has(-1, Part::kPositions)) {
                add_row_of(weight(-1, Part::kPositions), static_cast<std::int64_t>(i), out);
            }
        }
    }
}

void EncoderContext::norm(std::int64_t layer, Part part, float* out, const float* in,
                          std::int64_t rows) {
    const Weight& scale = weight(layer, part);
    kernels::layernorm(pool_, out, in, scale.floats(), bias_of(weight(layer, bias_part(part))),
                       rows < 0 ? rows_ : rows, scale.columns, config().norm_epsilon);
}

void EncoderContext::linear(std::int64_t layer, Part part, float* y, const float* in,
                            std::int64_t rows) {
    const Weight& matrix = weight(layer, part);
    const std::int64_t count = rows < 0 ? rows_ : rows;
    kernels::matmul_nt(pool_, y, in, matrix.data, matrix.dtype, count, matrix.rows, matrix.columns);
    const float* bias = bias_of(weight(layer, bias_part(part)));
    if (bias == nullptr) return;
    for (std::int64_t r = 0; r < count; ++r)
        kernels::add(y + r * matrix.rows, y + r * matrix.rows, bias, matrix.rows);
}

const EncoderContext::Angles& EncoderContext::angles(double base) {
    auto known = std::find_if(angles_.begin(), angles_.end(),
                              [&](const Angles& a) { return a.base == base || a.base == 0; });
    CAIRN_ASSERT(known != angles_.end());  // a model has at most two bases
    known->base = base;
    const std::int64_t half = config().head_width() / 2;
    ensure_size(known->cosines, longest_ * half);
    ensure_size(known->sines, longest_ * half);
    for (; known->positions < longest_; ++known->positions) {
        const std::int64_t at = known->positions * half;
        kernels::rope_angles(known->cosines.data() + at, known->sines.data() + at, known->positions,
                             config().head_width(), base);
    }
    return *known;
}

void EncoderContext::rope(float* values, double base) {
    const Angles& turns = angles(base);
    const std::int64_t half = config().head_width() / 2;
    for (std::int64_t r = 0; r < rows_; ++r) {
        const std::int64_t position = r - places_[static_cast<std::size_t>(r)].first;
        kernels::rope(values + r * config().model_width, turns.cosines.data() + position * half,
                      turns.sines.data() + position * half, config().heads, config().head_width(),
                      config().head_width(), kernels::RopeStyle::kHalves);
    }
}

void EncoderContext::attend(float* out, const float* query, const float* key, const float* value,
                            std::int64_t window) {
    const std::int64_t width = config().model_width;
    attention_.clear();
    for (std::int64_t r = 0; r < rows_; ++r) {
        const Place& place = places_[static_cast<std::size_t>(r)];
        std::int64_t from = place.first;
        std::int64_t to = place.first + place.count;
        if (window > 0) {
            from = std::max(from, r - window);
            to = std::min(to, r + window + 1);
        }
        kernels::AttentionRow row;
        row.query = query + r * width;
        row.keys = key + from * width;
        row.values = value + from * width;
        row.out = out + r * width;
        row.positions = to - from;
        attention_.push_back(row);
    }
    kernels::AttentionShape shape;
    shape.heads = config().heads;
    shape.kv_heads = config().heads;
    shape.head_width = config().head_width();
    shape.scale = 1.0F / std::sqrt(static_cast<float>(config().head_width()));
    kernels::attention(pool_, attention_.data(), rows_, shape);
}

void EncoderContext::gelu(float* values, std::int64_t width) {
    kernels::gelu(pool_, values, values, rows_ * width);
}

void EncoderContext::gelu_mul(float* gate, const float* up, std::int64_t width) {
    kernels::gelu_mul(pool_, gate, gate, up, rows_ * width);
}

void EncoderContext::add_to_x(const float* values) {
    kernels::add(x_.data(), x_.data(), values, rows_ * config().model_width);
}

}  // namespace cairn::engine
