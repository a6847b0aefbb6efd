// SPDX-License-Identifier: Apache-2.0
// cairn bench: what the machine can do at most, what the engine and the trainer reach, and the
// ratio between them.
#include <fmt/format.h>

#include "bench_tokenizer.h"
#include "cairn/engine/bench.h"
#include "cairn/engine/embedder.h"
#include "cairn/kernels/machine.h"
#include "cairn/kernels/product_speed.h"
#include "cairn/train/bench.h"
#include "command.h"
#include "models_store.h"

namespace cairn::cli {

namespace {

nlohmann::json to_json(const kernels::MachineLimits& limits) {
    return {{"isa", limits.isa},
            {"threads", limits.threads},
            {"read_gb_per_s", limits.read_gb_per_s},
            {"f32_gflop_per_s", limits.f32_gflop_per_s},
            {"bf16_gflop_per_s", limits.bf16_gflop_per_s},
            {"int8_gop_per_s", limits.int8_gop_per_s}};
}

std::string to_text(const kernels::MachineLimits& limits) {
    return fmt::format(
        "{} on {} threads: read {:.1f} GB/s, f32 {:.0f} GFLOP/s, bf16 {:.0f} GFLOP/s, int8 {:.0f} "
        "GOP/s\n",
        limits.isa, limits.threads, limits.read_gb_per_s, limits.f32_gflop_per_s,
        limits.bf16_gflop_per_s, limits.int8_gop_per_s);
}

Status bench_machine(const Globals& globals) {
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    print_result(globals, to_json(limits), to_text(limits));
    return {};
}

Status bench_kernels(const Globals& globals) {
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    nlohmann::json json = {{"machine", to_json(limits)}, {"types", nlohmann::json::array()}};
    std::vector<std::vector<std::string>> rows = {
        {"TYPE", "DECODE GB/s", "OF READ LIMIT", "PREFILL GOP/s", "OF INT8 LIMIT"}};
    for (const kernels::ProductSpeed& speed : kernels::measure_products(pool)) {
        const double decode_share = speed.decode_gb_per_s / limits.read_gb_per_s;
        const double prefill_share = speed.prefill_gop_per_s / limits.int8_gop_per_s;
        json["types"].push_back({{"type", kernels::dtype_name(speed.type)},
                                 {"decode_gb_per_s", speed.decode_gb_per_s},
                                 {"share_of_read_limit", decode_share},
                                 {"prefill_gop_per_s", speed.prefill_gop_per_s},
                                 {"share_of_int8_limit", prefill_share}});
        rows.push_back({kernels::dtype_name(speed.type),
                        fmt::format("{:.1f}", speed.decode_gb_per_s),
                        fmt::format("{:.0f} %", 100 * decode_share),
                        fmt::format("{:.0f}", speed.prefill_gop_per_s),
                        fmt::format("{:.0f} %", 100 * prefill_share)});
    }
    print_result(globals, json, to_text(limits) + table(rows));
    return {};
}

nlohmann::json to_json(const engine::Readiness& ready) {
    return {{"load_ms", ready.load_ms},
            {"first_token_ms", ready.first_token_ms},
            {"resident_bytes", ready.resident_bytes},
            {"tensor_bytes", ready.tensor_bytes},
            {"kv_bytes", ready.kv_bytes}};
}

std::string to_text(const engine::Readiness& ready) {
    const auto bytes = [](std::int64_t count) { return human_bytes(static_cast<double>(count)); };
    return fmt::format(
        "ready after {:.0f} ms, first token {:.0f} ms later; resident {}, tensors {}, room for "
        "keys and values {}\n",
        ready.load_ms, ready.first_token_ms, bytes(ready.resident_bytes), bytes(ready.tensor_bytes),
        bytes(ready.kv_bytes));
}

struct EngineBenchOptions {
    std::string model;
    engine::BenchOptions engine;
};

Status bench_engine(const Globals& globals, const EngineBenchOptions& asked) {
    const auto file = CAIRN_TRY(find_model_path(globals, "", asked.model));
    constexpr std::int64_t kPositions = 2048;
    const engine::Readiness ready =
        CAIRN_TRY(engine::measure_readiness(file, globals.threads, kPositions));
    const auto& model = ready.model;
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    engine::BenchOptions options = asked.engine;
    options.threads = globals.threads;
    const engine::EngineSpeed speed = CAIRN_TRY(engine::measure_engine(model, options));
    // Prefill multiplies int8 weights: operations over the int8 limit. Decoding one sequence reads
    // all weights once a token.
    const double prefill_gop = speed.prefill_tokens_per_second * speed.operations_per_token / 1e9;
    nlohmann::json json = {{"machine", to_json(limits)},
                           {"model", file.string()},
                           {"ready", to_json(ready)},
                           {"prefill",
                            {{"tokens_per_s", speed.prefill_tokens_per_second},
                             {"gop_per_s", prefill_gop},
                             {"share_of_int8_limit", prefill_gop / limits.int8_gop_per_s},
                             {"share_of_f32_limit", prefill_gop / limits.f32_gflop_per_s}}},
                           {"decode", nlohmann::json::array()}};
    std::string text = to_text(limits) + to_text(ready);
    text += fmt::format(
        "prefill {:.0f} tokens/s, {:.1f} GOP/s: {:.0f} % of the int8 limit, {:.0f} % of the f32 "
        "limit\n",
        speed.prefill_tokens_per_second, prefill_gop, 100 * prefill_gop / limits.int8_gop_per_s,
        100 * prefill_gop / limits.f32_gflop_per_s);
    for (const engine::DecodeSpeed& decode : speed.decode) {
        const double bytes = decode.weight_bytes_per_token + decode.kv_bytes_per_token;
        const double gb_per_s = decode.tokens_per_second * bytes / 1e9;
        json["decode"].push_back({{"batch", decode.batch},
                                  {"tokens_per_s", decode.tokens_per_second},
                                  {"gb_per_s", gb_per_s},
                                  {"share_of_read_limit", gb_per_s / limits.read_gb_per_s}});
        text += fmt::format(
            "decode, batch {:>2}: {:.0f} tokens/s, {:.1f} GB/s: {:.0f} % of the read limit\n",
            decode.batch, decode.tokens_per_second, gb_per_s,
            100 * gb_per_s / limits.read_gb_per_s);
    }
    print_result(globals, json, text);
    return {};
}

/// Passages of 128 tokens or so, as an index holds them. Products only: attention adds a tenth.
Status bench_encoder(const Globals& globals, const std::string& name) {
    constexpr std::size_t kTexts = 32;
    constexpr double kSeconds = 2;
    const auto path = CAIRN_TRY(find_model_path(globals, "", name));
    const auto embedder = CAIRN_TRY(engine::Embedder::load(path, globals.threads));
    std::string passage;
    for (int i = 0; i < 30; ++i)
        passage += "twelve days of leave ";
    const std::vector<std::string> texts(kTexts, passage);
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    double tokens = 0;
    double ms = 0;
    while (ms < 1000 * kSeconds) {
        const auto made =
            CAIRN_TRY(embedder->embed(texts, engine::TextRole::kPassage, engine::LongText::kCut));
        tokens += static_cast<double>(made.tokens);
        ms += made.engine_ms;
    }
    const engine::EncoderConfig& c = embedder->encoder().config();
    const std::int64_t tables = (c.vocabulary + c.context + c.token_types) * c.model_width;
    const auto weights = static_cast<double>(embedder->encoder().parameter_count() - tables);
    const double rate = 1000 * tokens / ms;
    const double gflops = rate * 2 * weights / 1e9;
    const nlohmann::json json = {{"machine", to_json(limits)},
                                 {"tokens_per_s", rate},
                                 {"gflop_per_s", gflops},
                                 {"share_of_f32_limit", gflops / limits.f32_gflop_per_s}};
    print_result(globals, json,
                 to_text(limits) +
                     fmt::format("embedding: {:.0f} tokens/s, {:.0f} GFLOP/s: {:.0f} % of the f32 "
                                 "limit\n",
                                 rate, gflops, 100 * gflops / limits.f32_gflop_per_s));
    return {};
}

Status bench_train(const Globals& globals) {
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    train::TrainBenchOptions options;
    options.threads = globals.threads;
    const train::TrainBench speed = CAIRN_TRY(train::bench_train(options));
    const nlohmann::json json = {{"machine", to_json(limits)},
                                 {"tokens_per_s", speed.tokens_per_second},
                                 {"flop_per_token", speed.flops_per_token},
                                 {"gflop_per_s", speed.gflops},
                                 {"product_gflop_per_s", speed.product_gflops},
                                 {"share_of_product", speed.share},
                                 {"share_of_bf16_limit", speed.gflops / limits.bf16_gflop_per_s},
                                 {"share_of_f32_limit", speed.gflops / limits.f32_gflop_per_s}};
    print_result(
        globals, json,
        to_text(limits) +
            fmt::format(
                "training: {:.0f} tokens/s, {:.0f} GFLOP/s: {:.0f} % of one large product ({:.0f} "
                "GFLOP/s), {:.0f} % of the bf16 limit\n",
                speed.tokens_per_second, speed.gflops, 100 * speed.share, speed.product_gflops,
                100 * speed.gflops / limits.bf16_gflop_per_s));
    return {};
}

}  // namespace

void add_bench(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* bench =
        root.add_subcommand("bench", "Measure this machine, the engine and the trainer");
    bench->require_subcommand(1);
    struct None {};
    add_command<None>(
        *bench, action, "machine", "Bandwidth and arithmetic at most", [](CLI::App&, None&) {},
        [&globals](const None&) { return bench_machine(globals); });
    add_command<None>(
        *bench, action, "kernels", "Products with weights of every type against the limits",
        [](CLI::App&, None&) {}, [&globals](const None&) { return bench_kernels(globals); });
    add_command<EngineBenchOptions>(
        *bench, action, "engine",
        "Prefill and decode speed of a model against the machine's limits",
        [](CLI::App& app, EngineBenchOptions& options) {
            app.add_option("--model", options.model,
                           "a GGUF file, a folder or a stored model (default: the workspace's "
                           "base model)");
            app.add_option("--prompt", options.engine.prompt_tokens,
                           "tokens of the prompt (default 256)")
                ->check(CLI::Range(1, 1 << 20));
            app.add_option("--decode", options.engine.decode_tokens,
                           "tokens that follow it (default 64)")
                ->check(CLI::Range(1, 1 << 16));
        },
        [&globals](const EngineBenchOptions& options) { return bench_engine(globals, options); });
    add_command<TokenizerBenchOptions>(
        *bench, action, "tokenizer", "Encoding speed of one core",
        [](CLI::App& app, TokenizerBenchOptions& options) {
            app.add_option("TOKENIZER", options.tokenizer,
                           "a GGUF file, tokenizer.json, tokenizer.model or tiktoken file")
                ->required();
            app.add_option("TEXT", options.text, "a text file")->required();
        },
        [&globals](const TokenizerBenchOptions& options) {
            return bench_tokenizer(globals, options);
        });
    add_command<std::string>(
        *bench, action, "encoder", "Speed of an embedder against the machine's limits",
        [](CLI::App& app, std::string& path) {
            app.add_option("model", path, "a GGUF file, a folder or a stored model")->required();
        },
        [&globals](const std::string& path) { return bench_encoder(globals, path); });
    add_command<None>(
        *bench, action, "train", "Training speed against the machine's limits",
        [](CLI::App&, None&) {}, [&globals](const None&) { return bench_train(globals); });
}

}  // namespace cairn::cli
