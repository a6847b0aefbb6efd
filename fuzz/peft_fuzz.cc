// SPDX-License-Identifier: Apache-2.0
// Any adapter_config.json over any tensors as a PEFT adapter: refused, or finite matrices that a
// model of the right shape computes with, and that come back when they are written.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cairn/engine/adapter.h"
#include "cairn/engine/forward.h"
#include "cairn/engine/peft.h"
#include "folder_input.h"

namespace {

using namespace cairn;
using namespace cairn::engine;

void compute(const std::shared_ptr<const Model>& model, const format::Adapter& parts) {
    const auto adapter = Adapter::from_parts(parts, *model, "fuzz");
    if (!adapter) return;
    Forward forward(model, nullptr);
    KvCache kv(model->config(), 2);
    const std::vector<TokenId> tokens(2, 0);
    const BatchItem item = {&kv, tokens, adapter->get(), Logits::kAll};
    CAIRN_ASSERT(forward.run({&item, 1}).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const ScopedFolder folder("cairn-fuzz-peft-");
    static const auto model =
        Model::load(CAIRN_SOURCE_DIR "/src/engine/testdata/llama_untied.gguf").value();
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (!fuzz::write_folder(folder.path(), input, "adapter_config.json",
                            "adapter_model.safetensors"))
        return 0;
    const auto read = read_peft(folder.path(), *model);
    if (!read) return 0;
    const auto finite = [](float value) { return std::isfinite(value); };
    CAIRN_ASSERT(finite(read->alpha));
    for (const format::LoraPair& pair : read->pairs) {
        const auto side = [&](int other) { return static_cast<std::size_t>(pair.rank) * other; };
        CAIRN_ASSERT(pair.a.size() == side(pair.inputs) && pair.b.size() == side(pair.outputs));
        CAIRN_ASSERT(std::ranges::all_of(pair.a, finite) && std::ranges::all_of(pair.b, finite));
    }
    compute(model, *read);
    const auto copy = folder.path() / "copy";
    if (!write_peft(copy, *read, *model, "base")) return 0;
    const auto again = read_peft(copy, *model);
    CAIRN_ASSERT(again.has_value() && again->pairs.size() == read->pairs.size());
    return 0;
}
