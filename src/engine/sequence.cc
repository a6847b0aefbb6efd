// SPDX-License-Identifier: Apache-2.0
// Sampling, streaming and ending of one generation.
#include "sequence.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "cairn/base/log.h"

namespace cairn::engine {

Result<GenerateResult> Job::wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return result_.has_value(); });
    return *result_;
}

void Job::finish(Result<GenerateResult> result) {
    try {
        if (request.on_done) request.on_done(result);
    } catch (const std::exception& e) {  // a caller's mistake must not stop the others
        spdlog::error("on_done of a generation threw: {}", e.what());
    }
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    done_.notify_all();
}

std::string prefix_key(const Adapter* adapter, std::string_view salt, bool is_long) {
    std::string key = adapter == nullptr ? std::string() : adapter->digest();
    key += is_long ? '\1' : '\0';
    key += salt;
    return key;
}

Sequence::Sequence(std::shared_ptr<Job> job_, const Model& model, std::int64_t capacity)
    : job(std::move(job_)),
      key(prefix_key(job->request.adapter.get(), job->request.cache_salt,
                     KvCache::is_long(model.config(), capacity))),
      tokens(job->request.prompt),
      kv(std::make_unique<KvCache>(model.config(), capacity)),
      sampler_(job->request.sampling),
      stream_(model.tokenizer(), job->request.stops, job->request.shown_tokens) {}

bool Sequence::interrupted(double now_ms) {
    if (job->cancelled) {
        result.finish_reason = FinishReason::kCancelled;
        return true;
    }
    if (now_ms - job->submit_ms > job->request.deadline_ms) {
        result.finish_reason = FinishReason::kDeadline;
        return true;
    }
    return false;
}

bool Sequence::emit(TokenId token, std::string_view text, float logprob) {
    result.text += text;
    if (!job->request.on_token) return true;
    try {
        return job->request.on_token({token, text, logprob});
    } catch (const std::exception& e) {
        spdlog::error("on_token of a generation threw: {}", e.what());
        return false;
    }
}

Result<bool> Sequence::sample(const Model& model, std::span<const float> logits, double now_ms) {
    const GenerateRequest& request = job->request;
    Constraint* constraint = request.constraint.get();
    if (constraint != nullptr) {
        mask_.reset(model.config().vocabulary);
        constraint->fill(mask_);
        if (mask_.count() == 0) {
            return make_error(Code::kInternal, "the constraint allows no token");
        }
    }
    const Sample chosen = sampler_.next(logits, constraint == nullptr ? nullptr : &mask_);
    if (!std::isfinite(chosen.logprob)) {
        return make_error(Code::kInvalid, "the model gives values that are not finite numbers",
                          "the model file or the adapter is damaged");
    }
    ++result.usage.output_tokens;
    if (result.usage.output_tokens == 1) result.first_token_ms = now_ms - job->submit_ms;
    if (constraint != nullptr && !constraint->accept(chosen.token)) {
        return make_error(Code::kInternal, "the constraint refuses a token that it allowed");
    }
    result.finish_reason = FinishReason::kStop;
    if (model.tokenizer().is_end(chosen.token)) return true;

    tokens.push_back(chosen.token);
    result.tokens.push_back(chosen.token);
    result.logprobs.push_back(chosen.logprob);
    result.allowed_logprobs.push_back(chosen.allowed_logprob);
    if (!emit(chosen.token, stream_.push(chosen.token), chosen.logprob)) {
        result.finish_reason = FinishReason::kCancelled;
        return true;
    }
    if (stream_.stopped() || (constraint != nullptr && constraint->finished())) return true;
    result.finish_reason = FinishReason::kLength;
    return std::ssize(result.tokens) == request.max_tokens ||
           std::ssize(tokens) == model.config().context;
}

GenerateResult Sequence::take_result(double now_ms) {
    const std::string rest = stream_.finish();
    if (!rest.empty() && result.finish_reason != FinishReason::kCancelled) {
        emit(text::kNoToken, rest, 0);
    } else {
        result.text += rest;
    }
    result.usage.input_tokens = std::min(prompt_tokens(), kv->length());
    result.total_ms = now_ms - job->submit_ms;
    return std::move(result);
}

}  // namespace cairn::engine
