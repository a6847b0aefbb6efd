// SPDX-License-Identifier: Apache-2.0
// Releasing one scenario, with a reason when a failed gate is overruled.
#pragma once

#include <string>

#include "session.h"

namespace cairn::cli {

Result<StepResult> release_scenario(Session& session, const ScenarioConfig& scenario,
                                    const std::string& override_reason);

}  // namespace cairn::cli
