// SPDX-License-Identifier: Apache-2.0
// cairn init: a new workspace with a commented cairn.toml.
#include <cstdio>
#include <string>

#include "bundled.h"
#include "cairn/base/files.h"
#include "command.h"

namespace cairn::cli {

namespace {

struct InitOptions {
    std::string folder;
    std::string name;
    std::string documents;
    std::string model;
};

/// A TOML basic string.
std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out + "\"";
}

/// The words of cairn.toml for what a person typed: a path, a stored model, hf:..., pebble.
std::string model_reference(const std::string& typed) {
    std::error_code ignored;
    if (typed.empty() || typed == kBundledBase) return kBundledBase;
    if (std::filesystem::exists(typed, ignored)) {
        return "file:" + std::filesystem::absolute(typed).lexically_normal().string();
    }
    const bool said = typed.starts_with("hf:") || typed.starts_with("model:");
    return said || typed.starts_with("file:") ? typed : "model:" + typed;
}

/// pebble is tiny: it bears, and needs, a higher rate and more passes than others.
std::string tune_text(bool bundled) {
    return bundled ? "# How adapters are trained; these suit pebble, larger models want rate 0.001 "
                     "and 3 epochs.\n"
                     "[tune]\nrank = 16\nalpha = 32\nlearning_rate = 0.004\nepochs = 8\n\n"
                   : "# How adapters are trained.\n"
                     "[tune]\nrank = 8\nalpha = 16\nlearning_rate = 0.001\nepochs = 3\n\n";
}

std::string config_text(const std::string& name, const std::string& documents,
                        const std::string& model) {
    return "# A Cairn workspace. `cairn up` walks the whole way; `cairn status` says where it "
           "stands.\n"
           "[workspace]\nname = " +
           quoted(name) +
           "\nlanguages = [\"en\"]\ncurrency = \"EUR\"\n\n"
           "# \"pebble\" is the small demo model inside the binary; \"file:path/to/model.gguf\" "
           "takes your own.\n"
           "[model]\nbase = " +
           quoted(model) +
           "\n\n"
           "# A folder that is read with everything below it.\n"
           "[[source]]\nname = \"documents\"\npath = " +
           quoted(documents) +
           "\n\n"
           "# Something the model must be good at: \"qa\" answers from the documents by quoting, "
           "\"style\" learns\n"
           "# from example conversations (examples = \"replies.jsonl\"). Questions to measure "
           "with: test = \"questions.jsonl\",\n"
           "# lines of {\"question\", \"answer\", \"quote\", \"document\"} or {\"question\", "
           "\"answerable\": false}.\n"
           "[[scenario]]\nname = \"handbook\"\nkind = \"qa\"\nsources = [\"documents\"]\n"
           "gate = { wrong_max = 0.05, recall_min = 0.85 }\n\n"
           "# Personal data is masked before anything is searched or learned. Addresses of roles "
           "(info@, support@) stay;\n"
           "# list here what else is public: \"press@x.example\", \"@x.example\", \"+44 20 "
           "7946\".\n"
           "[clean]\nkeep = []\n\n"
           "# What this machine costs; the ledger computes the cost of an answer from it.\n"
           "[hardware]\nprice = 2400.0\nlife_years = 4\npower_idle_w = 40\npower_busy_w = 90\n"
           "tariff_per_kwh = 0.25\nutilisation = 0.10\n\n" +
           tune_text(model == kBundledBase) +
           "# What a tenant pays.\n"
           "[prices]\ninput_per_mtok = 0.20\ncached_input_per_mtok = 0.05\noutput_per_mtok = "
           "0.60\n";
}

Status init(const Globals& globals, const InitOptions& options) {
    const std::filesystem::path folder =
        std::filesystem::absolute(options.folder).lexically_normal();
    const auto config = folder / "cairn.toml";
    std::error_code ignored;
    if (std::filesystem::exists(config, ignored)) {
        return make_error(Code::kExists, config.string() + " is there already",
                          "choose another folder, or edit that file");
    }
    std::string name = options.name;
    if (name.empty())
        name = folder.has_filename() ? folder.filename().string()
                                     : folder.parent_path().filename().string();
    const bool own_documents = options.documents.empty();
    const std::string documents =
        own_documents ? "documents"
                      : std::filesystem::absolute(options.documents).lexically_normal().string();
    CAIRN_TRY(make_folders(own_documents ? folder / "documents" : folder));
    CAIRN_TRY(
        write_file_atomic(config, config_text(name, documents, model_reference(options.model))));
    print_result(
        globals, {{"workspace", folder.string()}, {"config", config.string()}},
        "Made " + config.string() + "\nNext: " +
            (own_documents ? "put documents into " + (folder / "documents").string() + ", then"
                           : "") +
            " `cd " + folder.string() + " && cairn up`");
    return {};
}

}  // namespace

void add_init(CLI::App& root, const Globals& globals, Action& action) {
    add_command<InitOptions>(
        root, action, "init", "Make a workspace",
        [](CLI::App& app, InitOptions& options) {
            app.add_option("folder", options.folder, "where; made when it is not there")
                ->required();
            app.add_option("--name", options.name, "the company's name (default: the folder's)");
            app.add_option("--documents", options.documents,
                           "an existing folder of documents to read in place");
            app.add_option("--model", options.model,
                           "the base model: a file or folder, a stored model, hf:... (default: "
                           "pebble, the demo model inside this binary)");
        },
        [&globals](const InitOptions& options) { return init(globals, options); });
}

}  // namespace cairn::cli
