// SPDX-License-Identifier: Apache-2.0
// Logging to standard error through spdlog; level from CAIRN_LOG (debug, info, warn, error), `warn`
// by default.
#pragma once

#include <spdlog/spdlog.h>

namespace cairn {

/// Call once in main.
void init_logging();

}  // namespace cairn
