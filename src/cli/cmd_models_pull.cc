// SPDX-License-Identifier: Apache-2.0
// cairn models pull and import: the only commands that bring models in, and pull the only one that
// speaks to the network.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "models_store.h"

namespace cairn::cli {

namespace {

struct PullArguments {
    std::string name;
    std::string store;
    std::string hub;
    std::string token_file;
    int jobs = 8;
};

/// Asks a person which of several models is meant; others have to say it.
Result<operate::HubChoice> ask_for_choice(const operate::HubModel& model,
                                          const std::string& selection) {
    auto chosen = operate::choose(model, selection);
    const bool person = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
    if (chosen || !selection.empty() || !person || chosen.error().code != Code::kInvalid) {
        return chosen;
    }
    const auto choices = CAIRN_TRY(operate::hub_choices(model));
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        rows.push_back({std::to_string(i + 1), choices[i].name,
                        human_bytes(static_cast<double>(choices[i].bytes))});
    }
    std::fprintf(stderr, "%swhich one? [1-%zu] ", table(rows).c_str(), choices.size());
    std::fflush(stderr);
    char line[64] = {};
    if (std::fgets(line, sizeof(line), stdin) == nullptr) return chosen;
    const std::string_view typed = line;
    const std::string answer(typed.substr(0, typed.find_first_of("\r\n")));
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (answer == std::to_string(i + 1)) return choices[i];
    }
    return operate::choose(model, answer.empty() ? "?" : answer);
}

std::string summary(const operate::HubModel& model, const operate::HubChoice& choice,
                    const operate::HubOptions& hub) {
    std::string text = fmt::format(
        "{} from {}\ncommit   {}\nlicence  {}{}{}\nfiles    {} ({}), {}\n",
        model.reference.repository, hub.address, model.commit, model.licence,
        model.licence_link.empty() ? "" : ": " + model.licence_link,
        model.gated ? " (gated: you accepted its terms on the hub)" : "", choice.files.size(),
        choice.name, human_bytes(static_cast<double>(choice.bytes)));
    if (model.licence == "unknown") {
        text += "         the owner states no licence: ask before you use it in a product\n";
    }
    return text;
}

std::string use_line(const operate::StoredModel& model) {
    if (model.reference.repository.empty()) return "base = \"model:" + model.id + "\"";
    operate::HubReference pinned = model.reference;
    if (!model.commit.empty()) pinned.revision = model.commit;
    pinned.selection = model.entry == "." ? "" : model.choice;
    return "base = \"" + pinned.text() + "\"";
}

void print_stored(const Globals& globals, const operate::ModelStore& models,
                  const operate::StoredModel& model) {
    nlohmann::json json = model.to_json();
    json["path"] = models.path(model).string();
    print_result(globals, json,
                 fmt::format("stored as {} in {}\nuse it in cairn.toml:\n  [model]\n  {}\n",
                             model.id, models.folder().string(), use_line(model)));
}

Status pull(const Globals& globals, const PullArguments& arguments) {
    const auto reference = CAIRN_TRY(operate::parse_hub_reference(arguments.name));
    auto models = CAIRN_TRY(open_models(globals, arguments.store));
    const auto hub = CAIRN_TRY(hub_options(globals, arguments.hub, arguments.token_file));
    const auto model = CAIRN_TRY(operate::find_hub_model(reference, hub));
    const auto choice = CAIRN_TRY(ask_for_choice(model, reference.selection));
    say(globals, summary(model, choice, hub));
    operate::PullOptions options;
    options.jobs = arguments.jobs;
    options.progress = globals.progress();
    const auto stored = CAIRN_TRY(models.pull(model, choice, hub, options));
    print_stored(globals, models, stored);
    return {};
}

struct ImportArguments {
    std::string path;
    std::string store;
    std::string name;
    bool link = false;
};

Status import(const Globals& globals, const ImportArguments& arguments) {
    auto models = CAIRN_TRY(open_models(globals, arguments.store));
    const auto stored = CAIRN_TRY(
        models.import(arguments.path, {arguments.name, arguments.link, globals.progress()}));
    print_stored(globals, models, stored);
    return {};
}

}  // namespace

Result<operate::HubOptions> hub_options(const Globals& globals, const std::string& address,
                                        const std::string& token_file) {
    operate::HubOptions hub;
    const char* endpoint = std::getenv("HF_ENDPOINT");
    bool from_workspace = false;
    if (!address.empty()) {
        hub.address = address;
    } else if (endpoint != nullptr && *endpoint != '\0') {
        hub.address = endpoint;
    } else if (const auto config = CAIRN_TRY(find_config(globals));
               config && !config->model_hub.empty()) {
        hub.address = config->model_hub;
        from_workspace = hub.address != operate::kPublicHub;
    }
    // A cairn.toml may come from anybody: it cannot send this user's token to an address of its
    // own choice.
    if (from_workspace && token_file.empty()) return hub;
    hub.token = CAIRN_TRY(operate::find_hub_token(token_file));
    return hub;
}

void add_models_pull(CLI::App& models, const Globals& globals, Action& action) {
    add_command<PullArguments>(
        models, action, "pull",
        "Fetch a model from a Hugging Face compatible hub; the token comes from HF_TOKEN or a file",
        [](CLI::App& app, PullArguments& arguments) {
            app.add_option("model", arguments.name,
                           "hf:ORG/NAME[@REVISION][:QUANTISATION or FILE], for example "
                           "hf:Qwen/Qwen3-0.6B-GGUF:Q8_0")
                ->required();
            app.add_option("--hub", arguments.hub,
                           "address of the hub (default: $HF_ENDPOINT, [models] hub, or "
                           "https://huggingface.co)");
            app.add_option("--token-file", arguments.token_file,
                           "file with the token, readable by you alone");
            app.add_option("--jobs", arguments.jobs, "connections at a time")
                ->check(CLI::Range(1, 16));
            app.add_option("--store", arguments.store, "folder of the models");
        },
        [&globals](const PullArguments& arguments) { return pull(globals, arguments); });
    add_command<ImportArguments>(
        models, action, "import", "Take a model that is on this disk; needs no network",
        [](CLI::App& app, ImportArguments& arguments) {
            app.add_option("path", arguments.path, "model.gguf or a folder with safetensors")
                ->required();
            app.add_option("--name", arguments.name,
                           "what it is called, or stands for: hf:ORG/NAME[@COMMIT][:QUANTISATION]");
            app.add_flag("--link", arguments.link, "leave the files where they are");
            app.add_option("--store", arguments.store, "folder of the models");
        },
        [&globals](const ImportArguments& arguments) { return import(globals, arguments); });
}

}  // namespace cairn::cli
