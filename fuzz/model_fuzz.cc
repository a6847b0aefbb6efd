// SPDX-License-Identifier: Apache-2.0
// Any bytes as a model: refused, or loaded so completely that tokens can be computed with it.
#include <cstdint>
#include <string>

#include "cairn/engine/forward.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto model =
        cairn::engine::Model::from_bytes(std::string(reinterpret_cast<const char*>(data), size));
    if (!model) return 0;
    cairn::engine::Forward forward(*model, nullptr);
    cairn::engine::KvCache kv((*model)->config(), 3);
    const std::vector<cairn::text::TokenId> tokens(3, 0);
    const cairn::engine::BatchItem item = {&kv, tokens, nullptr, cairn::engine::Logits::kAll};
    const auto logits = forward.run({&item, 1});
    CAIRN_ASSERT(logits.has_value());
    CAIRN_ASSERT(std::ssize(*logits) == 3 * (*model)->config().vocabulary);
    return 0;
}
