// SPDX-License-Identifier: Apache-2.0
// Times prefill and batched decoding on made-up tokens: speed does not depend on what they say.
#include "cairn/engine/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/thread_pool.h"
#include "cairn/engine/forward.h"

namespace cairn::engine {
namespace {

std::vector<TokenId> made_up_tokens(std::int64_t count, std::int64_t vocabulary) {
    std::vector<TokenId> tokens;
    for (std::int64_t i = 0; i < count; ++i) {
        tokens.push_back(static_cast<TokenId>((i * 7919 + 13) % vocabulary));
    }
    return tokens;
}

/// Multiply and add of the matrices, and attention at the middle of the prompt.
double operations(const ModelConfig& config, std::int64_t positions) {
    double weights = 0;
    for (const TensorSpec& spec : model_tensors(config)) {
        const bool counts = spec.layer >= 0 && !spec.is_vector;
        const std::int64_t matrices =
            spec.experts == 0 ? 1 : std::min(spec.experts, config.experts.used);
        weights += counts ? static_cast<double>(spec.rows * spec.columns * matrices) : 0.0;
    }
    const auto attention = static_cast<double>(config.layers * config.query_width() * positions);
    return 2 * weights + 4 * attention;
}

Result<double> prefill_seconds(Forward& forward, std::span<const TokenId> prompt, KvCache& kv) {
    kv.truncate(0);
    const double begin = now_seconds();
    const BatchItem item = {&kv, prompt, nullptr, Logits::kLast};
    CAIRN_TRY(forward.run({&item, 1}));
    return now_seconds() - begin;
}

Result<DecodeSpeed> measure_decode(Forward& forward, const BenchOptions& options,
                                   std::int64_t batch, const KvCache& prompt_kv) {
    const ModelConfig& config = forward.model().config();
    const std::int64_t capacity = prompt_kv.length() + options.decode_tokens;
    std::vector<std::unique_ptr<KvCache>> caches;
    for (std::int64_t i = 0; i < batch; ++i) {
        caches.push_back(std::make_unique<KvCache>(config, capacity));
        caches.back()->copy_prefix(prompt_kv, prompt_kv.length());
    }
    const std::vector<TokenId> tokens = made_up_tokens(options.decode_tokens, config.vocabulary);
    const double begin = now_seconds();
    for (const TokenId& token : tokens) {
        std::vector<BatchItem> items;
        for (const auto& kv : caches)
            items.push_back({kv.get(), {&token, 1}, nullptr, Logits::kLast});
        CAIRN_TRY(forward.run(items));
    }
    const double seconds = now_seconds() - begin;
    DecodeSpeed speed;
    speed.batch = batch;
    speed.tokens_per_second = static_cast<double>(batch * options.decode_tokens) / seconds;
    speed.weight_bytes_per_token =
        static_cast<double>(forward.model().weight_bytes()) / static_cast<double>(batch);
    const double positions =
        static_cast<double>(prompt_kv.length()) + static_cast<double>(options.decode_tokens) / 2;
    speed.kv_bytes_per_token = positions * static_cast<double>(KvCache::bytes_per_position(config));
    return speed;
}

/// Pages of this process that are in memory, as Linux counts them.
Result<std::int64_t> resident_bytes() {
    const std::string text = CAIRN_TRY(read_file("/proc/self/statm", 4096));
    const std::size_t at = text.find(' ');
    std::int64_t pages = 0;
    if (at == std::string::npos ||
        std::from_chars(text.data() + at + 1, text.data() + text.size(), pages).ec != std::errc()) {
        return make_error(Code::kIo, "/proc/self/statm: expected numbers, found '" + text + "'");
    }
    return pages * sysconf(_SC_PAGESIZE);
}

}  // namespace

Result<Readiness> measure_readiness(const std::filesystem::path& path, int threads,
                                    std::int64_t positions) {
    const std::int64_t before = CAIRN_TRY(resident_bytes());
    Readiness ready;
    double begin = now_seconds();
    ready.model = CAIRN_TRY(Model::load(path));
    ready.load_ms = (now_seconds() - begin) * 1000;
    begin = now_seconds();
    ThreadPool pool(threads);
    Forward forward(ready.model, &pool);
    KvCache kv(ready.model->config(), positions);
    const TokenId token = 0;
    const BatchItem item = {&kv, {&token, 1}, nullptr, Logits::kLast};
    CAIRN_TRY(forward.run({&item, 1}));
    ready.first_token_ms = (now_seconds() - begin) * 1000;
    ready.resident_bytes = CAIRN_TRY(resident_bytes()) - before;
    ready.kv_bytes = kv.bytes();
    for (const format::GgufTensor& tensor : ready.model->file().tensors())
        ready.tensor_bytes += std::ssize(tensor.bytes);
    return ready;
}

Result<EngineSpeed> measure_engine(const std::shared_ptr<const Model>& model,
                                   const BenchOptions& options) {
    const ModelConfig& config = model->config();
    const std::int64_t total = options.prompt_tokens + options.decode_tokens;
    if (options.prompt_tokens < 1 || options.decode_tokens < 1 || total > config.context) {
        return make_error(
            Code::kInvalid,
            fmt::format("{} prompt and {} decode tokens: expected at least 1 of each and together "
                        "at most the context of {}",
                        options.prompt_tokens, options.decode_tokens, config.context));
    }
    ThreadPool pool(options.threads);
    Forward forward(model, &pool);
    KvCache kv(config, options.prompt_tokens);
    const std::vector<TokenId> prompt = made_up_tokens(options.prompt_tokens, config.vocabulary);
    // The first pass touches the weights' pages; the better of the next two is the speed.
    CAIRN_TRY(prefill_seconds(forward, prompt, kv));
    const double first = CAIRN_TRY(prefill_seconds(forward, prompt, kv));
    const double second = CAIRN_TRY(prefill_seconds(forward, prompt, kv));
    EngineSpeed speed;
    speed.threads = pool.size();
    speed.prefill_tokens_per_second =
        static_cast<double>(options.prompt_tokens) / std::min(first, second);
    speed.operations_per_token = operations(config, options.prompt_tokens / 2);
    for (const std::int64_t batch : options.batches) {
        speed.decode.push_back(CAIRN_TRY(measure_decode(forward, options, batch, kv)));
    }
    return speed;
}

}  // namespace cairn::engine
