// SPDX-License-Identifier: Apache-2.0
// The table of architectures. A new one adds its file and one line here.
#include <array>
#include <string>

#include "arch.h"

// One line for each architecture, the name of its spec.
#define CAIRN_ARCHITECTURES(ARCH) \
    ARCH(kDeepseek2Arch)          \
    ARCH(kGemma2Arch)             \
    ARCH(kGemma3Arch)             \
    ARCH(kGptOssArch)             \
    ARCH(kGraniteArch)            \
    ARCH(kLlamaArch)              \
    ARCH(kMiniMax01Arch)          \
    ARCH(kMiniMaxM2Arch)          \
    ARCH(kPhi3Arch)               \
    ARCH(kQwen2Arch)              \
    ARCH(kQwen3Arch)              \
    ARCH(kQwen3MoeArch)           \
    ARCH(kSmolLm3Arch)

namespace cairn::engine {

#define CAIRN_DECLARE(name) extern const ArchSpec name;
CAIRN_ARCHITECTURES(CAIRN_DECLARE)

namespace {
#define CAIRN_ADDRESS(name) &name,
constexpr std::array kArchs = {CAIRN_ARCHITECTURES(CAIRN_ADDRESS)};
}  // namespace

std::span<const ArchSpec* const> all_archs() {
    return kArchs;
}

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
