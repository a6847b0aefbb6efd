// SPDX-License-Identifier: Apache-2.0
// cairn models: what models there are, what a model holds, whether it is still whole.
#include <fmt/format.h>

#include "bundled.h"
#include "cairn/base/hash.h"
#include "cairn/engine/encoder.h"
#include "cairn/engine/model.h"
#include "cairn/format/adapter.h"
#include "command.h"
#include "models_quantize.h"
#include "models_store.h"
#include "session.h"

namespace cairn::cli {

namespace {

struct StoreOptions {
    std::string name;
    std::string store;
    std::string sha256;
};

void declare_store(CLI::App& app, StoreOptions& options) {
    app.add_option("--store", options.store,
                   "folder of the models (default: [models] store, $CAIRN_MODELS, or "
                   "~/.local/share/cairn/models)");
}

nlohmann::json describe(const engine::Encoder& encoder) {
    const engine::EncoderConfig& config = encoder.config();
    return {{"name", encoder.name()},
            {"architecture", config.architecture},
            {"parameters", encoder.parameter_count()},
            {"weight_bytes", encoder.weight_bytes()},
            {"layers", config.layers},
            {"model_width", config.model_width},
            {"heads", config.heads},
            {"ff_width", config.ff_width},
            {"vocabulary", config.vocabulary},
            {"context", config.token_limit()},
            {"pooling", engine::pooling_name(config.pooling)},
            {"query_prefix", config.query_prefix},
            {"passage_prefix", config.passage_prefix},
            {"labels", config.labels},
            {"digest", encoder.digest()}};
}

nlohmann::json describe(const format::Adapter& adapter) {
    return {{"matrices", adapter.pairs.size()},
            {"rank", adapter.pairs.empty() ? 0 : adapter.pairs[0].rank},
            {"alpha", adapter.alpha}};
}

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
            {"digest", model.digest()}};
}

/// Each kind of model is read by what runs it; a PEFT folder has to become a GGUF file first.
Result<nlohmann::json> describe_file(const std::filesystem::path& file, const std::string& kind) {
    if (kind == "adapter") return describe(CAIRN_TRY(format::read_adapter(file)));
    if (kind != "chat" && kind != "base") return describe(*CAIRN_TRY(engine::Encoder::load(file)));
    return describe(*CAIRN_TRY(engine::Model::load(file)));
}

Status show_model(const Globals& globals, const StoreOptions& options) {
    const auto file = CAIRN_TRY(find_model_path(globals, options.store, options.name));
    const std::string kind = CAIRN_TRY(operate::model_kind(file));
    nlohmann::json json = CAIRN_TRY(describe_file(file, kind));
    json["kind"] = kind;
    const auto models = open_models(globals, options.store);
    const auto stored =
        models ? models->find(options.name) : Result<operate::StoredModel>(models.error());
    if (stored) {
        nlohmann::json entry = stored->to_json();
        for (const char* key : {"id", "reference", "commit", "hub", "licence", "licence_link"})
            if (entry[key] != "") json[key] = entry[key];
    }
    json["path"] = file.string();
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : json.items()) {
        rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
    }
    print_result(globals, json, table(rows));
    return {};
}

Status list_models(const Globals& globals, const StoreOptions& options) {
    nlohmann::json json = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows = {{"NAME", "KIND", "SIZE", "LICENCE", "FROM"}};
    for (const BundledModel& model : bundled_models()) {
        const std::string digest = sha256_hex(model.bytes);
        rows.push_back({model.name, "chat", human_bytes(static_cast<double>(model.bytes.size())),
                        "Apache-2.0", "inside this binary"});
        json.push_back({{"name", model.name},
                        {"kind", "chat"},
                        {"bytes", model.bytes.size()},
                        {"digest", digest},
                        {"source", "bundled"}});
    }
    const auto models = CAIRN_TRY(open_models(globals, options.store));
    for (const operate::StoredModel& model : CAIRN_TRY(models.list())) {
        const std::string from =
            model.reference.repository.empty() ? model.hub : model.reference.text();
        // A linked file may have gone; the list shows the others all the same.
        const auto kind = operate::model_kind(models.path(model));
        rows.push_back({model.id, kind ? *kind : "unreadable",
                        human_bytes(static_cast<double>(model.bytes())), model.licence,
                        from + (model.linked ? " (linked)" : "")});
        nlohmann::json entry = model.to_json();
        entry["kind"] = kind ? nlohmann::json(*kind) : nlohmann::json();
        entry["name"] = model.id;
        entry["path"] = models.path(model).string();
        json.push_back(std::move(entry));
    }
    print_result(globals, json, table(rows) + "\nstored in " + models.folder().string() + "\n");
    return {};
}

/// A model outside of the store: nobody noted what it was, so its checksums are shown, and compared
/// with the one that its maker publishes.
Status verify_file(const Globals& globals, const StoreOptions& options) {
    const auto files = CAIRN_TRY(operate::read_model_files(options.name, globals.progress()));
    nlohmann::json json = nlohmann::json::array();
    std::string text = options.name + ": opens\n";
    bool found = options.sha256.empty();
    for (const operate::FetchedFile& file : files) {
        json.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
        text += file.sha256 + "  " + file.path + "\n";
        found = found || file.sha256 == options.sha256;
    }
    print_result(globals, json, text);
    if (found) return {};
    return make_error(Code::kInvalid,
                      options.name + ": expected SHA-256 " + options.sha256 + ", found another",
                      "the file is damaged or another version: fetch it again");
}

Status verify_models(const Globals& globals, const StoreOptions& options) {
    std::error_code ignored;
    if (std::filesystem::exists(options.name, ignored)) return verify_file(globals, options);
    const auto models = CAIRN_TRY(open_models(globals, options.store));
    std::vector<operate::StoredModel> chosen;
    if (options.name.empty()) {
        chosen = CAIRN_TRY(models.list());
    } else {
        chosen.push_back(CAIRN_TRY(models.find(options.name)));
    }
    nlohmann::json json = nlohmann::json::array();
    std::string text;
    std::string first_bad;
    for (const operate::StoredModel& model : chosen) {
        const auto problems = CAIRN_TRY(models.verify(model, globals.progress()));
        json.push_back({{"id", model.id}, {"whole", problems.empty()}, {"problems", problems}});
        text += model.id + (problems.empty() ? ": whole\n" : ": DAMAGED\n");
        for (const std::string& problem : problems)
            text += "  " + problem + "\n";
        if (!problems.empty() && first_bad.empty()) first_bad = model.id;
    }
    if (chosen.empty()) text = "no model is stored in " + models.folder().string() + "\n";
    print_result(globals, json, text);
    if (first_bad.empty()) return {};
    return make_error(Code::kInvalid, "the model " + first_bad + " is not as it was stored",
                      "run `cairn models rm " + first_bad + "`, then pull or import it again");
}

Status remove_model(const Globals& globals, const StoreOptions& options) {
    const auto models = CAIRN_TRY(open_models(globals, options.store));
    const operate::StoredModel model = CAIRN_TRY(models.find(options.name));
    operate::ModelStore changed = models;
    CAIRN_TRY(changed.remove(model));
    print_result(globals, {{"removed", model.id}, {"bytes", model.bytes()}},
                 fmt::format("removed {}: {} are free again\n", model.id,
                             human_bytes(model.linked ? 0 : static_cast<double>(model.bytes()))));
    return {};
}

}  // namespace

Result<std::optional<WorkspaceConfig>> find_config(const Globals& globals) {
    const auto root = find_workspace(globals.workspace);
    if (!root) return std::optional<WorkspaceConfig>();
    return std::optional<WorkspaceConfig>(CAIRN_TRY(load_workspace_config(*root)));
}

Result<operate::ModelStore> open_models(const Globals& globals, const std::string& folder) {
    if (!folder.empty()) return operate::ModelStore::open(folder);
    const auto config = CAIRN_TRY(find_config(globals));
    return operate::ModelStore::open(config ? config->model_store : std::filesystem::path());
}

Result<std::filesystem::path> find_model_path(const Globals& globals, const std::string& folder,
                                              const std::string& name) {
    if (name.empty()) return CAIRN_TRY(Session::open(globals)).base_model_path();
    // Also the words of cairn.toml.
    const std::string plain = name.starts_with("file:") ? name.substr(5) : name;
    std::error_code ignored;
    if (std::filesystem::exists(plain, ignored)) return std::filesystem::path(plain);
    if (plain.find('/') != std::string::npos && !plain.starts_with("hf:")) {
        return make_error(Code::kNotFound, "the model " + plain + " does not exist",
                          "name a file or folder, or a model that `cairn models list` shows");
    }
    const auto models = CAIRN_TRY(open_models(globals, folder));
    for (const BundledModel& model : bundled_models()) {
        if (model.name == name) return unpack_bundled_model(name, models.folder() / ".bundled");
    }
    return models.path(CAIRN_TRY(models.find(name)));
}

void add_models(CLI::App& root, const Globals& globals, Action& action) {
    CLI::App* models =
        root.add_subcommand("models", "Fetch, import, show and check models; plan what fits here");
    models->require_subcommand(1);
    add_command<StoreOptions>(
        *models, action, "list", "The models inside this binary and in the store", declare_store,
        [&globals](const StoreOptions& options) { return list_models(globals, options); });
    add_command<StoreOptions>(
        *models, action, "show", "What a model holds (default: the workspace's base model)",
        [](CLI::App& app, StoreOptions& options) {
            app.add_option("model", options.name, "model.gguf, a folder, a stored model or hf:...");
            declare_store(app, options);
        },
        [&globals](const StoreOptions& options) { return show_model(globals, options); });
    add_models_pull(*models, globals, action);
    add_command<StoreOptions>(
        *models, action, "verify", "Read every byte again and compare (default: all models)",
        [](CLI::App& app, StoreOptions& options) {
            app.add_option("model", options.name, "a stored model, hf:..., or a file or folder");
            app.add_option("--sha256", options.sha256,
                           "of a file: what its maker says the checksum is");
            declare_store(app, options);
        },
        [&globals](const StoreOptions& options) { return verify_models(globals, options); });
    add_command<StoreOptions>(
        *models, action, "rm", "Remove a model from the store",
        [](CLI::App& app, StoreOptions& options) {
            app.add_option("model", options.name, "a stored model or hf:...")->required();
            declare_store(app, options);
        },
        [&globals](const StoreOptions& options) { return remove_model(globals, options); });
    add_models_plan(*models, globals, action);
    add_models_quantize(*models, globals, action);
    add_models_adapter(*models, globals, action);
}

}  // namespace cairn::cli
