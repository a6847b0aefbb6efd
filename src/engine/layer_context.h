// SPDX-License-Identifier: Apache-2.0
// The words in which an architecture writes its layer: norm, linear (with the rows' adapters), RoPE
// and attention over the rows of a ragged batch. Owned by Forward.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cairn/base/thread_pool.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/kv_cache.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

/// Neighbouring rows with the same adapter.
struct AdapterRun {
    const Adapter* adapter = nullptr;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

class LayerContext {
  public:
    LayerContext(const Model& model, ThreadPool* pool) : model_(model), pool_(pool) {}

    /// Forgets the last batch and makes room for `rows` rows.
    void begin(std::int64_t rows);
    /// Declares the next row: a new token of `kv` at `position`.
    void add_row(KvCache* kv, std::int64_t position, const Adapter* adapter);

    const ModelConfig& config() const { return model_.config(); }
    std::int64_t rows() const { return rows_; }
    /// The residual stream [rows, D].
    float* x() { return x_.data(); }
    /// Scratch [rows, width]; the content lives until the same index is asked for again.
    float* buffer(std::size_t index, std::int64_t width);

    void norm(std::int64_t layer, Slot slot, float* out, const float* in);
    /// y[rows, outputs] = in * W^T, plus each row's adapter.
    void linear(std::int64_t layer, Slot slot, float* y, const float* in);
    void rope(float* values, std::int64_t heads);
    /// Stores key and value of each row in its cache, then attends over all positions up to it.
    void attend(std::int64_t layer, float* out, const float* query, const float* key,
                const float* value);
    void silu_mul(float* out, const float* gate, const float* up, std::int64_t width);
    void add_to_x(const float* values);

  private:
    struct Row {
        KvCache* kv;
        std::int64_t position;
    };
    void add_adapter(const AdapterRun& run, const LoraDelta& delta, float* y, const float* in);

    static constexpr std::size_t kBufferCount = 8;
    const Model& model_;
    ThreadPool* pool_;
    std::int64_t rows_ = 0;
    std::vector<float> x_;
    std::array<std::vector<float>, kBufferCount> buffers_;
    std::vector<float> lora_down_;
    std::vector<float> lora_up_;
    std::vector<Row> row_;
    std::vector<AdapterRun> runs_;
    std::vector<float> cosines_;  ///< [rows, K / 2]
    std::vector<float> sines_;
    std::vector<kernels::AttentionRow> attention_;
};

}  // namespace cairn::engine
