// SPDX-License-Identifier: Apache-2.0
// The name of a model in releases, adapters and meters: a digest of the files it is read from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cairn/base/files.h"
#include "cairn/base/result.h"

namespace cairn::engine {

/// What `path` is read from, with sizes and times behind links, sorted by name: the file itself;
/// all shards, when it is the first of several; of a Hugging Face directory its weights,
/// configuration, tokenizer and template (other files do not change what the model says).
Result<std::vector<FileEntry>> model_files(const std::filesystem::path& path);

/// One file: its SHA-256 in hex. Several: the SHA-256 of their names and SHA-256s. Reads
/// everything. Equals Model::digest of the model at `path`.
Result<std::string> model_digest(const std::filesystem::path& path);

}  // namespace cairn::engine
