// SPDX-License-Identifier: Apache-2.0
// One generation inside the scheduler: the job that callers wait for, and the sequence that the
// engine's thread computes for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cairn/engine/kv_cache.h"
#include "cairn/engine/scheduler.h"
#include "cairn/engine/text_stream.h"

namespace cairn::engine {

/// What a caller holds; shared between its thread and the engine's.
class Job final : public Generation {
  public:
    Job(GenerateRequest request, double now_ms) : request(std::move(request)), submit_ms(now_ms) {}

    Result<GenerateResult> wait() override;
    void cancel() override { cancelled = true; }
    /// Calls on_done, then wakes the waiters. Once.
    void finish(Result<GenerateResult> result);

    GenerateRequest request;
    const double submit_ms;
    std::atomic<bool> cancelled = false;

  private:
    std::mutex mutex_;
    std::condition_variable done_;
    std::optional<Result<GenerateResult>> result_;
};

/// Requests that may share cached positions.
std::string prefix_key(const Adapter* adapter, std::string_view salt, bool is_long);

/// A job that was admitted. Used by the engine's thread only.
class Sequence {
  public:
    Sequence(std::shared_ptr<Job> job, const Model& model, std::int64_t capacity);

    /// Tokens that are not in the cache yet.
    std::int64_t pending() const { return std::ssize(tokens) - kv->length(); }
    bool in_prefill() const { return kv->length() < prompt_tokens(); }
    std::int64_t prompt_tokens() const { return std::ssize(job->request.prompt); }
    /// True when the caller cancelled or the deadline passed; sets the reason.
    bool interrupted(double now_ms);
    /// Chooses the next token from its logits. True when the generation is over.
    Result<bool> sample(const Model& model, std::span<const float> logits, double now_ms);
    /// The result as it stands; the sequence is over. Gives out the text that was held back.
    GenerateResult take_result(double now_ms);

    std::shared_ptr<Job> job;
    std::string key;
    std::vector<TokenId> tokens;  ///< prompt and what was generated
    std::unique_ptr<KvCache> kv;
    GenerateResult result;
    bool over = false;  ///< finished; to be taken out of the running ones

  private:
    bool emit(TokenId token, std::string_view text, float logprob);

    Sampler sampler_;
    TextStream stream_;
    TokenMask mask_;
};

}  // namespace cairn::engine
