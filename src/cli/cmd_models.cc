// SPDX-License-Identifier: Apache-2.0
// cairn models: what models there are, and what a model file holds.
#include "bundled.h"
#include "cairn/base/hash.h"
#include "cairn/engine/model.h"
#include "command.h"
#include "models_quantize.h"
#include "session.h"

namespace cairn::cli {

namespace {

nlohmann::json describe(const engine::Model& model) {
    const engine::ModelConfig& config = model.config();
    return {{"name", model.name()},
            {"architecture", config.architecture},
            {"parameters", model.parameter_count()},
            {"weight_bytes", model.weight_bytes()},
            {"layers", config.layers},
            {"model_width", config.model_width},
            {"heads", config.heads},
            {"kv_heads", config.kv_heads},
            {"ff_width", config.ff_width},
            {"vocabulary", config.vocabulary},
            {"context", config.context},
            {"tied_head", config.tied_head},
            {"chat", model.has_chat()},
            {"digest", model.digest()}};
}

Status show_model(const Globals& globals, const std::string& path) {
    std::filesystem::path file = path;
    if (path.empty()) {
        const Session session = CAIRN_TRY(Session::open(globals));
        file = CAIRN_TRY(session.base_model_path());
    }
    const auto model = CAIRN_TRY(engine::Model::load(file));
    const nlohmann::json json = describe(*model);
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : json.items()) {
        rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
    }
    print_result(globals, json, table(rows));
    return {};
}

Status list_models(const Globals& globals) {
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"NAME", "SIZE", "SHA-256"}};
    for (const BundledModel& model : bundled_models()) {
        const std::string digest = sha256_hex(model.bytes);
        rows.push_back({model.name, human_bytes(static_cast<double>(model.bytes.size())), digest});
        json.push_back({{"name", model.name}, {"bytes", model.bytes.size()}, {"digest", digest}});
    }
    print_result(globals, json, table(rows));
    return {};
}

}  // namespace

void add_models(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* models = root.add_subcommand("models", "Show the models that there are");
    models->require_subcommand(1);
    struct None {};
    add_command<None>(
        *models, action, "list", "The models inside this binary", [](CLI::App&, None&) {},
        [&globals](const None&) { return list_models(globals); });
    add_command<std::string>(
        *models, action, "show", "What a GGUF file holds (default: the workspace's base model)",
        [](CLI::App& app, std::string& path) { app.add_option("file", path, "model.gguf"); },
        [&globals](const std::string& path) { return show_model(globals, path); });
    add_models_quantize(*models, globals, action);
    add_models_adapter(*models, globals, action);
}

}  // namespace cairn::cli
