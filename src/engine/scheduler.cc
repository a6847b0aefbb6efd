// SPDX-License-Identifier: Apache-2.0
// The engine thread. Each step takes the next tokens of every running sequence (one for those that
// decode, a bounded share of the prompt for those that prefill) through one forward pass.
#include "cairn/engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <thread>

#include "cairn/base/clock.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/forward.h"
#include "scoring.h"
#include "sequence.h"

namespace cairn::engine {
namespace {

// A sequence waits for another one's prefill when that saves at least this many positions.
constexpr std::int64_t kWorthWaiting = 8;

double now_ms() {
    return now_seconds() * 1000.0;
}

struct ScoreJob {
    ScoreRequest request;
    std::vector<std::vector<TokenId>> candidates;
    std::optional<Result<ScoreResult>> result;

    // The engine's own, once the job has begun.
    std::string key;
    std::unique_ptr<KvCache> kv;
    std::unique_ptr<SlicedScore> score;
    ScoreResult so_far;
};

/// The next `count` tokens of a sequence.
struct Work {
    Sequence* sequence = nullptr;
    std::int64_t count = 0;
};

std::int64_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
    return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
    switch (reason) {
        case FinishReason::kStop:
            return "stop";
        case FinishReason::kLength:
            return "length";
        case FinishReason::kCancelled:
            return "cancelled";
        case FinishReason::kDeadline:
            return "deadline";
    }
    return "stop";
}

struct Scheduler::State {
    State(std::shared_ptr<const Model> m, SchedulerOptions o)
        : model(std::move(m)), options(o), pool(o.threads), forward(model, &pool) {}

    // Shared, under `mutex`.
    std::mutex mutex;
    std::condition_variable wake;        ///< the engine: there is work
    std::condition_variable score_done;  ///< callers of score()
    std::deque<std::shared_ptr<Job>> queue;
    std::deque<ScoreJob*> scores;
    SchedulerMetrics metrics;
    bool stopping = false;

    // The engine's own.
    std::shared_ptr<const Model> model;
    SchedulerOptions options;
    ThreadPool pool;
    Forward forward;
    PrefixCache prefixes;
    std::vector<std::unique_ptr<Sequence>> running;
    std::int64_t running_bytes = 0;
    std::thread thread;

    Status check(const GenerateRequest& request) const;
    std::int64_t capacity(const GenerateRequest& request) const;

    void loop();
    bool take_work();
    void drop_interrupted_queue();
    void admit();
    bool try_admit(const std::shared_ptr<Job>& job);
    void count_known(std::int64_t tokens);
    PrefixCache::Hit known_prefix(std::string_view key, std::span<const TokenId> prompt);
    bool worth_waiting(const Sequence& sequence, std::int64_t known) const;
    void step();
    std::vector<Work> plan();
    Status run_batch(std::span<const Work> work);
    void finish(Sequence& sequence, Result<GenerateResult> result);
    void fail_all(const Error& error);
    void advance_score();
    void begin_score(ScoreJob& job);
    Result<bool> score_slice(ScoreJob& job);
    void finish_score(ScoreJob& job, const Status& done);
};

Status Scheduler::State::check(const GenerateRequest& request) const {
    const ModelConfig& config = model->config();
    const std::int64_t prompt = std::ssize(request.prompt);
    if (prompt == 0) return make_error(Code::kInvalid, "the prompt has no tokens");
    if (prompt >= config.context) {
        return make_error(
            Code::kInvalid,
            fmt::format("prompt has {} tokens, context is {}", prompt, config.context),
            "shorten the prompt");
    }
    if (request.max_tokens < 0 || prompt + request.max_tokens > config.context) {
        return make_error(Code::kInvalid,
                          fmt::format("prompt has {} tokens and max_tokens is {}, context is {}",
                                      prompt, request.max_tokens, config.context),
                          "ask for fewer tokens or shorten the prompt");
    }
    for (const TokenId id : request.prompt) {
        if (id >= 0 && id < config.vocabulary) continue;
        return make_error(Code::kInvalid,
                          fmt::format("token id {}: expected 0 to {}", id, config.vocabulary - 1));
    }
    if (request.stops.size() > limits::kStopStringsMax) {
        return make_error(Code::kInvalid,
                          fmt::format("{} stop strings, the limit is {}", request.stops.size(),
                                      limits::kStopStringsMax));
    }
    const std::int64_t bytes = KvCache::bytes_for(config, capacity(request));
    if (bytes > options.kv_bytes) {
        return make_error(Code::kInvalid,
                          fmt::format("request needs {} bytes of key-value cache, the limit is {}",
                                      bytes, options.kv_bytes),
                          "give the scheduler more memory or ask for fewer tokens");
    }
    return check_sampling_options(request.sampling);
}

std::int64_t Scheduler::State::capacity(const GenerateRequest& request) const {
    if (request.max_tokens == 0) return model->config().context;
    return std::ssize(request.prompt) + request.max_tokens;
}

void Scheduler::State::loop() {
    while (take_work()) {
        try {
            admit();
            step();
            advance_score();
        } catch (const std::exception& e) {  // memory, or a caller's callback
            fail_all(make_error(Code::kInternal, fmt::format("the engine failed: {}", e.what())));
        }
    }
    for (const auto& sequence : running) {
        sequence->result.finish_reason = FinishReason::kCancelled;
        finish(*sequence, sequence->take_result(now_ms()));
    }
    running.clear();
    fail_all(make_error(Code::kUnavailable, "the engine stops"));
}

/// Waits for work. False when the scheduler stops.
bool Scheduler::State::take_work() {
    std::unique_lock lock(mutex);
    metrics.queued = std::ssize(queue);
    metrics.running = std::ssize(running);
    metrics.kv_bytes_used = running_bytes + prefixes.bytes();
    wake.wait(lock,
              [this] { return stopping || !queue.empty() || !scores.empty() || !running.empty(); });
    return !stopping;
}

void Scheduler::State::finish(Sequence& sequence, Result<GenerateResult> result) {
    sequence.over = true;
    running_bytes -= sequence.kv->bytes();
    const std::int64_t length = sequence.kv->length();
    if (options.reuse_prefixes && result && length > 0) {
        // Kept at its exact size: the room for tokens that were never generated is given back.
        auto kept = std::make_unique<KvCache>(model->config(), length, sequence.kv->capacity());
        kept->copy_prefix(*sequence.kv, length);
        sequence.tokens.resize(static_cast<std::size_t>(length));
        prefixes.insert(sequence.key, std::move(sequence.tokens), std::move(kept));
        prefixes.shrink(options.kv_bytes - running_bytes);
    }
    {
        const std::lock_guard lock(mutex);
        if (result) {
            ++metrics.requests_done;
        } else {
            ++metrics.requests_failed;
        }
    }
    sequence.job->finish(std::move(result));
}

void Scheduler::State::fail_all(const Error& error) {
    for (const auto& sequence : running) {
        if (sequence->over) continue;
        running_bytes -= sequence->kv->bytes();
        sequence->job->finish(error);
    }
    std::deque<std::shared_ptr<Job>> waiting;
    std::deque<ScoreJob*> unscored;
    {
        const std::lock_guard lock(mutex);
        metrics.requests_failed += std::ssize(running) + std::ssize(queue);
        waiting.swap(queue);
        unscored.swap(scores);
        for (ScoreJob* job : unscored)
            job->result = error;
        score_done.notify_all();
    }
    running.clear();
    for (const auto& job : waiting)
        job->finish(error);
}

/// Jobs that were cancelled or ran out of time before they started used nothing.
void Scheduler::State::drop_interrupted_queue() {
    std::vector<std::shared_ptr<Job>> dropped;
    const double now = now_ms();
    {
        const std::lock_guard lock(mutex);
        const auto over = [&](const std::shared_ptr<Job>& job) {
            return job->cancelled || now - job->submit_ms > job->request.deadline_ms;
        };
        std::copy_if(queue.begin(), queue.end(), std::back_inserter(dropped), over);
        std::erase_if(queue, over);
        metrics.requests_done += std::ssize(dropped);
    }
    for (const auto& job : dropped) {
        GenerateResult result;
        result.finish_reason = job->cancelled ? FinishReason::kCancelled : FinishReason::kDeadline;
        result.total_ms = now - job->submit_ms;
        job->finish(std::move(result));
    }
}

void Scheduler::State::admit() {
    drop_interrupted_queue();
    while (std::ssize(running) < options.max_batch) {
        std::shared_ptr<Job> job;
        {
            const std::lock_guard lock(mutex);
            if (queue.empty()) return;
            job = queue.front();
        }
        if (!try_admit(job)) return;
        const std::lock_guard lock(mutex);
        queue.pop_front();
    }
}

/// The longest beginning of the prompt that some finished or running sequence has computed.
PrefixCache::Hit Scheduler::State::known_prefix(std::string_view key,
                                                std::span<const TokenId> prompt) {
    PrefixCache::Hit hit = prefixes.find(key, prompt);
    for (const auto& other : running) {
        if (other->key != key) continue;
        const auto computed =
            std::span(other->tokens).first(static_cast<std::size_t>(other->kv->length()));
        const std::int64_t common = other->kv->usable_prefix(common_prefix(computed, prompt));
        if (common > hit.length) hit = {other->kv.get(), common};
    }
    // The last token is always computed: its logits are needed.
    const std::int64_t most = std::min<std::int64_t>(hit.length, std::ssize(prompt) - 1);
    hit.length = hit.kv == nullptr ? 0 : hit.kv->usable_prefix(most);
    return hit;
}

bool Scheduler::State::worth_waiting(const Sequence& sequence, std::int64_t known) const {
    return std::any_of(running.begin(), running.end(), [&](const auto& other) {
        if (other->key != sequence.key || !other->in_prefill()) return false;
        return common_prefix(other->tokens, sequence.tokens) >= known + kWorthWaiting;
    });
}

/// Input that need not be computed again.
void Scheduler::State::count_known(std::int64_t tokens) {
    const std::lock_guard lock(mutex);
    metrics.input_tokens += tokens;
    metrics.cached_tokens += tokens;
}

bool Scheduler::State::try_admit(const std::shared_ptr<Job>& job) {
    const std::int64_t room = capacity(job->request);
    const std::int64_t bytes = KvCache::bytes_for(model->config(), room);
    if (running_bytes + bytes > options.kv_bytes) return false;
    auto sequence = std::make_unique<Sequence>(job, *model, room);
    if (options.reuse_prefixes) {
        const PrefixCache::Hit hit = known_prefix(sequence->key, job->request.prompt);
        if (worth_waiting(*sequence, hit.length)) return false;
        if (hit.length > 0) sequence->kv->copy_prefix(*hit.kv, hit.length);
        sequence->result.usage.cached_tokens = hit.length;
        count_known(hit.length);
    }
    running_bytes += bytes;
    prefixes.shrink(options.kv_bytes - running_bytes);
    running.push_back(std::move(sequence));
    return true;
}

/// What each sequence computes in this step; the oldest prompts use up the prefill budget first.
std::vector<Work> Scheduler::State::plan() {
    const double now = now_ms();
    std::vector<Work> work;
    std::int64_t budget = options.prefill_chunk;
    for (const auto& sequence : running) {
        if (sequence->interrupted(now)) {
            finish(*sequence, sequence->take_result(now));
            continue;
        }
        std::int64_t count = sequence->pending();
        if (sequence->in_prefill()) {
            count = std::min(count, budget);
            budget -= count;
        }
        if (count > 0) work.push_back({sequence.get(), count});
    }
    // Equal adapters next to each other: their small products then run over more rows at once.
    std::stable_sort(work.begin(), work.end(), [](const Work& a, const Work& b) {
        return std::less<>()(a.sequence->job->request.adapter.get(),
                             b.sequence->job->request.adapter.get());
    });
    return work;
}

void Scheduler::State::step() {
    const std::vector<Work> work = plan();
    if (!work.empty()) {
        if (const Status done = run_batch(work); !done) fail_all(done.error());
    }
    std::erase_if(running, [](const auto& sequence) { return sequence->over; });
}

Status Scheduler::State::run_batch(std::span<const Work> work) {
    std::vector<BatchItem> items;
    std::int64_t total = 0;
    for (const auto& [sequence, count] : work) {
        const auto tokens = std::span(sequence->tokens)
                                .subspan(static_cast<std::size_t>(sequence->kv->length()),
                                         static_cast<std::size_t>(count));
        items.push_back({sequence->kv.get(), tokens, sequence->job->request.adapter.get(),
                         count == sequence->pending() ? Logits::kLast : Logits::kNone});
        total += count;
    }
    const double begin = now_ms();
    const std::span<const float> logits = CAIRN_TRY(forward.run(items));
    const auto vocabulary = static_cast<std::size_t>(model->config().vocabulary);
    std::size_t row = 0;
    std::vector<std::pair<Sequence*, Result<bool>>> sampled;
    for (std::size_t i = 0; i < work.size(); ++i) {
        if (items[i].logits == Logits::kNone) continue;
        Sequence& sequence = *work[i].sequence;
        sampled.emplace_back(
            &sequence,
            sequence.sample(*model, logits.subspan(row * vocabulary, vocabulary), now_ms()));
        ++row;
    }
    const double end = now_ms();
    std::int64_t read = 0;
    for (const auto& [sequence, count] : work) {
        sequence->result.usage.engine_ms +=
            (end - begin) * static_cast<double>(count) / static_cast<double>(total);
        const std::int64_t after = sequence->kv->length();
        const std::int64_t prompt = sequence->prompt_tokens();
        read += std::min(after, prompt) - std::min(after - count, prompt);
    }
    {
        // Counted where the work is done and not from what requests are told, so that the ledger
        // can be compared with it.
        const std::lock_guard lock(mutex);
        ++metrics.steps;
        metrics.busy_ms += end - begin;
        metrics.input_tokens += read;
        metrics.output_tokens += std::count_if(
            sampled.begin(), sampled.end(), [](const auto& one) { return one.second.has_value(); });
    }
    for (auto& [sequence, over] : sampled) {
        if (!over) {
            finish(*sequence, over.error());
        } else if (*over) {
            finish(*sequence, sequence->take_result(end));
        }
    }
    return {};
}

/// One slice of the first waiting score: generations wait for no more than that.
void Scheduler::State::advance_score() {
    ScoreJob* job = nullptr;
    {
        const std::lock_guard lock(mutex);
        if (scores.empty()) return;
        job = scores.front();
    }
    const Result<bool> over = score_slice(*job);
    if (over && !*over) return;
    finish_score(*job, over ? Status() : Status(over.error()));
}

void Scheduler::State::begin_score(ScoreJob& job) {
    const ScoreRequest& request = job.request;
    const std::int64_t length = std::ssize(request.prompt);
    std::int64_t longest = length;
    for (const auto& ids : job.candidates)
        longest = std::max(longest, length + std::ssize(ids));
    job.kv = std::make_unique<KvCache>(model->config(), length, longest);
    job.key = prefix_key(request.adapter.get(), request.cache_salt, job.kv->is_long());
    if (options.reuse_prefixes) {
        const PrefixCache::Hit hit = known_prefix(job.key, request.prompt);
        if (hit.length > 0) job.kv->copy_prefix(*hit.kv, hit.length);
        job.so_far.usage.cached_tokens = hit.length;
    }
    job.score = std::make_unique<SlicedScore>(forward, request.adapter.get(), request.prompt,
                                              job.candidates, *job.kv);
}

/// True when the score is complete or nobody wants it any more.
Result<bool> Scheduler::State::score_slice(ScoreJob& job) {
    if (job.request.keep_going && !job.request.keep_going()) {
        job.so_far.cancelled = true;
        return true;
    }
    const double begin = now_ms();
    if (job.score == nullptr) {
        begin_score(job);
        count_known(job.so_far.usage.cached_tokens);
    }
    const std::int64_t before = job.score->tokens();
    const bool complete = CAIRN_TRY(job.score->advance());
    const double took_ms = now_ms() - begin;
    job.so_far.usage.engine_ms += took_ms;
    const std::lock_guard lock(mutex);
    ++metrics.steps;
    metrics.busy_ms += took_ms;
    metrics.input_tokens += job.score->tokens() - before;
    return complete;
}

void Scheduler::State::finish_score(ScoreJob& job, const Status& done) {
    ScoreResult& result = job.so_far;
    if (job.score != nullptr) {
        result.usage.input_tokens = job.score->tokens();
        const bool whole = job.kv->length() == std::ssize(job.request.prompt);
        if (done && !result.cancelled) result.scores = job.score->take_scores();
        if (options.reuse_prefixes && whole) {
            prefixes.insert(std::move(job.key), job.request.prompt, std::move(job.kv));
            prefixes.shrink(options.kv_bytes - running_bytes);
        }
    }
    const std::lock_guard lock(mutex);
    scores.pop_front();
    job.result = done ? Result<ScoreResult>(std::move(result)) : Result<ScoreResult>(done.error());
    score_done.notify_all();
}

Scheduler::Scheduler(std::shared_ptr<const Model> model, SchedulerOptions options)
    : state_(std::make_unique<State>(std::move(model), options)) {
    state_->thread = std::thread([state = state_.get()] { state->loop(); });
}

Scheduler::~Scheduler() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    state_->thread.join();
}

Result<std::shared_ptr<Generation>> Scheduler::submit(GenerateRequest request) {
    State& s = *state_;
    CAIRN_TRY(s.check(request));
    auto job = std::make_shared<Job>(std::move(request), now_ms());
    {
        const std::lock_guard lock(s.mutex);
        if (s.stopping) return make_error(Code::kUnavailable, "the engine stops");
        if (std::ssize(s.queue) >= s.options.max_queue) {
            return make_error(Code::kUnavailable,
                              fmt::format("{} requests are waiting, the limit is {}",
                                          s.queue.size(), s.options.max_queue),
                              "try again in a few seconds");
        }
        s.queue.push_back(job);
        s.metrics.queued = std::ssize(s.queue);
    }
    s.wake.notify_all();
    return std::shared_ptr<Generation>(std::move(job));
}

Result<GenerateResult> Scheduler::generate(GenerateRequest request) {
    const std::shared_ptr<Generation> generation = CAIRN_TRY(submit(std::move(request)));
    return generation->wait();
}

Result<ScoreResult> Scheduler::score(ScoreRequest request) {
    State& s = *state_;
    ScoreJob job;
    job.request = std::move(request);
    for (const std::string& candidate : job.request.candidates) {
        job.candidates.push_back(s.model->tokenizer().encode(candidate));
    }
    CAIRN_TRY(check_candidates(s.model->config(), job.request.prompt, job.candidates));
    std::unique_lock lock(s.mutex);
    if (s.stopping) return make_error(Code::kUnavailable, "the engine stops");
    if (std::ssize(s.scores) >= s.options.max_queue) {
        return make_error(Code::kUnavailable,
                          fmt::format("{} scores are waiting, the limit is {}", s.scores.size(),
                                      s.options.max_queue),
                          "try again in a few seconds");
    }
    s.scores.push_back(&job);
    s.wake.notify_all();
    s.score_done.wait(lock, [&] { return job.result.has_value(); });
    return std::move(*job.result);
}

SchedulerMetrics Scheduler::metrics() const {
    const std::lock_guard lock(state_->mutex);
    return state_->metrics;
}

const std::shared_ptr<const Model>& Scheduler::model() const {
    return state_->model;
}
int Scheduler::threads() const {
    return state_->pool.size();
}

}  // namespace cairn::engine
