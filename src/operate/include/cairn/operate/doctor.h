// SPDX-License-Identifier: Apache-2.0
// The doctor: what this machine and workspace need to work, checked, each with what to do when it
// is not so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cairn/base/config.h"

namespace cairn::operate {

enum class Health { kGood, kWarning, kBad };

struct Check {
    std::string name;
    Health health = Health::kGood;
    std::string found;
    std::string advice;  ///< empty when the check is good
};

/// Cores, memory, disk, helper programs, and the workspace's store when `config` is given.
std::vector<Check> examine(const WorkspaceConfig* config);

}  // namespace cairn::operate
