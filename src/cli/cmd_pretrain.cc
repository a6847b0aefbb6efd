// SPDX-License-Identifier: Apache-2.0
// cairn pretrain: a small base model from a recipe and a folder of text. Stopped at any moment, the
// same command goes on.
#include "cairn/train/pretrain.h"
#include "command.h"

namespace cairn::cli {

void add_pretrain(CLI::App& root, const Globals& globals, Action& action) {
    struct Options {
        train::PretrainOptions pretrain;
        std::string recipe;
        std::string corpus;
        std::string work = "pretrain-work";
        std::string model;
    };
    add_command<Options>(
        root, action, "pretrain", "Train a small base model from a recipe",
        [](CLI::App& app, Options& options) {
            app.add_option("recipe", options.recipe, "recipes/NAME.toml")->required();
            app.add_option("--corpus", options.corpus,
                           "folder of GROUP.jsonl.zst and heldout.jsonl.zst")
                ->required();
            app.add_option("--work", options.work, "folder for caches and checkpoints");
            app.add_option("-o,--out", options.model,
                           "the GGUF file to write; its card comes beside it")
                ->required();
        },
        [&globals](const Options& options) -> Status {
            train::PretrainOptions pretrain = options.pretrain;
            pretrain.recipe = options.recipe;
            pretrain.corpus = options.corpus;
            pretrain.work = options.work;
            pretrain.model = options.model;
            pretrain.threads = globals.threads;
            pretrain.sink = globals.progress();
            CAIRN_TRY(train::pretrain(pretrain));
            print_result(globals, {{"model", options.model}}, "wrote " + options.model);
            return {};
        });
}

}  // namespace cairn::cli
