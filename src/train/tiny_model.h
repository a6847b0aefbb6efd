// SPDX-License-Identifier: Apache-2.0
// A very small model, tokenizer and chats for the tests of this room.
#pragma once

#include <string>
#include <vector>

#include "cairn/base/rng.h"
#include "cairn/text/bpe_trainer.h"
#include "cairn/text/chat_template.h"
#include "cairn/train/export.h"
#include "cairn/train/trainer.h"

namespace cairn::train {

inline text::Tokenizer tiny_tokenizer() {
    text::BpeTrainOptions options;
    options.vocabulary_size = 300;
    int calls = 0;
    auto parts = text::train_bpe(
        [&](std::string& text) {
            text = "the ferry leaves the harbour at nine and the crew has tea at ten ";
            return calls++ < 20;
        },
        options);
    return text::Tokenizer::from_parts(std::move(parts).value()).value();
}

inline Shape tiny_model_shape(int vocabulary) {
    Shape shape;
    shape.layers = 2;
    shape.width = 32;
    shape.heads = 4;
    shape.kv_heads = 2;
    shape.head_width = 8;
    shape.ff_width = 64;
    shape.vocabulary = vocabulary;
    shape.context = 64;
    return shape;
}

inline std::string tiny_gguf(const text::Tokenizer& tokenizer, ExportType type, int context = 64) {
    Shape shape = tiny_model_shape(tokenizer.vocabulary_size());
    shape.context = context;
    Rng rng(5);
    std::vector<float> weights = initial_weights(shape, rng);
    for (int i = 0; i < shape.vocabulary * shape.width; ++i) {
        weights[static_cast<std::size_t>(i)] *= 20;  // the head is frozen: let it tell tokens apart
    }
    return to_gguf(shape, weights, tokenizer, type, {"tiny", {}}).value();
}

/// Question k has always the same answer: something that can be learnt.
inline std::vector<text::RenderedChat> tiny_chats(const text::Tokenizer& tokenizer, int count) {
    std::vector<text::RenderedChat> chats;
    for (int i = 0; i < count; ++i) {
        const bool ferry = i % 2 == 0;
        const std::vector<text::ChatMessage> messages = {
            {"user", ferry ? "when does the ferry leave " + std::to_string(i % 7)
                           : "when is tea " + std::to_string(i % 5)},
            {"assistant", ferry ? "at nine" : "at ten"}};
        chats.push_back(text::render_chat(tokenizer, messages, false).value());
    }
    return chats;
}

}  // namespace cairn::train
