// SPDX-License-Identifier: Apache-2.0
// From a recipe and a folder of text to a model file: tokenizer, plain-text stage, chat stage,
// export, measurement. Every part is kept in the work folder and skipped when it is there already.
#pragma once

#include <filesystem>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"

namespace cairn::train {

struct PretrainOptions {
    std::filesystem::path recipe;
    std::filesystem::path corpus;  ///< GROUP.jsonl.zst, heldout.jsonl.zst, MANIFEST.md
    std::filesystem::path work;    ///< caches and checkpoints
    std::filesystem::path model;   ///< the GGUF to write; its card is beside it (.md)
    int threads = 0;
    int last_stage = 4;  ///< 0 tokenizer, 1 text, 2 chats, 3 export, 4 measure and card
    ProgressSink sink;
};

/// Errors: those of the parts; kCancelled after Ctrl-C (go on with the same command).
Status pretrain(const PretrainOptions& options);

}  // namespace cairn::train
