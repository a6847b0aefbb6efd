// SPDX-License-Identifier: Apache-2.0
// Fine-tuning by LoRA: chat examples and a GGUF base go in, a GGUF adapter and its loss curve come
// out. Loss on the assistant's tokens only; the adapter with the best dev loss is kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/text/chat_template.h"
#include "cairn/train/graph.h"

namespace cairn::train {

struct TuneOptions {
    int rank = 8;
    double alpha = 16;
    double rate = 1e-3;
    int epochs = 3;
    std::uint64_t seed = 1;
    int batch_tokens = 4096;  ///< per optimiser step, about
    double warmup_share = 0.05;
    double dev_share = 0.1;  ///< of the examples, when no dev examples are given
    int evaluations = 8;     ///< of the dev loss, over the whole run
    int patience = 3;        ///< stop after so many evaluations without a better dev loss
    double checkpoint_seconds = 30;
    int threads = 0;
    Precision precision = Precision::kBf16;
};

struct TunePoint {
    std::int64_t step = 0;
    double train_loss = 0;  ///< mean nats per token since the last point; at step 0 not measured: 0
    double dev_loss = 0;
};

struct TuneResult {
    std::vector<TunePoint> curve;  ///< the first point is the base model
    std::int64_t best_step = 0;
    double dev_loss_base = 0;
    double dev_loss_best = 0;
    std::int64_t steps = 0;
    std::int64_t examples = 0;
    std::int64_t dev_examples = 0;
    std::int64_t tokens = 0;  ///< trained on, all epochs
    double seconds = 0;       ///< of training, also in earlier processes
    std::string base_digest;
    std::string adapter_digest;  ///< SHA-256 of the file
};

/// Writes the adapter to `output` (format/adapter.h; notes name the base by digest). `folder` holds
/// checkpoints: a killed run goes on from there to the same bytes. Errors: kInvalid for an example
/// without a token to learn (its number named), kTooLarge for one above the context, kCancelled
/// after Ctrl-C, those of reading the base.
Result<TuneResult> tune_lora(const std::filesystem::path& base,
                             std::span<const text::RenderedChat> examples,
                             std::span<const text::RenderedChat> dev, const TuneOptions& options,
                             const ProgressSink& sink, const std::filesystem::path& folder,
                             const std::filesystem::path& output);

/// Writes base + adapter as one model (Q8_0 when the base is, else f32). Errors: kInvalid when the
/// adapter names another base or tensors that the base does not have.
Status merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                     const std::filesystem::path& output);

}  // namespace cairn::train
