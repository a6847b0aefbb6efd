// SPDX-License-Identifier: Apache-2.0
// The table of architectures. A new one adds its file and one line here.
#include <array>
#include <string>

#include "arch.h"

namespace cairn::engine {

extern const ArchSpec kDeepseek2Arch;
extern const ArchSpec kGemma2Arch;
extern const ArchSpec kGemma3Arch;
extern const ArchSpec kGptOssArch;
extern const ArchSpec kGraniteArch;
extern const ArchSpec kLlamaArch;
extern const ArchSpec kMiniMax01Arch;
extern const ArchSpec kMiniMaxM2Arch;
extern const ArchSpec kPhi3Arch;
extern const ArchSpec kQwen2Arch;
extern const ArchSpec kQwen3Arch;
extern const ArchSpec kQwen3MoeArch;
extern const ArchSpec kSmolLm3Arch;

namespace {
constexpr std::array kArchs = {
    &kDeepseek2Arch, &kGemma2Arch,    &kGemma3Arch,    &kGptOssArch, &kGraniteArch,
    &kLlamaArch,     &kMiniMax01Arch, &kMiniMaxM2Arch, &kPhi3Arch,   &kQwen2Arch,
    &kQwen3Arch,     &kQwen3MoeArch,  &kSmolLm3Arch,
};
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
