// SPDX-License-Identifier: Apache-2.0
// Counters and histograms of prometheus-cpp: see metrics.h.
#include "metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace cairn::serve {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;

/// From a cached answer on a fast machine to the request's deadline.
const Histogram::BucketBoundaries kSecondsBuckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                     1,     2.5,  5,     10,   30,  60,   300};

prometheus::MetricFamily single(const std::string& name, const std::string& help,
                                prometheus::MetricType type, double value) {
    prometheus::ClientMetric metric;
    if (type == prometheus::MetricType::Counter) {
        metric.counter.value = value;
    } else {
        metric.gauge.value = value;
    }
    return {name, help, type, {metric}};
}

std::vector<prometheus::MetricFamily> engine_families(const engine::SchedulerMetrics& now) {
    constexpr auto kGauge = prometheus::MetricType::Gauge;
    constexpr auto kCounter = prometheus::MetricType::Counter;
    const auto number = [](std::int64_t value) { return static_cast<double>(value); };
    return {
        single("cairn_engine_queued", "Generations that wait", kGauge, number(now.queued)),
        single("cairn_engine_running", "Generations in the batch", kGauge, number(now.running)),
        single("cairn_engine_kv_bytes", "Memory of keys and values in use", kGauge,
               number(now.kv_bytes_used)),
        single("cairn_engine_generations_total", "Generations that ended well", kCounter,
               number(now.requests_done)),
        single("cairn_engine_failures_total", "Generations that failed", kCounter,
               number(now.requests_failed)),
        single("cairn_engine_steps_total", "Forward passes", kCounter, number(now.steps)),
        single("cairn_engine_busy_seconds_total", "Time inside forward passes", kCounter,
               now.busy_ms / 1000),
        single("cairn_engine_input_tokens_total", "Prompt tokens", kCounter,
               number(now.input_tokens)),
        single("cairn_engine_cached_tokens_total", "Prompt tokens that were not computed again",
               kCounter, number(now.cached_tokens)),
        single("cairn_engine_output_tokens_total", "Generated tokens", kCounter,
               number(now.output_tokens)),
    };
}

}  // namespace

struct Metrics::State {
    std::shared_ptr<engine::Scheduler> scheduler;
    prometheus::Registry registry;
    Family<Counter>& requests = prometheus::BuildCounter()
                                    .Name("cairn_http_requests_total")
                                    .Help("Requests by route, method and status")
                                    .Register(registry);
    Family<Histogram>& request_seconds = prometheus::BuildHistogram()
                                             .Name("cairn_http_request_seconds")
                                             .Help("From the whole request to the whole reply")
                                             .Register(registry);
    Family<Counter>& tokens = prometheus::BuildCounter()
                                  .Name("cairn_tokens_total")
                                  .Help("Tokens by tenant, model and kind (input is uncached)")
                                  .Register(registry);
    Family<Histogram>& first_token = prometheus::BuildHistogram()
                                         .Name("cairn_time_to_first_token_seconds")
                                         .Help("From the request to its first token")
                                         .Register(registry);
    Family<Histogram>& generation = prometheus::BuildHistogram()
                                        .Name("cairn_generation_seconds")
                                        .Help("From the request to its last token")
                                        .Register(registry);
    Counter& disconnects = prometheus::BuildCounter()
                               .Name("cairn_disconnects_total")
                               .Help("Clients that left before their answer was complete")
                               .Register(registry)
                               .Add({});
    Counter& unmetered = prometheus::BuildCounter()
                             .Name("cairn_unmetered_requests_total")
                             .Help("Requests that the ledger could not record: investigate")
                             .Register(registry)
                             .Add({});
};

Metrics::Metrics(std::shared_ptr<engine::Scheduler> scheduler) : state_(std::make_unique<State>()) {
    state_->scheduler = std::move(scheduler);
}

Metrics::~Metrics() = default;

void Metrics::count_request(const std::string& method, std::string_view route, int status,
                            double seconds) {
    const std::string name(route);
    state_->requests.Add({{"route", name}, {"method", method}, {"status", std::to_string(status)}})
        .Increment();
    state_->request_seconds.Add({{"route", name}}, kSecondsBuckets).Observe(seconds);
}

void Metrics::count_generation(const std::string& tenant, const std::string& model,
                               const engine::Usage& usage, double first_token_s, double total_s) {
    const auto count = [&](const char* kind, std::int64_t tokens) {
        state_->tokens.Add({{"tenant", tenant}, {"model", model}, {"kind", kind}})
            .Increment(static_cast<double>(tokens));
    };
    count("input", usage.input_tokens - usage.cached_tokens);
    count("cached_input", usage.cached_tokens);
    count("output", usage.output_tokens);
    if (first_token_s > 0) {
        state_->first_token.Add({{"model", model}}, kSecondsBuckets).Observe(first_token_s);
    }
    state_->generation.Add({{"model", model}}, kSecondsBuckets).Observe(total_s);
}

void Metrics::count_disconnect() {
    state_->disconnects.Increment();
}

void Metrics::count_unmetered() {
    state_->unmetered.Increment();
}

std::string Metrics::text() const {
    std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
    if (state_->scheduler) {
        for (auto& family : engine_families(state_->scheduler->metrics())) {
            families.push_back(std::move(family));
        }
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace cairn::serve
