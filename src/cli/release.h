// SPDX-License-Identifier: Apache-2.0
// Releasing one scenario, with a reason when a failed gate is overruled.
#pragma once

#include <string>

#include "session.h"

namespace cairn::cli {

/// `asked`: somebody asked for this release, so it goes live even after a roll-back; `cairn up`
/// leaves a roll-back alone as long as nothing new is to be released.
Result<StepResult> release_scenario(Session& session, const ScenarioConfig& scenario,
                                    const std::string& override_reason, bool asked);

}  // namespace cairn::cli
