// SPDX-License-Identifier: Apache-2.0
// Tokens in batches through an encoder, then pooling or the head. Batches are cut by tokens, so
// that scratch memory does not grow with the number of texts.
#include "cairn/engine/embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cairn/base/clock.h"
#include "cairn/kernels/kernels.h"

namespace cairn::engine {

namespace {

// Enough rows for the products to be near their best speed; the widest buffer stays in the cache.
constexpr std::int64_t kBatchTokens = 512;
// A single question is too little work to wait for other threads, most of all on a busy machine.
constexpr std::int64_t kAloneTokens = 64;
// A query is a question; below this a passage cannot be judged.
constexpr std::int64_t kPassageTokensMin = 8;

/// Calls run(batch of sequences, index of its first) for pieces of at most kBatchTokens tokens,
/// each in a turn of its own. Returns the milliseconds without waiting.
template <typename Run>
Result<double> in_batches(Turns& turns, std::span<const EncoderSequence> sequences,
                          const Run& run) {
    double seconds = 0;
    std::size_t begin = 0;
    while (begin < sequences.size()) {
        std::size_t end = begin;
        std::int64_t tokens = 0;
        while (end < sequences.size()) {
            tokens += std::ssize(sequences[end].tokens);
            if (end > begin && tokens > kBatchTokens) break;
            ++end;
        }
        const std::lock_guard turn(turns);
        const double began = now_seconds();
        CAIRN_TRY(run(sequences.subspan(begin, end - begin), begin));
        seconds += now_seconds() - began;
        begin = end;
    }
    return 1000 * seconds;
}

void normalise(float* values, std::int64_t width) {
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i)
        squares += static_cast<double>(values[i]) * values[i];
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (std::int64_t i = 0; i < width; ++i)
        values[i] = static_cast<float>(values[i] * scale);
}

}  // namespace

void Turns::lock() {
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = next_++;
    changed_.wait(lock, [&] { return served_ == mine; });
}

void Turns::unlock() {
    const std::lock_guard lock(mutex_);
    ++served_;
    changed_.notify_all();
}

Embedder::Embedder(std::shared_ptr<const Encoder> encoder, int threads)
    : encoder_(std::move(encoder)),
      query_prefix_(encoder_->config().query_prefix),
      passage_prefix_(encoder_->config().passage_prefix),
      pool_(threads),
      forward_(encoder_, &pool_),
      alone_(encoder_, nullptr) {}

Result<std::shared_ptr<Embedder>> Embedder::load(const std::filesystem::path& path, int threads) {
    return std::make_shared<Embedder>(CAIRN_TRY(Encoder::load(path)), threads);
}

void Embedder::set_prefixes(std::string query, std::string passage) {
    query_prefix_ = std::move(query);
    passage_prefix_ = std::move(passage);
}

std::string Embedder::identity() const {
    return fmt::format("{}:{}:{}", encoder_->digest(), query_prefix_, passage_prefix_);
}

Result<Embeddings> Embedder::embed(std::span<const std::string> texts, TextRole role,
                                   LongText long_text) {
    const EncoderConfig& config = encoder_->config();
    const std::string prefix = role == TextRole::kQuery     ? query_prefix_
                               : role == TextRole::kPassage ? passage_prefix_
                                                            : std::string();
    const std::int64_t room = config.token_limit() - encoder_->wrap_tokens(false);
    Embeddings out;
    out.width = config.model_width;
    std::vector<EncoderSequence> sequences;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        std::vector<TokenId> ids = encoder_->tokenizer().encode(prefix + texts[i]);
        if (std::ssize(ids) > room && long_text == LongText::kRefuse) {
            return make_error(Code::kTooLarge,
                              fmt::format("text {}: '{}' reads {} tokens, found {}", i,
                                          encoder_->name(), room, ids.size()),
                              "cut the text into passages");
        }
        if (std::ssize(ids) > room) {
            ids.resize(static_cast<std::size_t>(room));
            ++out.cut;
        }
        sequences.push_back(encoder_->wrap(ids));
        out.tokens += std::ssize(sequences.back().tokens);
    }
    out.values.resize(texts.size() * static_cast<std::size_t>(out.width));
    EncoderForward& forward = out.tokens <= kAloneTokens ? alone_ : forward_;
    out.engine_ms = CAIRN_TRY(
        in_batches(turns_, sequences,
                   [&](std::span<const EncoderSequence> batch, std::size_t first) -> Status {
                       const float* hidden = CAIRN_TRY(forward.run(batch)).data();
                       float* row = out.values.data() + first * static_cast<std::size_t>(out.width);
                       for (const EncoderSequence& sequence : batch) {
                           const std::int64_t count = std::ssize(sequence.tokens);
                           pool_tokens(row, hidden, count, out.width, config.pooling);
                           if (config.normalise) normalise(row, out.width);
                           hidden += count * out.width;
                           row += out.width;
                       }
                       return {};
                   }));
    return out;
}

Reranker::Reranker(std::shared_ptr<const Encoder> encoder, int threads)
    : encoder_(std::move(encoder)), pool_(threads), forward_(encoder_, &pool_) {}

Result<std::shared_ptr<Reranker>> Reranker::load(const std::filesystem::path& path, int threads) {
    auto encoder = CAIRN_TRY(Encoder::load(path));
    if (encoder->config().labels.size() != 1) {
        return make_error(Code::kUnsupported,
                          fmt::format("{}: a reranker has 1 label, this model has {}",
                                      path.string(), encoder->config().labels.size()));
    }
    return std::shared_ptr<Reranker>(new Reranker(std::move(encoder), threads));
}

Result<RankedPassages> Reranker::score(std::string_view query,
                                       std::span<const std::string> passages) {
    const std::vector<TokenId> asked = encoder_->tokenizer().encode(query);
    const std::int64_t room =
        encoder_->config().token_limit() - encoder_->wrap_tokens(true) - std::ssize(asked);
    if (room < kPassageTokensMin) {
        return make_error(Code::kTooLarge,
                          fmt::format("the query has {} tokens; '{}' reads {} in all", asked.size(),
                                      encoder_->name(), encoder_->config().token_limit()),
                          "ask a shorter question");
    }
    RankedPassages out;
    std::vector<EncoderSequence> sequences;
    for (const std::string& passage : passages) {
        std::vector<TokenId> ids = encoder_->tokenizer().encode(passage);
        if (std::ssize(ids) > room) {
            ids.resize(static_cast<std::size_t>(room));
            ++out.cut;
        }
        sequences.push_back(encoder_->wrap(asked, ids));
        out.tokens += std::ssize(sequences.back().tokens);
    }
    out.engine_ms = CAIRN_TRY(in_batches(
        turns_, sequences, [&](std::span<const EncoderSequence> batch, std::size_t) -> Status {
            for (const float logit : CAIRN_TRY(forward_.classify(batch))) {
                out.scores.push_back(1 / (1 + std::exp(-double{logit})));
            }
            return {};
        }));
    return out;
}

void dot_products(float* out, const float* query, const float* rows, std::int64_t count,
                  std::int64_t width) {
    kernels::matmul_nt(nullptr, out, query, rows, kernels::DType::kF32, 1, count, width);
}

}  // namespace cairn::engine
