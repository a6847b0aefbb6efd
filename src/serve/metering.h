// SPDX-License-Identifier: Apache-2.0
// Writes what a request used into the ledger and the request log: both or neither, once.
#pragma once

#include <string>

#include "cairn/base/result.h"
#include "cairn/engine/scheduler.h"
#include "cairn/ledger/meter.h"
#include "cairn/serve/http.h"
#include "service_state.h"

namespace cairn::serve {

struct Served {
    std::string request_id;
    const Caller* caller = nullptr;
    const ServedModel* model = nullptr;
    engine::Usage usage;
    engine::Usage computed;  ///< what the engine did for it; equal to `usage` if `exact`
    bool exact = true;       ///< false: more may be metered than the engine computed
    std::string finish;      ///< "stop", "length", "deadline", "disconnected", "error"
    int status = 200;        ///< as sent; 499 when nobody listened any more
    double first_token_s = 0;
    double total_s = 0;
    std::string model_digest = {};  ///< empty: the base model's
};

inline constexpr int kStatusDisconnected = 499;

/// What the engine has counted since this service began.
ledger::EngineRun engine_run(const Service::State& state);

/// Durable when it returns well.
Status settle(Service::State& state, const Served& served);

}  // namespace cairn::serve
