// SPDX-License-Identifier: Apache-2.0
// What the engine has to know about a kind of encoder: its metadata, its tensors, and the graph of
// one layer in the words of EncoderContext. One file arch_x.cc defines a spec, encoder.cc lists it.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/engine/encoder.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

/// What a tensor is for. Every matrix and norm is followed by its bias, which may be absent.
enum class Part : std::uint8_t {
    kTokens,
    kPositions,
    kTypes,
    kEmbeddingNorm,
    kEmbeddingNormBias,
    kFinalNorm,
    kFinalNormBias,
    kHeadDense,
    kHeadDenseBias,
    kHeadNorm,
    kHeadNormBias,
    kLabels,
    kLabelsBias,
    kAttentionNorm,  ///< from here on: once per layer
    kAttentionNormBias,
    kQuery,
    kQueryBias,
    kKey,
    kKeyBias,
    kValue,
    kValueBias,
    kAttentionOutput,
    kAttentionOutputBias,
    kFfNorm,
    kFfNormBias,
    kGate,
    kGateBias,
    kUp,
    kUpBias,
    kDown,
    kDownBias,
};
inline constexpr std::size_t kPartCount = static_cast<std::size_t>(Part::kDownBias) + 1;

struct PartSpec {
    std::string name;  ///< "blk.3.attn_q.weight"
    Part part = Part::kTokens;
    std::int64_t layer = -1;
    std::int64_t rows = 1;  ///< of this part; 1 and is_vector for norms and biases
    std::int64_t columns = 0;
    bool is_vector = false;
    bool optional = false;        ///< a bias that a maker may leave out
    std::int64_t first_row = 0;   ///< where the part begins in a fused tensor
    std::int64_t total_rows = 0;  ///< of the fused tensor; 0: rows
};

using EncoderLayer = std::array<Weight, kPartCount>;

/// The rows of a ragged batch and the operations of a layer on them.
class EncoderContext {
  public:
    EncoderContext(const Encoder& encoder, ThreadPool* pool) : encoder_(encoder), pool_(pool) {}

    void begin(std::span<const EncoderSequence> sequences);
    const EncoderConfig& config() const { return encoder_.config(); }
    std::int64_t rows() const { return rows_; }
    float* x() { return x_.data(); }
    /// Scratch [rows, width]; the content lives until the same index is asked for again.
    float* buffer(std::size_t index, std::int64_t width);
    bool has(std::int64_t layer, Part part) const { return weight(layer, part).data != nullptr; }

    /// x = token (+ position + type) embeddings of every row.
    void embed(std::span<const EncoderSequence> sequences);
    void norm(std::int64_t layer, Part part, float* out, const float* in, std::int64_t rows = -1);
    /// y = in * W^T + bias over all rows, or over the first `rows` of them.
    void linear(std::int64_t layer, Part part, float* y, const float* in, std::int64_t rows = -1);
    /// Turns every head by its row's position.
    void rope(float* values, double base);
    /// Every row attends to its whole sequence, or to `window` rows to each side (0: all).
    void attend(float* out, const float* query, const float* key, const float* value,
                std::int64_t window);
    void gelu(float* values, std::int64_t width);
    void gelu_mul(float* gate, const float* up, std::int64_t width);
    void add_to_x(const float* values);

  private:
    struct Place {
        std::int64_t first;  ///< row of its sequence's first token
        std::int64_t count;  ///< tokens of its sequence
    };
    struct Angles {
        double base = 0;
        std::int64_t positions = 0;
        std::vector<float> cosines;  ///< [positions, K / 2]
        std::vector<float> sines;
    };
    const Weight& weight(std::int64_t layer, Part part) const;
    void add_row_of(const Weight& table, std::int64_t row, float* out);
    const Angles& angles(double base);

    static constexpr std::size_t kBufferCount = 8;
    const Encoder& encoder_;
    ThreadPool* pool_;
    std::int64_t rows_ = 0;
    std::int64_t longest_ = 0;
    std::vector<float> x_;
    std::vector<float> row_;
    std::array<std::vector<float>, kBufferCount> buffers_;
    std::vector<Place> places_;
    std::array<Angles, 2> angles_;
    std::vector<kernels::AttentionRow> attention_;
};

struct EncoderArch {
    std::string_view name;  ///< general.architecture, and the prefix of its metadata keys
    Result<EncoderConfig> (*read_config)(const format::GgufFile& file);
    std::vector<PartSpec> (*parts)(const EncoderConfig& config);
    void (*run_layer)(EncoderContext& context, std::int64_t layer);
    /// Of the dense layer of the classification head, in place.
    void (*head_activation)(float* values, std::int64_t count);
};

/// nullptr when the architecture is not an encoder's.
const EncoderArch* find_encoder_arch(std::string_view name);

struct Encoder::State {
    explicit State(format::GgufFile given) : file(std::move(given)) {}
    format::GgufFile file;
    std::string name;
    const EncoderArch* arch = nullptr;
    EncoderConfig config;
    std::shared_ptr<const text::Tokenizer> tokenizer;
    TokenId begin_token = text::kNoToken;
    TokenId end_token = text::kNoToken;
    bool doubled_separator = false;
    std::vector<EncoderLayer> layers;  ///< [layer + 1]; 0 holds what is outside of the layers
    std::vector<std::unique_ptr<float[]>> vectors;
    std::int64_t parameters = 0;
    std::int64_t bytes = 0;
    mutable std::once_flag digest_once;
    mutable std::string digest;
};

/// Appends a matrix or norm with its bias.
void add_part(std::vector<PartSpec>& parts, PartSpec spec);

}  // namespace cairn::engine
