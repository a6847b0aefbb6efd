// SPDX-License-Identifier: Apache-2.0
// cairn models adapter: LoRA adapters between PEFT's folders and GGUF files.
#include <fmt/format.h>

#include "cairn/engine/adapter.h"
#include "cairn/engine/peft.h"
#include "cairn/format/adapter.h"
#include "cairn/format/gguf.h"
#include "models_quantize.h"
#include "models_store.h"

namespace cairn::cli {

namespace {

struct AdapterOptions {
    std::string input;
    std::string output;
    std::string model;
};

Status convert_adapter(const Globals& globals, const AdapterOptions& options) {
    const auto model =
        CAIRN_TRY(engine::Model::load(CAIRN_TRY(find_model_path(globals, "", options.model))));
    if (model->file().has("cairn.rope.halves")) {
        return make_error(
            Code::kUnsupported,
            "expected a GGUF model, found a folder: rows of GGUF adapters follow GGUF's "
            "order",
            "convert the model first: cairn models convert FOLDER FILE.gguf");
    }
    const bool from_peft = engine::is_peft_folder(options.input);
    format::Adapter adapter = CAIRN_TRY(from_peft ? engine::read_peft(options.input, *model)
                                                  : format::read_adapter(options.input));
    // Every target and shape is checked against the model before anything is written.
    CAIRN_TRY(engine::Adapter::from_parts(adapter, *model, ""));
    if (from_peft) {
        adapter.notes["cairn.base.sha256"] = model->digest();
        CAIRN_TRY(format::write_adapter(options.output, adapter));
    } else {
        CAIRN_TRY(engine::write_peft(options.output, adapter, *model, options.model));
    }
    print_result(globals,
                 {{"output", options.output},
                  {"matrices", adapter.pairs.size()},
                  {"rank", adapter.pairs.empty() ? 0 : adapter.pairs[0].rank}},
                 fmt::format("{}: {} matrices, {}\n", options.output, adapter.pairs.size(),
                             from_peft ? "a GGUF adapter" : "a PEFT folder"));
    return {};
}

}  // namespace

void add_models_adapter(CLI::App& models, const Globals& globals, Action& action) {
    add_command<AdapterOptions>(
        models, action, "adapter", "A PEFT adapter folder to a GGUF adapter, or back",
        [](CLI::App& app, AdapterOptions& options) {
            app.add_option("input", options.input, "PEFT folder, or GGUF adapter")->required();
            app.add_option("output", options.output, "GGUF adapter, or PEFT folder")->required();
            app.add_option("--model", options.model, "the model that it adapts")->required();
        },
        [&globals](const AdapterOptions& options) { return convert_adapter(globals, options); });
}

}  // namespace cairn::cli
