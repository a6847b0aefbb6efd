// SPDX-License-Identifier: Apache-2.0
// Embeds a batch, runs the layers, and applies pooling and the classification head.
#include <fmt/format.h>

#include <algorithm>

#include "encoder_arch.h"

namespace cairn::engine {

struct EncoderForward::Scratch {
    Scratch(const Encoder& encoder, ThreadPool* pool) : context(encoder, pool) {}
    EncoderContext context;
    std::vector<float> pooled;
    std::vector<float> dense;
    std::vector<float> logits;
};

EncoderForward::EncoderForward(std::shared_ptr<const Encoder> encoder, ThreadPool* pool)
    : encoder_(std::move(encoder)), scratch_(std::make_unique<Scratch>(*encoder_, pool)) {}

EncoderForward::~EncoderForward() = default;

namespace {

Status check_sequences(std::span<const EncoderSequence> sequences, const EncoderConfig& config) {
    for (const EncoderSequence& sequence : sequences) {
        const std::int64_t count = std::ssize(sequence.tokens);
        if (count == 0) return make_error(Code::kInvalid, "a sequence without tokens");
        if (count > config.context) {
            return make_error(
                Code::kTooLarge,
                fmt::format("the model reads {} tokens, the text has {}", config.context, count));
        }
        CAIRN_ASSERT(sequence.types.empty() || std::ssize(sequence.types) == count);
        for (const TokenId id : sequence.tokens) {
            if (id >= 0 && id < config.vocabulary) continue;
            return make_error(Code::kInvalid, fmt::format("token id {}: expected 0 to {}", id,
                                                          config.vocabulary - 1));
        }
    }
    return {};
}

}  // namespace

Result<std::span<const float>> EncoderForward::run(std::span<const EncoderSequence> sequences) {
    const Encoder::State& state = encoder_->state();
    CAIRN_TRY(check_sequences(sequences, state.config));
    EncoderContext& context = scratch_->context;
    context.begin(sequences);
    context.embed(sequences);
    context.norm(-1, Part::kEmbeddingNorm, context.x(), context.x());
    for (std::int64_t layer = 0; layer < state.config.layers; ++layer)
        state.arch->run_layer(context, layer);
    if (state.config.has_final_norm) {
        context.norm(-1, Part::kFinalNorm, context.x(), context.x());
    }
    return std::span<const float>(
        context.x(), static_cast<std::size_t>(context.rows() * state.config.model_width));
}

Result<std::span<const float>> EncoderForward::classify(
    std::span<const EncoderSequence> sequences) {
    const Encoder::State& state = encoder_->state();
    const EncoderConfig& config = state.config;
    if (config.labels.empty()) {
        return make_error(Code::kUnsupported,
                          "the model '" + state.name + "' has no classification head",
                          "name a reranker or a classifier");
    }
    const std::span<const float> hidden = CAIRN_TRY(run(sequences));
    const std::int64_t width = config.model_width;
    const std::int64_t count = std::ssize(sequences);
    Scratch& s = *scratch_;
    s.pooled.resize(static_cast<std::size_t>(count * width));
    const float* from = hidden.data();
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t tokens = std::ssize(sequences[static_cast<std::size_t>(i)].tokens);
        pool_tokens(s.pooled.data() + i * width, from, tokens, width, config.head_pooling);
        from += tokens * width;
    }
    EncoderContext& context = s.context;
    const float* in = s.pooled.data();
    if (config.has_head_dense) {
        s.dense.resize(s.pooled.size());
        context.linear(-1, Part::kHeadDense, s.dense.data(), in, count);
        state.arch->head_activation(s.dense.data(), count * width);
        in = s.dense.data();
        if (context.has(-1, Part::kHeadNorm)) {
            context.norm(-1, Part::kHeadNorm, s.dense.data(), in, count);
        }
    }
    s.logits.resize(static_cast<std::size_t>(count) * config.labels.size());
    context.linear(-1, Part::kLabels, s.logits.data(), in, count);
    return std::span<const float>(s.logits);
}

void pool_tokens(float* out, const float* hidden, std::int64_t tokens, std::int64_t width,
                 Pooling pooling) {
    if (pooling == Pooling::kCls) {
        std::copy_n(hidden, width, out);
        return;
    }
    if (pooling == Pooling::kLast) {
        std::copy_n(hidden + (tokens - 1) * width, width, out);
        return;
    }
    std::fill_n(out, width, 0.0F);
    for (std::int64_t t = 0; t < tokens; ++t)
        kernels::add(out, out, hidden + t * width, width);
    const float share = 1.0F / static_cast<float>(tokens);
    for (std::int64_t i = 0; i < width; ++i)
        out[i] *= share;
}

std::string_view pooling_name(Pooling pooling) {
    switch (pooling) {
        case Pooling::kCls:
            return "cls";
        case Pooling::kLast:
            return "last";
        case Pooling::kMean:
            break;
    }
    return "mean";
}

}  // namespace cairn::engine
