// SPDX-License-Identifier: Apache-2.0
// How a command joins the command line: one file cmd_NAME.cc with one add_NAME function, one line
// in the table of main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"

namespace cairn::cli {

/// Options that every command has.
struct Globals {
    std::string workspace = ".";  ///< a folder in the workspace
    bool json = false;            ///< machine-readable result on standard output
    bool quiet = false;           ///< no progress
    int threads = 0;              ///< 0: one per usable core

    ProgressSink progress() const;
};

/// What the chosen command does; set by its callback while the command line is parsed.
using Action = std::function<Status()>;

/// Adds one subcommand: options are parsed into a fresh Options, then `run` is called with it.
template <typename Options>
CLI::App* add_command(CLI::App& root, Action& action, const std::string& name,
                      const std::string& help,
                      const std::function<void(CLI::App&, Options&)>& declare,
                      std::function<Status(const Options&)> run) {
    auto options = std::make_shared<Options>();
    CLI::App* command = root.add_subcommand(name, help);
    declare(*command, *options);
    command->callback([&action, options, run = std::move(run)] {
        action = [options, run] { return run(*options); };
    });
    return command;
}

/// Prints the JSON when --json was given, otherwise the text.
void print_result(const Globals& globals, const nlohmann::json& json, const std::string& text);
/// One line for a person on standard output; nothing with --json.
void say(const Globals& globals, const std::string& line);
/// Rows with their columns aligned (by code points); the first row is the head.
std::string table(const std::vector<std::vector<std::string>>& rows);

void add_init(CLI::App& root, const Globals& globals, Action& action);
void add_up(CLI::App& root, const Globals& globals, Action& action);
void add_status(CLI::App& root, const Globals& globals, Action& action);
void add_steps(CLI::App& root, const Globals& globals, Action& action);
void add_documents(CLI::App& root, const Globals& globals, Action& action);
void add_clean(CLI::App& root, const Globals& globals, Action& action);
void add_label(CLI::App& root, const Globals& globals, Action& action);
void add_release(CLI::App& root, const Globals& globals, Action& action);
void add_ask(CLI::App& root, const Globals& globals, Action& action);
void add_chat(CLI::App& root, const Globals& globals, Action& action);
void add_serve(CLI::App& root, const Globals& globals, Action& action);
void add_keys(CLI::App& root, const Globals& globals, Action& action);
void add_ledger(CLI::App& root, const Globals& globals, Action& action);
void add_models(CLI::App& root, const Globals& globals, Action& action);
void add_pretrain(CLI::App& root, const Globals& globals, Action& action);
void add_bench(CLI::App& root, const Globals& globals, Action& action);
void add_doctor(CLI::App& root, const Globals& globals, Action& action);

}  // namespace cairn::cli
