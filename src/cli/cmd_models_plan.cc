// SPDX-License-Identifier: Apache-2.0
// cairn models plan: what of a model fits this machine, at which context and speed, before anything
// large is fetched.
#include <fmt/format.h>

#include <algorithm>

#include "bundled.h"
#include "cairn/base/files.h"
#include "cairn/engine/bench.h"
#include "cairn/kernels/machine.h"
#include "cairn/operate/model_plan.h"
#include "models_store.h"

namespace cairn::cli {

namespace {

constexpr double kShareMax = 0.95;    // a small model may come from a cache; a large one will not
constexpr double kDecodeShare = 0.6;  // of larger models: docs/lab/plan.md
constexpr double kMeasuredBytesMax = 4e9;

struct PlanArguments {
    std::string model;
    std::string store;
    std::string hub;
    bool online = false;
    operate::PlanOptions options;
};

/// config.json alone, from the hub; only when it was asked for.
Result<operate::ModelShape> fetch_shape(const Globals& globals, const PlanArguments& arguments) {
    const auto reference = CAIRN_TRY(operate::parse_hub_reference(arguments.model));
    const auto hub = CAIRN_TRY(hub_options(globals, arguments.hub, {}));
    const auto model = CAIRN_TRY(operate::find_hub_model(reference, hub));
    std::vector<operate::HubFile> config;
    for (const operate::HubFile& file : model.files) {
        if (file.path == "config.json") config.push_back(file);
    }
    if (config.empty()) {
        return make_error(Code::kNotFound, arguments.model + " has no config.json",
                          "plan with the original model, whose GGUF files these are");
    }
    const ScopedFolder folder("cairn-plan");
    operate::PullOptions quiet;
    quiet.progress = silent_progress();
    CAIRN_TRY(operate::fetch_files(model, config, folder.path(), hub, quiet));
    auto shape = CAIRN_TRY(operate::read_model_shape(folder.path() / "config.json"));
    shape.name = reference.repository;
    return shape;
}

Result<operate::ModelShape> find_shape(const Globals& globals, const PlanArguments& arguments) {
    auto path = find_model_path(globals, arguments.store, arguments.model);
    if (path) return operate::read_model_shape(*path);
    if (!arguments.model.starts_with("hf:")) return path.error();
    if (arguments.online) return fetch_shape(globals, arguments);
    return make_error(path.error().code, path.error().message,
                      "give --online to fetch its config.json (a few kB), or pull it first");
}

/// The shares of the machine's limits that this engine reaches here and now: on the model itself
/// when it is here and not so large that it takes minutes, else on the bundled one. That one is
/// small enough for a cache, so what it reads in a second says little about larger models.
Result<operate::Efficiency> measure_efficiency(const Globals& globals,
                                               const operate::ModelStore& models,
                                               const std::filesystem::path& file,
                                               const kernels::MachineLimits& limits) {
    const bool here = !file.empty();
    const auto model = CAIRN_TRY(engine::Model::load(
        here ? file : CAIRN_TRY(unpack_bundled_model("pebble", models.folder() / ".bundled"))));
    engine::BenchOptions options;
    options.threads = globals.threads;
    options.batches = {1};
    const std::int64_t room = model->config().context;
    options.prompt_tokens = std::clamp<std::int64_t>(room / 2, 1, 128);
    options.decode_tokens = std::clamp<std::int64_t>(room / 4, 1, 16);
    const engine::EngineSpeed speed = CAIRN_TRY(engine::measure_engine(model, options));
    const engine::DecodeSpeed& decode = speed.decode.front();
    const double bytes = decode.weight_bytes_per_token + decode.kv_bytes_per_token;
    operate::Efficiency share;
    share.of_this_model = here;
    share.prefill =
        std::min(kShareMax, speed.prefill_tokens_per_second * speed.operations_per_token /
                                (limits.int8_gop_per_s * 1e9));
    share.decode = kDecodeShare;
    if (here) {
        share.decode =
            std::min(kShareMax, decode.tokens_per_second * bytes / (limits.read_gb_per_s * 1e9));
    }
    return share;
}

/// The model's file when it can be measured; empty: it is not here, cannot run, or is too large.
std::filesystem::path measurable(const Globals& globals, const PlanArguments& arguments,
                                 const operate::ModelShape& shape) {
    if (shape.stored_bytes == 0 || shape.stored_bytes > kMeasuredBytesMax) return {};
    const auto path = find_model_path(globals, arguments.store, arguments.model);
    const auto kind = path ? operate::model_kind(*path) : Result<std::string>(path.error());
    return kind && (*kind == "chat" || *kind == "base") ? *path : std::filesystem::path();
}

nlohmann::json to_json(const operate::ModelShape& shape, const operate::Machine& machine,
                       const operate::Efficiency& share, const operate::Plan& plan,
                       const operate::PlanOptions& options) {
    nlohmann::json rows = nlohmann::json::array();
    for (const operate::PlanRow& row : plan.rows) {
        rows.push_back({{"type", row.type},
                        {"weight_bytes", row.weight_bytes},
                        {"kv_bytes", row.kv_bytes},
                        {"total_bytes", row.total_bytes},
                        {"fits", row.fits},
                        {"context_max", row.context_max},
                        {"prefill_tokens_per_s", row.prefill_tokens_per_s},
                        {"decode_tokens_per_s", row.decode_tokens_per_s},
                        {"decode_all_tokens_per_s", row.decode_all_tokens_per_s}});
    }
    return {{"model",
             {{"name", shape.name},
              {"architecture", shape.architecture},
              {"parameters", shape.parameters},
              {"active_parameters", shape.active_parameters},
              {"layers", shape.layers},
              {"context", shape.context},
              {"stored_type", shape.stored_type},
              {"kv_bytes_per_position", shape.kv_values_per_position * options.kv_value_bytes}}},
            {"machine",
             {{"isa", machine.isa},
              {"threads", machine.threads},
              {"memory_bytes", machine.memory_bytes},
              {"free_bytes", machine.free_bytes},
              {"read_gb_per_s", machine.read_gb_per_s},
              {"int8_gop_per_s", machine.int8_gop_per_s},
              {"f32_gflop_per_s", machine.f32_gflop_per_s}}},
            {"efficiency",
             {{"prefill", share.prefill},
              {"decode", share.decode},
              {"attention", share.attention},
              {"of_this_model", share.of_this_model}}},
            {"context", plan.context},
            {"users", options.users},
            {"rows", rows},
            {"take", plan.take},
            {"advice", plan.advice},
            {"estimated", true}};
}

std::string speed(double tokens_per_s) {
    return fmt::format("{:.{}f}", tokens_per_s, tokens_per_s < 10 ? 1 : 0);
}

std::string to_text(const operate::ModelShape& shape, const operate::Machine& machine,
                    const operate::Efficiency& share, const operate::Plan& plan,
                    const operate::PlanOptions& options) {
    std::string text = fmt::format(
        "{} ({}): {:.3g} billion parameters{}, trained for {} positions, {} of keys and values a "
        "position\n",
        shape.name, shape.architecture, shape.parameters / 1e9,
        shape.active_parameters < 0.8 * shape.parameters
            ? fmt::format(" ({:.3g} used by a token)", shape.active_parameters / 1e9)
            : "",
        shape.context == 0 ? "?" : std::to_string(shape.context),
        human_bytes(shape.kv_values_per_position * options.kv_value_bytes));
    text += fmt::format(
        "this machine: {} of memory ({} free now); {} on {} threads reads {:.1f} GB/s and does "
        "{:.0f} int8 GOP/s\n\n{} user(s) with {} positions each:\n",
        human_bytes(machine.memory_bytes), human_bytes(machine.free_bytes), machine.isa,
        machine.threads, machine.read_gb_per_s, machine.int8_gop_per_s, options.users,
        plan.context);
    std::vector<std::vector<std::string>> rows = {{"TYPE", "WEIGHTS", "KEYS+VALUES", "IN ALL",
                                                   "FITS", "LONGEST", "PREFILL/s", "DECODE/s",
                                                   "ALL USERS/s"}};
    for (const operate::PlanRow& row : plan.rows) {
        const std::string type = row.type == "as stored" && !shape.stored_type.empty()
                                     ? row.type + " (" + shape.stored_type + ")"
                                     : row.type;
        rows.push_back({type, human_bytes(row.weight_bytes), human_bytes(row.kv_bytes),
                        human_bytes(row.total_bytes), row.fits ? "yes" : "no",
                        row.context_max > 0 ? std::to_string(row.context_max) : "-",
                        speed(row.prefill_tokens_per_s), speed(row.decode_tokens_per_s),
                        speed(row.decode_all_tokens_per_s)});
    }
    text += table(rows);
    text += fmt::format(
        "\n{}\nSpeeds are estimates: the limits above times the share of them that this engine "
        "reaches on {} (prefill {:.0f} % of int8, decode {:.0f} % of reading), measured just now; "
        "prefill is that of a prompt of {} tokens; other work on this machine lowers them.\n",
        plan.advice, share.of_this_model ? "this model" : "models of its kind", 100 * share.prefill,
        100 * share.decode, plan.context / 2);
    return text;
}

Status plan(const Globals& globals, const PlanArguments& arguments) {
    const auto shape = CAIRN_TRY(find_shape(globals, arguments));
    operate::Machine machine = operate::measure_memory();
    ThreadPool pool(globals.threads);
    const kernels::MachineLimits limits = kernels::measure_machine(pool);
    machine.isa = limits.isa;
    machine.threads = limits.threads;
    machine.read_gb_per_s = limits.read_gb_per_s;
    machine.int8_gop_per_s = limits.int8_gop_per_s;
    machine.f32_gflop_per_s = limits.f32_gflop_per_s;
    const auto models = CAIRN_TRY(open_models(globals, arguments.store));
    const auto share = CAIRN_TRY(
        measure_efficiency(globals, models, measurable(globals, arguments, shape), limits));
    const operate::Plan plan = operate::plan_model(shape, machine, share, arguments.options);
    print_result(globals, to_json(shape, machine, share, plan, arguments.options),
                 to_text(shape, machine, share, plan, arguments.options));
    return {};
}

}  // namespace

void add_models_plan(CLI::App& models, const Globals& globals, Action& action) {
    add_command<PlanArguments>(
        models, action, "plan",
        "What of a model fits this machine, at which context and speed, and which type to take",
        [](CLI::App& app, PlanArguments& arguments) {
            app.add_option("model", arguments.model,
                           "model.gguf, a folder, a config.json, a stored model or hf:... "
                           "(default: the workspace's base model)");
            app.add_option("--context", arguments.options.context,
                           "positions a user (default 4096, or the model's if fewer)")
                ->check(CLI::Range(1, 1 << 20));
            app.add_option("--users", arguments.options.users, "users at the same time")
                ->check(CLI::Range(1, 4096));
            app.add_flag("--online", arguments.online,
                         "may fetch the config.json of a model that is not stored");
            app.add_option("--hub", arguments.hub, "address of the hub");
            app.add_option("--store", arguments.store, "folder of the models");
        },
        [&globals](const PlanArguments& arguments) { return plan(globals, arguments); });
}

}  // namespace cairn::cli
