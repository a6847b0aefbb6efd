// SPDX-License-Identifier: Apache-2.0
// One forward pass over a ragged batch: several sequences, each with its new tokens. The logits of
// a sequence are the same bytes whatever else is in the batch, however its prompt is cut into
// chunks, and for any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cairn/base/thread_pool.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/kv_cache.h"
#include "cairn/engine/model.h"

namespace cairn::engine {

enum class Logits : std::uint8_t { kNone, kLast, kAll };

struct BatchItem {
    KvCache* kv = nullptr;  ///< room for the tokens is the caller's duty; grows by them
    std::span<const TokenId> tokens;
    const Adapter* adapter = nullptr;
    Logits logits = Logits::kLast;
};

class Forward {
  public:
    /// `pool` may be null: the calling thread does the work.
    Forward(std::shared_ptr<const Model> model, ThreadPool* pool);
    ~Forward();

    /// Logits [rows, V]: for each item in order none, its last, or all of its tokens' rows. Valid
    /// until the next call. Errors: kInvalid for token ids outside of the vocabulary.
    Result<std::span<const float>> run(std::span<const BatchItem> items);

    const Model& model() const { return *model_; }

  private:
    struct Scratch;
    std::shared_ptr<const Model> model_;
    ThreadPool* pool_;
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace cairn::engine
