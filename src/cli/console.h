// SPDX-License-Identifier: Apache-2.0
// What the console and `cairn status` show of a workspace, read from the store.
#pragma once

#include "cairn/base/config.h"
#include "cairn/serve/console_api.h"
#include "cairn/store/store.h"

namespace cairn::cli {

Result<serve::WorkspaceStatus> workspace_status(const WorkspaceConfig& config, store::Store& store);

serve::ConsoleSources console_sources(const WorkspaceConfig& config);

}  // namespace cairn::cli
