// SPDX-License-Identifier: Apache-2.0
// The table of architectures. A new one adds its file and one line here.
#include <array>
#include <string>

#include "arch.h"

namespace cairn::engine {

extern const ArchSpec kLlamaArch;

namespace {
constexpr std::array kArchs = {
    &kLlamaArch,
};
}  // namespace

const ArchSpec* find_arch(std::string_view name) {
    for (const ArchSpec* arch : kArchs) {
        if (arch->name == name) return arch;
    }
    return nullptr;
}

std::string known_archs() {
    std::string names;
    for (const ArchSpec* arch : kArchs) {
        if (!names.empty()) names += ", ";
        names += arch->name;
    }
    return names;
}

}  // namespace cairn::engine
