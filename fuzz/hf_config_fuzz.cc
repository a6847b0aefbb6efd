// SPDX-License-Identifier: Apache-2.0
// Any text as a model's config.json: refused by the name of a key, or a shape whose numbers can be
// counted with.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "cairn/operate/model_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto shape = cairn::operate::shape_of_config({reinterpret_cast<const char*>(data), size});
    if (!shape) {
        CAIRN_ASSERT(!shape.error().message.empty());
        return 0;
    }
    CAIRN_ASSERT(std::isfinite(shape->parameters) && shape->parameters >= 0);
    CAIRN_ASSERT(shape->layers >= 1);
    cairn::operate::Machine machine;
    machine.memory_bytes = 16e9;
    machine.read_gb_per_s = 40;
    machine.int8_gop_per_s = 2000;
    const auto plan = cairn::operate::plan_model(*shape, machine, {0.5, 0.5}, {});
    for (const auto& row : plan.rows) {
        CAIRN_ASSERT(row.context_max >= 0 && row.total_bytes >= row.weight_bytes);
    }
    return 0;
}
