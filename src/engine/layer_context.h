// SPDX-License-Identifier: Apache-2.0
// The words in which an architecture writes its layer: norm, linear (with bias and the rows'
// adapters), RoPE and attention over the rows of a ragged batch. Owned by Forward. blocks.h joins
// them to the blocks that most architectures share.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cairn/base/thread_pool.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/kv_cache.h"
#include "cairn/engine/model.h"
#include "rope_table.h"

namespace cairn::engine {

/// Neighbouring rows with the same adapter.
struct AdapterRun {
    const Adapter* adapter = nullptr;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// Scratch memory by purpose.
enum class Buffer : std::uint8_t {
    kNormed,
    kOut,
    kQuery,
    kKey,
    kValue,
    kFused,
    kAttended,
    kGate,
    kUp,
    kCompressed,
    kRouter,
    kExpertIn,
    kExpertGate,
    kExpertUp,
    kExpertOut,
    kCount,
};

class LayerContext {
  public:
    struct Row {
        KvCache* kv;
        std::int64_t position;
    };

    LayerContext(const Model& model, ThreadPool* pool);

    /// Forgets the last batch and makes room for `rows` rows.
    void begin(std::int64_t rows);
    /// Declares the next row: a new token of `kv` at `position`.
    void add_row(KvCache* kv, std::int64_t position, const Adapter* adapter);

    const Model& model() const { return model_; }
    const ModelConfig& config() const { return model_.config(); }
    ThreadPool* pool() const { return pool_; }
    std::int64_t rows() const { return rows_; }
    const Row& row(std::int64_t index) const { return row_[static_cast<std::size_t>(index)]; }
    bool has(std::int64_t layer, Slot slot) const {
        return model_.weight(layer, slot).data != nullptr;
    }
    /// The residual stream [rows, D].
    float* x() { return x_.data(); }
    /// Scratch [rows, width]; the content lives until the same buffer is asked for again.
    float* buffer(Buffer which, std::int64_t width);

    /// RMSNorm of each piece of a row that is as wide as the weight: the row, or each of its heads.
    void norm(std::int64_t layer, Slot slot, float* out, const float* in, std::int64_t width);
    /// The same with the model's width.
    void norm(std::int64_t layer, Slot slot, float* out, const float* in);
    /// y[rows, outputs] = in * W^T, plus the bias, plus each row's adapter.
    void linear(std::int64_t layer, Slot slot, float* y, const float* in);
    /// Turns each row's [heads, head_width]; the first rotary values of a head turn.
    void rope(Rope which, float* values, std::int64_t heads, std::int64_t head_width);
    /// Stores key and value of each row in its cache, then attends over the positions up to it.
    void attend(std::int64_t layer, float* out, const float* query, const float* key,
                const float* value);
    /// Attention of queries over what the layer's cache holds already.
    void attend_cached(std::int64_t layer, float* out, const float* query,
                       const kernels::AttentionShape& shape);
    /// x += residual_scale * values, which are lost.
    void add_to_x(float* values);

  private:
    /// Cosines and sines [rows, rotary width / 2].
    struct Angles {
        std::vector<float> cosines;
        std::vector<float> sines;
    };
    void add_adapter(const AdapterRun& run, const LoraDelta& delta, float* y, const float* in);

    const Model& model_;
    ThreadPool* pool_;
    RopeTables ropes_;
    std::int64_t rows_ = 0;
    std::vector<float> x_;
    std::array<std::vector<float>, static_cast<std::size_t>(Buffer::kCount)> buffers_;
    std::vector<float> lora_down_;
    std::vector<float> lora_up_;
    std::vector<Row> row_;
    std::vector<AdapterRun> runs_;
    Angles global_;
    Angles local_;
    std::vector<kernels::AttentionRow> attention_;
};

}  // namespace cairn::engine
