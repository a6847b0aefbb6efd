// SPDX-License-Identifier: Apache-2.0
// Serves many generations at once on one engine thread: continuous batching, chunked prefill,
// reuse of known prefixes, per-request adapters, limits and usage. Every answer is the same bytes
// as if the request had run alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/limits.h"
#include "cairn/base/result.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/constraint.h"
#include "cairn/engine/model.h"
#include "cairn/engine/sampler.h"
#include "cairn/engine/score.h"

namespace cairn::engine {

struct Usage {
    std::int64_t input_tokens = 0;   ///< the prompt, as far as it was processed
    std::int64_t cached_tokens = 0;  ///< of these, not computed again
    std::int64_t output_tokens = 0;  ///< with the end token, if one was generated
    double engine_ms = 0;            ///< this request's share of the engine's time, by tokens
};

enum class FinishReason : std::uint8_t {
    kStop,       ///< end token, stop string or constraint finished
    kLength,     ///< max_tokens or the context
    kCancelled,  ///< by the callback or cancel(); what was generated is in the result
    kDeadline,
};
/// "stop", "length", "cancelled", "deadline".
std::string_view finish_reason_name(FinishReason reason);

struct TokenEvent {
    TokenId token = text::kNoToken;  ///< kNoToken: only text that was held back, at the end
    std::string_view text;           ///< what may be shown now; may be empty
    float logprob = 0;
};

struct GenerateResult {
    std::vector<TokenId> tokens;          ///< without the end token
    std::string text;                     ///< valid UTF-8, cut at the stop string
    std::vector<float> logprobs;          ///< one per token, under the model's own softmax
    std::vector<float> allowed_logprobs;  ///< the same under the constrained softmax
    FinishReason finish_reason = FinishReason::kStop;
    Usage usage;
    double first_token_ms = 0;  ///< from submit to the first token
    double total_ms = 0;        ///< from submit to the end
};

struct GenerateRequest {
    std::vector<TokenId> prompt;
    SamplingOptions sampling;
    std::int64_t max_tokens = 0;  ///< 0: until the context is full
    std::vector<std::string> stops;
    std::vector<TokenId> shown_tokens;  ///< special tokens that come out as text: marks of calls
    std::shared_ptr<Constraint> constraint;  ///< used by this request alone
    std::shared_ptr<const Adapter> adapter;
    std::string cache_salt;  ///< tenant: prefixes are shared only between equal salts
    double deadline_ms = limits::kRequestSeconds * 1000.0;  ///< from submit
    /// On the engine's thread; must be quick. False cancels.
    std::function<bool(const TokenEvent&)> on_token;
    /// On the engine's thread, exactly once for every submit that succeeded.
    std::function<void(const Result<GenerateResult>&)> on_done;
};

struct ScoreRequest {
    std::vector<TokenId> prompt;
    std::vector<std::string> candidates;
    std::shared_ptr<const Adapter> adapter;
    std::string cache_salt;
    /// On the engine's thread, between two slices; must be quick. False ends the scoring.
    std::function<bool()> keep_going;
};

struct ScoreResult {
    std::vector<CandidateScore> scores;  ///< empty when it was cancelled
    Usage usage;                         ///< what was computed, cancelled or not
    bool cancelled = false;
};

struct SchedulerOptions {
    int threads = 0;              ///< 0: one per usable core
    std::int64_t max_batch = 16;  ///< sequences at once
    std::int64_t max_queue = limits::kQueueMax;
    std::int64_t prefill_chunk = 256;  ///< prompt tokens per step
    std::int64_t kv_bytes = 1 << 30;   ///< running sequences and kept prefixes together
    bool reuse_prefixes = true;
};

struct SchedulerMetrics {
    std::int64_t queued = 0;
    std::int64_t running = 0;
    std::int64_t requests_done = 0;
    std::int64_t requests_failed = 0;
    std::int64_t input_tokens = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t steps = 0;
    double busy_ms = 0;  ///< time inside forward passes
    std::int64_t kv_bytes_used = 0;
};

/// A submitted generation. Dropping the handle does not cancel it.
class Generation {
  public:
    virtual ~Generation() = default;
    virtual Result<GenerateResult> wait() = 0;
    virtual void cancel() = 0;
};

/// Thread-safe. The destructor cancels what is running and waits for it.
class Scheduler {
  public:
    explicit Scheduler(std::shared_ptr<const Model> model, SchedulerOptions options = {});
    ~Scheduler();

    /// Errors: kInvalid for a prompt that is empty, too long for the context or the memory (limit
    /// named) or has bad options; kUnavailable when the queue is full or the scheduler stops.
    Result<std::shared_ptr<Generation>> submit(GenerateRequest request);
    /// submit and wait.
    Result<GenerateResult> generate(GenerateRequest request);
    /// score_candidates on the engine's thread, in bounded slices that take turns with the steps of
    /// generations. Blocks.
    Result<ScoreResult> score(ScoreRequest request);

    SchedulerMetrics metrics() const;
    const std::shared_ptr<const Model>& model() const;
    int threads() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace cairn::engine
