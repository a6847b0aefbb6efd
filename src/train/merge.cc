// SPDX-License-Identifier: Apache-2.0
// Folds an adapter into its base: W + (alpha / rank) * B A in f32, stored as the base was.
#include <fmt/format.h>

#include "cairn/base/files.h"
#include "cairn/format/adapter.h"
#include "cairn/format/gguf.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/kernels/kernels.h"
#include "cairn/train/export.h"
#include "cairn/train/tune.h"

namespace cairn::train {
namespace {

Status fold(const format::LoraPair& pair, float alpha, const Layout& layout,
            std::vector<float>& weights) {
    const TensorPlace* place = layout.find(pair.target);
    if (place == nullptr || place->rows != pair.outputs || place->columns != pair.inputs) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a base tensor {} of [{}, {}], found none",
                                      pair.target, pair.outputs, pair.inputs));
    }
    kernels::gemm_f32(nullptr, kernels::Op::kNone, kernels::Op::kNone, pair.outputs, pair.inputs,
                      pair.rank, alpha / static_cast<float>(pair.rank), pair.b.data(), pair.rank,
                      pair.a.data(), pair.inputs, 1.0F, weights.data() + place->offset,
                      pair.inputs);
    return {};
}

}  // namespace

Status merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                     const std::filesystem::path& output) {
    LoadedBase loaded = CAIRN_TRY(load_base(base));
    const format::Adapter factors = CAIRN_TRY(format::read_adapter(adapter));
    const auto named = factors.notes.find("cairn.base.sha256");
    if (named != factors.notes.end() && named->second != loaded.digest) {
        return make_error(Code::kInvalid,
                          fmt::format("expected the base {}, found {}", named->second.substr(0, 12),
                                      loaded.digest.substr(0, 12)),
                          "merge an adapter only into the model that it was trained on");
    }
    const Layout layout = base_layout(loaded.shape);
    for (const format::LoraPair& pair : factors.pairs) {
        CAIRN_TRY(fold(pair, factors.alpha, layout, loaded.weights));
    }
    const format::GgufFile file = CAIRN_TRY(format::GgufFile::open(base));
    const text::Tokenizer tokenizer = CAIRN_TRY(format::tokenizer_from_gguf(file));
    const format::GgufTensor* first = file.find_tensor("blk.0.attn_q.weight");
    const bool quantised = first != nullptr && first->type == format::TensorType::kQ8_0;
    ModelFile meta;
    meta.name = CAIRN_TRY(file.get_string_or("general.name", "model"));
    const std::string bytes =
        CAIRN_TRY(to_gguf(loaded.shape, loaded.weights, tokenizer,
                          quantised ? ExportType::kQ8_0 : ExportType::kF32, meta));
    return write_file_atomic(output, bytes);
}

}  // namespace cairn::train
