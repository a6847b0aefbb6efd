// SPDX-License-Identifier: Apache-2.0
// LoRA adapters as GGUF files in the layout of llama.cpp: general.type = adapter, adapter.type =
// lora, and for each adapted weight NAME the tensors NAME.lora_a and NAME.lora_b in f32. Effective
// weight: W + (alpha / rank) * B A.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::format {

struct LoraPair {
    std::string target;  ///< name of the adapted weight: "blk.0.attn_q.weight"
    int rank = 0;
    int inputs = 0;        ///< columns of the weight
    int outputs = 0;       ///< rows of the weight
    std::vector<float> a;  ///< [rank][inputs]
    std::vector<float> b;  ///< [outputs][rank]
};

struct Adapter {
    std::string architecture = "llama";
    float alpha = 0;
    std::map<std::string, std::string> notes;  ///< further string keys: "cairn.base.sha256", ...
    std::vector<LoraPair> pairs;
};

Status write_adapter(const std::filesystem::path& path, const Adapter& adapter);
/// Errors: kInvalid for unpaired tensors, shapes that do not fit, values that are not finite.
Result<Adapter> read_adapter(const std::filesystem::path& path);

}  // namespace cairn::format
