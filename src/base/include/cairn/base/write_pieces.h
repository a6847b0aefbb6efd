// SPDX-License-Identifier: Apache-2.0
// write_file_atomic for files that do not fit into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn {

/// Appends a piece to the file in work.
using PieceSink = std::function<Status(std::string_view piece)>;

/// As write_file_atomic (files.h): `produce` gives the content piece by piece; when it fails
/// nothing is replaced.
Status write_file_pieces(const std::filesystem::path& path,
                         const std::function<Status(const PieceSink&)>& produce);

}  // namespace cairn
