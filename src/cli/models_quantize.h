// SPDX-License-Identifier: Apache-2.0
// The commands of `cairn models` that write and compare models.
#pragma once

#include "command.h"

namespace cairn::cli {

void add_models_quantize(CLI::App& models, const Globals& globals, Action& action);
void add_models_adapter(CLI::App& models, const Globals& globals, Action& action);

}  // namespace cairn::cli
