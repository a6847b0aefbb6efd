// SPDX-License-Identifier: Apache-2.0
// Files that live inside the binary: the tables that cmake/Embed.cmake writes (console, demo base).
#pragma once

#include <string_view>

namespace cairn {

struct EmbeddedFile {
    std::string_view path;   ///< relative to the embedded folder, '/' separated
    std::string_view bytes;  ///< valid as long as the process
};

}  // namespace cairn
