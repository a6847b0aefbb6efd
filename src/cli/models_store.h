// SPDX-License-Identifier: Apache-2.0
// What the `cairn models` commands share: which store, and which model a person means.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cairn/base/config.h"
#include "cairn/operate/model_store.h"
#include "command.h"

namespace cairn::cli {

/// The configuration of the workspace around `globals.workspace`; nothing outside of one.
Result<std::optional<WorkspaceConfig>> find_config(const Globals& globals);

/// `folder` (of --store) before [models] store of the workspace before the user's own.
Result<operate::ModelStore> open_models(const Globals& globals, const std::string& folder);

/// A file or folder on disk, the name of a stored model, "hf:..." or "pebble"; empty: the
/// workspace's base model. Gives what Model::load opens.
Result<std::filesystem::path> find_model_path(const Globals& globals, const std::string& folder,
                                              const std::string& name);

/// The hub and what may be told to it: --hub, HF_ENDPOINT, the workspace's, the public one.
Result<operate::HubOptions> hub_options(const Globals& globals, const std::string& address,
                                        const std::string& token_file);

void add_models_pull(CLI::App& models, const Globals& globals, Action& action);
void add_models_plan(CLI::App& models, const Globals& globals, Action& action);

}  // namespace cairn::cli
