// SPDX-License-Identifier: Apache-2.0
// Puts what is asked in the terminal into the ledger, as the server does for its clients: tenant
// "local", no key. Without it a machine's cost would be shared out among half of its work.
#pragma once

#include <string>

#include "cairn/engine/scheduler.h"
#include "cairn/ledger/meter.h"
#include "cairn/serve/service.h"
#include "session.h"

namespace cairn::cli {

inline constexpr const char* kTerminalTenant = "local";

class TerminalMeter {
  public:
    /// Brings the ledger's tables and price book up to date. The session must outlive the meter.
    static Result<TerminalMeter> open(Session& session);

    /// An answer that was chosen from the documents; what the engine did for it may be less.
    Status chosen(const serve::ServedModel& model, const apps::Answer& answer);
    Status generated(const serve::ServedModel& model, const engine::GenerateResult& result);
    /// Everything has been told: from now on the engine's counts must agree.
    Status close();

  private:
    TerminalMeter(Session& session, std::shared_ptr<engine::Scheduler> scheduler);
    Status record(const serve::ServedModel& model, const engine::Usage& usage,
                  const engine::Usage& computed, bool exact, std::string_view finish);
    ledger::EngineRun run_now() const;

    Session* session_;
    std::shared_ptr<engine::Scheduler> scheduler_;
    ledger::EngineRun run_;
};

}  // namespace cairn::cli
