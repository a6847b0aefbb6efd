// SPDX-License-Identifier: Apache-2.0
// The binary: parses the command line, runs one command, turns its error into words and an exit
// code.
#include <unistd.h>

#include <cstdio>

#include "cairn/base/log.h"
#include "command.h"

namespace cairn::cli {
namespace {

using Add = void (*)(CLI::App&, const Globals&, Action&);

// In the order of the help page: the way of the data, then use, then care.
constexpr Add kCommands[] = {add_init,  add_up,    add_status,  add_documents, add_steps,
                             add_clean, add_label, add_release, add_ask,       add_chat,
                             add_serve, add_keys,  add_ledger,  add_models,    add_pretrain,
                             add_bench, add_doctor};

void print_error(const Globals& globals, const Error& error) {
    if (globals.json) {
        const nlohmann::json body = {
            {"error",
             {{"code", code_name(error.code)}, {"message", error.message}, {"hint", error.hint}}}};
        std::puts(body.dump().c_str());
    }
    std::fprintf(stderr, "cairn: %s\n", error.message.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  -> %s\n", error.hint.c_str());
}

int run(int argc, char** argv) {
    CLI::App app{
        "Cairn: from a folder of documents to your own measured, served and billed language "
        "model.\n"
        "New here?  cairn init my-company  &&  cd my-company  &&  cairn up  &&  cairn serve",
        "cairn"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "cairn " CAIRN_VERSION);
    app.fallthrough();  // options of the whole program may stand behind the command too
    Globals globals;
    app.add_option("-w,--workspace", globals.workspace,
                   "a folder of the workspace (default: this one)");
    app.add_flag("--json", globals.json, "print the result as JSON");
    app.add_flag("-q,--quiet", globals.quiet, "show no progress");
    app.add_option("--threads", globals.threads, "threads to compute with (default: one per core)")
        ->check(CLI::Range(0, 1024));
    Action action;
    for (const Add add : kCommands) {
        add(app, globals, action);
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& failure) {
        return app.exit(failure) == 0 ? 0 : 2;
    }
    const Status status = action();
    if (status) return 0;
    print_error(globals, status.error());
    return exit_code(status.error().code);
}

}  // namespace
}  // namespace cairn::cli

int main(int argc, char** argv) {
    cairn::init_logging();
    cairn::install_interrupt_handlers();
    try {
        return cairn::cli::run(argc, argv);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "cairn: internal error: %s\n", failure.what());
        return 1;
    }
}
