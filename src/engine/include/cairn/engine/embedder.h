// SPDX-License-Identifier: Apache-2.0
// Texts to vectors whose cosine says how alike they are in meaning, and texts to scores of how well
// they answer a query. Deterministic: a text gives the same bytes alone and in any batch.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/encoder.h"

namespace cairn::engine {

/// Models that were trained with prefixes want to know which side of the search a text stands on.
enum class TextRole : std::uint8_t { kPlain, kQuery, kPassage };

/// What happens to a text that is longer than the model reads.
enum class LongText : std::uint8_t { kRefuse, kCut };

struct Embeddings {
    std::int64_t width = 0;
    std::vector<float> values;  ///< [texts, width]; of length 1 unless the maker says otherwise
    std::int64_t tokens = 0;    ///< that were read, special tokens included
    std::int64_t cut = 0;       ///< texts of which only the beginning was read (LongText::kCut)
    double engine_ms = 0;       ///< without waiting for a turn

    std::span<const float> row(std::size_t index) const {
        const auto w = static_cast<std::size_t>(width);
        return std::span(values).subspan(index * w, w);
    }
};

/// A lock that is handed on in the order in which callers came: one call with many batches lets
/// every short one in between.
class Turns {
  public:
    void lock();
    void unlock();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_ = 0;
    std::uint64_t served_ = 0;
};

/// Thread-safe: calls take turns, batch by batch.
class Embedder {
  public:
    /// `threads` 0: one per usable core.
    explicit Embedder(std::shared_ptr<const Encoder> encoder, int threads = 0);
    /// Errors: those of Encoder::load.
    static Result<std::shared_ptr<Embedder>> load(const std::filesystem::path& path,
                                                  int threads = 0);

    /// Errors: kTooLarge names the text, its tokens and the limit (LongText::kRefuse).
    Result<Embeddings> embed(std::span<const std::string> texts, TextRole role = TextRole::kPlain,
                             LongText long_text = LongText::kRefuse);

    /// In place of the prefixes that the model's files name; most name none. Before the first
    /// embed.
    void set_prefixes(std::string query, std::string passage);

    const Encoder& encoder() const { return *encoder_; }
    std::int64_t width() const { return encoder_->config().model_width; }
    /// Changes whenever the same text could get another vector.
    std::string identity() const;

  private:
    std::shared_ptr<const Encoder> encoder_;
    std::string query_prefix_;
    std::string passage_prefix_;
    Turns turns_;
    ThreadPool pool_;
    EncoderForward forward_;
    EncoderForward alone_;  ///< on the calling thread
};

struct RankedPassages {
    std::vector<double> scores;  ///< 0..1, one per passage, in their order
    std::int64_t tokens = 0;
    std::int64_t cut = 0;
    double engine_ms = 0;
};

/// A cross-encoder: reads query and passage together. Thread-safe: calls take turns, batch by
/// batch.
class Reranker {
  public:
    /// Errors: kUnsupported when the model's head does not have exactly one label.
    static Result<std::shared_ptr<Reranker>> load(const std::filesystem::path& path,
                                                  int threads = 0);

    /// The sigmoid of the head's value for each pair. A query that leaves a passage no room is
    /// refused (kTooLarge); long passages are read by their beginning and counted.
    Result<RankedPassages> score(std::string_view query, std::span<const std::string> passages);

    const Encoder& encoder() const { return *encoder_; }

  private:
    Reranker(std::shared_ptr<const Encoder> encoder, int threads);
    std::shared_ptr<const Encoder> encoder_;
    Turns turns_;
    ThreadPool pool_;
    EncoderForward forward_;
};

/// out[i] = query . rows[i, :], on the calling thread.
void dot_products(float* out, const float* query, const float* rows, std::int64_t count,
                  std::int64_t width);

}  // namespace cairn::engine
