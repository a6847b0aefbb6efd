// SPDX-License-Identifier: Apache-2.0
// Embeds the new tokens of all sequences, runs the architecture's layers over them as one batch,
// and computes logits for the rows that are asked for.
#include "cairn/engine/forward.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "arch.h"
#include "layer_context.h"

namespace cairn::engine {

struct Forward::Scratch {
    Scratch(const Model& model, ThreadPool* pool) : context(model, pool) {}
    LayerContext context;
    std::vector<float> rows;  ///< of the residual stream whose logits are wanted
    std::vector<float> logits;
};

Forward::Forward(std::shared_ptr<const Model> model, ThreadPool* pool)
    : model_(std::move(model)), pool_(pool), scratch_(std::make_unique<Scratch>(*model_, pool)) {}

Forward::~Forward() = default;

namespace {

Status check_tokens(std::span<const BatchItem> items, std::int64_t vocabulary) {
    for (const BatchItem& item : items) {
        for (const TokenId id : item.tokens) {
            if (id < 0 || id >= vocabulary) {
                return make_error(Code::kInvalid,
                                  fmt::format("token id {}: expected 0 to {}", id, vocabulary - 1));
            }
        }
        CAIRN_ASSERT(item.kv->length() + std::ssize(item.tokens) <= item.kv->capacity());
    }
    return {};
}

void embed(const Weight& embedding, std::span<const BatchItem> items, LayerContext& context) {
    const std::int64_t row_bytes = kernels::bytes_per_row(embedding.dtype, embedding.columns);
    const auto* table = static_cast<const std::byte*>(embedding.data);
    const float scale = context.config().embedding_scale;
    float* out = context.x();
    for (const BatchItem& item : items) {
        std::int64_t position = item.kv->length();
        for (const TokenId id : item.tokens) {
            kernels::dequantise_row(embedding.dtype, table + id * row_bytes, out,
                                    embedding.columns);
            if (scale != 1.0F) {
                for (std::int64_t i = 0; i < embedding.columns; ++i)
                    out[i] *= scale;
            }
            out += embedding.columns;
            context.add_row(item.kv, position++, item.adapter);
        }
    }
}

/// Copies the rows whose logits are wanted next to each other; returns how many.
std::int64_t gather_rows(std::span<const BatchItem> items, const float* x, std::int64_t width,
                         std::vector<float>& rows) {
    rows.clear();
    for (const BatchItem& item : items) {
        const auto count = std::ssize(item.tokens);
        std::int64_t wanted = item.logits == Logits::kAll ? count : 1;
        if (item.logits == Logits::kNone || count == 0) wanted = 0;
        rows.insert(rows.end(), x + (count - wanted) * width, x + count * width);
        x += count * width;
    }
    return static_cast<std::int64_t>(rows.size()) / width;
}

void finish_logits(const ModelConfig& config, float* logits, std::int64_t count) {
    if (config.logit_scale != 1.0F) {
        for (std::int64_t i = 0; i < count; ++i)
            logits[i] *= config.logit_scale;
    }
    if (config.logit_softcap == 0) return;
    for (std::int64_t i = 0; i < count; ++i)
        logits[i] = config.logit_softcap * std::tanh(logits[i] / config.logit_softcap);
}

}  // namespace

Result<std::span<const float>> Forward::run(std::span<const BatchItem> items) {
    const ModelConfig& config = model_->config();
    CAIRN_TRY(check_tokens(items, config.vocabulary));
    std::int64_t total = 0;
    for (const BatchItem& item : items)
        total += std::ssize(item.tokens);
    LayerContext& context = scratch_->context;
    context.begin(total);
    embed(model_->embedding(), items, context);

    const ArchSpec* arch = find_arch(config.architecture);
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
        arch->run_layer(context, layer);
    for (const BatchItem& item : items)
        item.kv->advance(std::ssize(item.tokens));

    std::vector<float>& rows = scratch_->rows;
    const std::int64_t count = gather_rows(items, context.x(), config.model_width, rows);
    if (count == 0) return std::span<const float>();
    kernels::rmsnorm(pool_, rows.data(), rows.data(), model_->output_norm().floats(), count,
                     config.model_width, config.rms_epsilon);
    const auto size = static_cast<std::size_t>(count * config.vocabulary);
    if (scratch_->logits.size() < size) scratch_->logits.resize(size);
    const Weight& head = model_->head();
    kernels::matmul_nt(pool_, scratch_->logits.data(), rows.data(), head.data, head.dtype, count,
                       head.rows, head.columns);
    finish_logits(config, scratch_->logits.data(), static_cast<std::int64_t>(size));
    return std::span<const float>(scratch_->logits.data(), size);
}

}  // namespace cairn::engine
