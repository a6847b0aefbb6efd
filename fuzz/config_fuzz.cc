// SPDX-License-Identifier: Apache-2.0
// Any text as cairn.toml: refused with the line, or read into a configuration within its bounds.
#include <cstdint>
#include <string_view>

#include "cairn/base/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto config =
        cairn::parse_workspace_config({reinterpret_cast<const char*>(data), size}, "/workspace");
    if (!config) {
        CAIRN_ASSERT(!config.error().message.empty());
        return 0;
    }
    CAIRN_ASSERT(!config->name.empty() && !config->base_model.empty());
    for (const auto& scenario : config->scenarios) {
        CAIRN_ASSERT(scenario.gate.wrong_max >= 0 && scenario.gate.wrong_max <= 1);
    }
    CAIRN_ASSERT(config->tune.rank >= 1 && config->hardware.utilisation >= 0);
    return 0;
}
