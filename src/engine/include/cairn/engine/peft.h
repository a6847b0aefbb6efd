// SPDX-License-Identifier: Apache-2.0
// LoRA adapters in the layout of the Python package peft: adapter_config.json and
// adapter_model.safetensors, to and from format::Adapter. Names and row order follow the model that
// they are for.
#pragma once

#include <filesystem>

#include "cairn/base/result.h"
#include "cairn/engine/model.h"
#include "cairn/format/adapter.h"

namespace cairn::engine {

/// True for a folder with an adapter_config.json.
bool is_peft_folder(const std::filesystem::path& folder);

/// Errors: kUnsupported, naming the setting, for what is more than LoRA on matrices (DoRA,
/// modules_to_save, biases, other PEFT types); kInvalid for unpaired or misshapen tensors.
Result<format::Adapter> read_peft(const std::filesystem::path& folder, const Model& model);

/// Writes both files (F32), to be loaded by peft over `base_name`. Errors: kUnsupported when peft
/// has no name for a target or ranks differ.
Status write_peft(const std::filesystem::path& folder, const format::Adapter& adapter,
                  const Model& model, const std::string& base_name);

}  // namespace cairn::engine
