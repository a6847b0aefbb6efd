// SPDX-License-Identifier: Apache-2.0
// What travels inside the binary: the base model and the console.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/embedded.h"
#include "cairn/base/result.h"

namespace cairn::cli {

/// Writes the bundled model once to FOLDER/NAME-DIGEST.gguf and returns that path. Errors:
/// kNotFound naming the models that are bundled.
Result<std::filesystem::path> unpack_bundled_model(const std::string& name,
                                                   const std::filesystem::path& folder);

/// What [model] base says when nobody chose.
inline constexpr const char* kBundledBase = "pebble";

struct BundledModel {
    std::string name;
    std::string_view bytes;
};
std::vector<BundledModel> bundled_models();

/// The console's files (web/dist).
std::span<const EmbeddedFile> bundled_console();

}  // namespace cairn::cli
