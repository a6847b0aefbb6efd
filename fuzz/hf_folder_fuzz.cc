// SPDX-License-Identifier: Apache-2.0
// Any config.json over any tensors as a Hugging Face model, generative or encoder, in every
// quantisation: refused, or loaded so completely that tokens can be computed with it.
#include <cstdint>

#include "cairn/engine/encoder.h"
#include "cairn/engine/forward.h"
#include "folder_input.h"
#include "hf_weights.h"

namespace {

using namespace cairn;
using namespace cairn::engine;

constexpr std::string_view kTokenizer = R"({"model": {"type": "BPE", "merges": ["a b"],
    "vocab": {"a": 0, "b": 1, "ab": 2, "[UNK]": 3}, "unk_token": "[UNK]"},
    "added_tokens": [{"id": 4, "content": "[CLS]", "special": true},
                     {"id": 5, "content": "[SEP]", "special": true}]})";

void read_weights(const std::filesystem::path& folder) {
    const auto directory = format::HfDirectory::open(folder);
    if (!directory) return;
    const auto weights = HfWeights::open(*directory);
    if (!weights) return;
    for (const std::string& name : weights->names()) {
        const auto weight = weights->read(name);
        if (!weight) continue;
        std::uint64_t values = 1;
        for (const std::uint64_t dim : weight->shape)
            values *= dim;
        const auto columns = weight->shape.empty() ? 1 : weight->shape.back();
        const std::uint64_t rows = columns == 0 ? 0 : values / columns;
        CAIRN_ASSERT(weight->bytes.size() ==
                     rows * static_cast<std::uint64_t>(kernels::bytes_per_row(
                                weight->type, static_cast<std::int64_t>(columns))));
    }
}

void compute(const std::shared_ptr<const Model>& model) {
    Forward forward(model, nullptr);
    KvCache kv(model->config(), 3);
    const std::vector<TokenId> tokens(3, 0);
    const BatchItem item = {&kv, tokens, nullptr, Logits::kAll};
    const auto logits = forward.run({&item, 1});
    CAIRN_ASSERT(logits.has_value());
    CAIRN_ASSERT(std::ssize(*logits) == 3 * model->config().vocabulary);
}

void compute(const std::shared_ptr<const Encoder>& encoder) {
    EncoderForward forward(encoder, nullptr);
    const std::vector<TokenId> tokens(1, 0);
    const EncoderSequence sequence = encoder->wrap(tokens, tokens);
    const auto hidden = forward.run({&sequence, 1});
    if (!hidden) return;  // a context of fewer positions
    CAIRN_ASSERT(hidden->size() ==
                 sequence.tokens.size() * static_cast<std::size_t>(encoder->config().model_width));
    const auto labels = forward.classify({&sequence, 1});
    CAIRN_ASSERT(labels.has_value() == !encoder->config().labels.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const ScopedFolder folder("cairn-fuzz-hf-");
    static const bool once = [] {
        fuzz::write(folder.path() / "tokenizer.json", kTokenizer);
        return true;
    }();
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (!once || !fuzz::write_folder(folder.path(), input, "config.json", "model.safetensors"))
        return 0;
    read_weights(folder.path());
    if (const auto model = Model::load(folder.path())) compute(*model);
    if (const auto encoder = Encoder::load(folder.path())) compute(*encoder);
    return 0;
}
