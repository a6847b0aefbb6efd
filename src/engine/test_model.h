// SPDX-License-Identifier: Apache-2.0
// For tests: a small random Llama with a byte-complete vocabulary and some longer pieces, as the
// bytes of a GGUF file.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cairn/base/rng.h"
#include "cairn/engine/model.h"
#include "cairn/format/adapter.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"

namespace cairn::engine::testing {

struct TestModelOptions {
    format::TensorType type = format::TensorType::kF32;
    bool tied_head = true;
    std::int64_t context = 256;
    std::uint64_t seed = 1;
    std::string chat_template = {};
    /// Longer tokens; by default some that are cut across words, marks and UTF-8 sequences.
    std::vector<std::string> pieces = {
        " the", "the ", "th", "he",  ". ",   ".\"",  "\"T",      "\"a",      " of", "ing", "an",
        "\"\"", "e ",   "aa", "aaa", "\xC3", "\xA9", "\xE4\xB8", "\xAD\xE6", "4",   "42",  " 4"};
};

inline constexpr TokenId kTestEnd = 2;

inline text::Tokenizer test_tokenizer(const std::vector<std::string>& pieces,
                                      const std::string& chat_template = {}) {
    text::TokenizerParts parts;
    parts.chat_template = chat_template;
    parts.kind = "gpt2";
    parts.pre = "gpt-2";
    const auto add = [&](const std::string& token, text::TokenType type) {
        parts.tokens.push_back(token);
        parts.types.push_back(type);
    };
    for (const char* name : {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}) {
        add(name, text::TokenType::kControl);
    }
    for (int byte = 0; byte < 256; ++byte) {
        // Bytes as GPT-2 spells them: printable Latin-1 as itself, the others from U+0100 on.
        const bool plain = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
        static const auto spell = [](int code) {
            std::string out;
            if (code < 0x80) {
                out += static_cast<char>(code);
            } else {
                out += static_cast<char>(0xC0 | (code >> 6));
                out += static_cast<char>(0x80 | (code & 0x3F));
            }
            return out;
        };
        int code = byte;
        if (!plain) {
            code = 0x100;
            for (int other = 0; other < byte; ++other) {
                code += (other > 0x20 && other < 0x7F) || (other > 0xA0 && other != 0xAD) ? 0 : 1;
            }
        }
        add(spell(code), text::TokenType::kNormal);
    }
    const auto alphabet = [&](unsigned char byte) { return parts.tokens[3U + byte]; };
    for (const std::string& piece : pieces) {
        if (piece.size() < 2) continue;
        std::string spelled;
        for (const char c : piece)
            spelled += alphabet(static_cast<unsigned char>(c));
        add(spelled, text::TokenType::kNormal);
    }
    parts.eos = kTestEnd;
    return text::Tokenizer::from_parts(std::move(parts)).value();
}

inline std::string test_model_bytes(const TestModelOptions& options) {
    const text::Tokenizer tokenizer = test_tokenizer(options.pieces, options.chat_template);
    ModelConfig config;
    config.layers = 2;
    config.model_width = 64;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_width = 16;
    config.ff_width = 96;
    config.vocabulary = tokenizer.vocabulary_size();
    config.context = options.context;
    config.tied_head = options.tied_head;

    format::GgufWriter writer;
    write_model_config(writer, config, "test");
    format::write_tokenizer(writer, tokenizer);
    Rng rng(options.seed);
    std::vector<std::vector<std::byte>> storage;
    const std::vector<TensorSpec> specs = model_tensors(config);
    storage.reserve(specs.size());
    for (const TensorSpec& spec : specs) {
        if (spec.optional) continue;
        const auto type = spec.is_vector ? format::TensorType::kF32 : options.type;
        const auto dtype = type == format::TensorType::kQ8_0   ? kernels::DType::kQ8_0
                           : type == format::TensorType::kBF16 ? kernels::DType::kBF16
                           : type == format::TensorType::kF16  ? kernels::DType::kF16
                                                               : kernels::DType::kF32;
        const std::int64_t row_bytes = kernels::bytes_per_row(dtype, spec.columns);
        auto& bytes = storage.emplace_back(static_cast<std::size_t>(row_bytes * spec.rows));
        std::vector<float> row(static_cast<std::size_t>(spec.columns));
        for (std::int64_t r = 0; r < spec.rows; ++r) {
            for (float& value : row) {
                value = static_cast<float>(rng.normal()) * (spec.is_vector ? 0.1F : 0.2F) +
                        (spec.is_vector ? 1.0F : 0.0F);
            }
            kernels::quantise_row(dtype, row.data(), bytes.data() + r * row_bytes, spec.columns);
        }
        std::vector<std::uint64_t> dims = {static_cast<std::uint64_t>(spec.columns)};
        if (!spec.is_vector) dims.push_back(static_cast<std::uint64_t>(spec.rows));
        const Status added = writer.add_tensor(spec.name, type, dims, bytes);
        CAIRN_ASSERT(added.has_value());
    }
    return writer.to_bytes();
}

inline std::shared_ptr<const Model> test_model(const TestModelOptions& options = {}) {
    return Model::from_bytes(test_model_bytes(options)).value();
}

/// An adapter on all matrices of the layers with random values of visible size.
inline format::Adapter test_adapter(const ModelConfig& config, std::uint64_t seed, int rank = 4) {
    Rng rng(seed);
    format::Adapter parts;
    parts.alpha = 8;
    for (const TensorSpec& spec : model_tensors(config)) {
        if (spec.layer < 0 || spec.is_vector) continue;
        format::LoraPair pair;
        pair.target = spec.name;
        pair.rank = rank;
        pair.inputs = static_cast<int>(spec.columns);
        pair.outputs = static_cast<int>(spec.rows);
        for (std::int64_t i = 0; i < rank * spec.columns; ++i) {
            pair.a.push_back(static_cast<float>(rng.normal()) * 0.1F);
        }
        for (std::int64_t i = 0; i < rank * spec.rows; ++i) {
            pair.b.push_back(static_cast<float>(rng.normal()) * 0.1F);
        }
        parts.pairs.push_back(std::move(pair));
    }
    return parts;
}

}  // namespace cairn::engine::testing
