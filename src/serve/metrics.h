// SPDX-License-Identifier: Apache-2.0
// What the server counts for Prometheus. Names and labels are a contract with dashboards: add, do
// not rename.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cairn/engine/scheduler.h"

namespace cairn::serve {

/// Thread-safe.
class Metrics {
  public:
    /// The scheduler's own figures are read at each scrape.
    explicit Metrics(std::shared_ptr<engine::Scheduler> scheduler);
    ~Metrics();

    void count_request(const std::string& method, std::string_view route, int status,
                       double seconds);
    void count_generation(const std::string& tenant, const std::string& model,
                          const engine::Usage& usage, double first_token_s, double total_s);
    void count_disconnect();
    /// A request that was answered but could not be written to the ledger.
    void count_unmetered();
    /// The exposition format, version 0.0.4.
    std::string text() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace cairn::serve
