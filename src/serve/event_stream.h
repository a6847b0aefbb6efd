// SPDX-License-Identifier: Apache-2.0
// GET /api/events: what `cairn up` is doing right now, told to every open console.
#pragma once

#include "cairn/serve/http.h"
#include "service_state.h"

namespace cairn::serve {

/// Blocks until the client has gone. At most kEventStreamsMax at once: each one holds a worker.
Reply follow_events(Service::State& state, Responder& responder);

inline constexpr int kEventStreamsMax = 24;

}  // namespace cairn::serve
