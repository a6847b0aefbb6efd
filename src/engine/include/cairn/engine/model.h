// SPDX-License-Identifier: Apache-2.0
// A loaded model: weights used in place from a read-only mapping (norms widened to f32), tokenizer
// and identity. Immutable, so any number of threads may share it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/engine/model_config.h"
#include "cairn/kernels/kernels.h"
#include "cairn/text/tokenizer.h"

namespace cairn::format {
class GgufFile;
}

namespace cairn::engine {

using text::TokenId;

/// One matrix [rows, columns] (outputs x inputs), a norm vector in f32 (rows = 1), or one matrix
/// per expert or head.
struct Weight {
    const void* data = nullptr;
    kernels::DType dtype = kernels::DType::kF32;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    const float* bias = nullptr;  ///< [rows] or [experts, rows]; null: none
    std::int64_t experts = 0;     ///< 0: one matrix, at `data`
    const void* const* expert_data = nullptr;

    std::int64_t matrix_bytes() const { return rows * kernels::bytes_per_row(dtype, columns); }
    std::int64_t bytes() const { return matrix_bytes() * (experts == 0 ? 1 : experts); }
    const void* expert(std::int64_t index) const { return expert_data[index]; }
    const float* floats() const { return static_cast<const float*>(data); }
};

/// The weights of one layer, by slot.
using Layer = std::array<Weight, static_cast<std::size_t>(kSlotCount)>;

class Model {
  public:
    /// Maps a GGUF file, the shards of a model when `path` is the first, or the weights of a
    /// Hugging Face directory. Errors: those of GgufFile, read_model_config and
    /// tokenizer_from_gguf, and kInvalid for a missing or misshapen tensor ("tensor X: expected
    /// [..], file has [..]").
    static Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path);
    /// The same over the bytes of a GGUF file in memory (tests, training).
    static Result<std::shared_ptr<const Model>> from_bytes(std::string gguf);
    ~Model();

    const ModelConfig& config() const;
    const text::Tokenizer& tokenizer() const;
    const std::string& name() const;  ///< general.name, or empty
    bool has_chat() const;            ///< the tokenizer has the chat markers
    std::int64_t parameter_count() const;
    std::int64_t weight_bytes() const;  ///< that one decoded token has to read (chosen experts)
    /// SHA-256 of the file in hex (shards and directories: see model_digest.h), computed at the
    /// first call, which reads everything. Thread-safe.
    const std::string& digest() const;
    /// Saves that reading to a caller who remembers the digest by path, size and time.
    void know_digest(std::string digest) const;
    /// Metadata and tensors as they were read; the weights below point into its tensors.
    const format::GgufFile& file() const;

    /// Layer -1: outside of the layers. A tied model's kHead is its embedding.
    const Weight& weight(std::int64_t layer, Slot slot) const;
    const Weight& embedding() const;
    const Weight& output_norm() const;
    const Weight& head() const;

  private:
    struct State;
    explicit Model(std::unique_ptr<State> state);
    static Result<std::shared_ptr<const Model>> build(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::engine
