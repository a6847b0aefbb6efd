// SPDX-License-Identifier: Apache-2.0
// Models that read a text in both directions and write none: BERT, RoBERTa, ModernBERT. Token ids
// in; a vector per token, or the labels of a classification head, out. A sequence gives the same
// bytes alone and in any batch, on any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/thread_pool.h"
#include "cairn/format/gguf.h"
#include "cairn/text/tokenizer.h"

namespace cairn::engine {

using text::TokenId;

/// How the vectors of a text's tokens become the vector of the text.
enum class Pooling : std::uint8_t { kMean, kCls, kLast };
/// "mean", "cls", "last".
std::string_view pooling_name(Pooling pooling);

struct EncoderConfig {
    std::string architecture;  ///< "bert", "modern-bert"
    std::int64_t layers = 0;
    std::int64_t model_width = 0;
    std::int64_t heads = 0;
    std::int64_t ff_width = 0;
    std::int64_t vocabulary = 0;
    std::int64_t context = 0;      ///< positions
    std::int64_t token_types = 0;  ///< rows of token_types.weight
    float norm_epsilon = 1e-12F;
    float rope_base = 0;         ///< of layers that see everything; 0: learned positions
    float rope_base_local = 0;   ///< of layers that see a window
    std::int64_t window = 0;     ///< positions that local layers see to each side
    std::vector<bool> is_local;  ///< by layer; empty: none
    bool has_final_norm = false;

    std::vector<std::string> labels;  ///< of the classification head; empty: no head
    bool has_head_dense = false;
    Pooling head_pooling = Pooling::kCls;

    /// What its maker says about embeddings: see EmbedderOptions.
    Pooling pooling = Pooling::kMean;
    bool normalise = true;
    std::int64_t max_tokens = 0;  ///< 0: context
    std::string query_prefix;
    std::string passage_prefix;

    std::int64_t head_width() const { return model_width / heads; }
    std::int64_t token_limit() const { return max_tokens == 0 ? context : max_tokens; }
};

/// One text or pair as the model reads it, special tokens included.
struct EncoderSequence {
    std::vector<TokenId> tokens;
    std::vector<std::uint8_t> types;  ///< 1 for the second text of a pair; empty: all 0
};

/// Weights in place of a read-only mapping, tokenizer, shape. Immutable and shared by threads.
class Encoder {
  public:
    /// A .gguf file or a Hugging Face directory. Errors: kUnsupported for an architecture, module
    /// or tensor that is not known (named), kInvalid for a missing or misshapen tensor.
    static Result<std::shared_ptr<const Encoder>> load(const std::filesystem::path& path);
    ~Encoder();

    const EncoderConfig& config() const;
    const text::Tokenizer& tokenizer() const;
    const std::string& name() const;
    std::int64_t parameter_count() const;
    std::int64_t weight_bytes() const;
    /// SHA-256 in hex over the tensors and what decides their use; computed at the first call.
    const std::string& digest() const;

    /// [CLS] first [SEP], and second [SEP] when given; RoBERTa's kind has <s> and </s> </s>.
    EncoderSequence wrap(std::span<const TokenId> first,
                         std::span<const TokenId> second = {}) const;
    /// How many tokens wrap adds to one text or to a pair.
    std::int64_t wrap_tokens(bool pair) const;

    struct State;  ///< the room's own
    const State& state() const { return *state_; }

  private:
    explicit Encoder(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// True when the architecture of this file is an encoder's.
bool is_encoder(const format::GgufFile& file);
/// "bert, modern-bert".
std::string known_encoders();

/// Runs batches. One object per thread; its scratch memory grows with the largest batch.
class EncoderForward {
  public:
    EncoderForward(std::shared_ptr<const Encoder> encoder, ThreadPool* pool);
    ~EncoderForward();

    /// The last hidden state of every token, sequence after sequence: [sum of lengths, D]. Valid
    /// until the next call. Errors: kTooLarge beyond the context (limit named), kInvalid for token
    /// ids out of range and empty sequences.
    Result<std::span<const float>> run(std::span<const EncoderSequence> sequences);
    /// run, then the classification head: [sequences, labels]. Errors: kUnsupported without a head.
    Result<std::span<const float>> classify(std::span<const EncoderSequence> sequences);

  private:
    struct Scratch;
    std::shared_ptr<const Encoder> encoder_;
    std::unique_ptr<Scratch> scratch_;
};

/// out[D] from the hidden states of one sequence.
void pool_tokens(float* out, const float* hidden, std::int64_t tokens, std::int64_t width,
                 Pooling pooling);

}  // namespace cairn::engine
