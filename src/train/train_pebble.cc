// SPDX-License-Identifier: Apache-2.0
// Runs cairn::train::pretrain without the command line room: train_pebble RECIPE CORPUS WORK MODEL
// [LAST_STAGE] [THREADS]. The command `cairn pretrain` calls the same function.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "cairn/base/log.h"
#include "cairn/train/pretrain.h"

namespace {

int number(std::string_view text, int otherwise) {
    int value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fputs("usage: train_pebble RECIPE CORPUS WORK MODEL [LAST_STAGE] [THREADS]\n", stderr);
        return 2;
    }
    cairn::init_logging();
    cairn::install_interrupt_handlers();
    cairn::train::PretrainOptions options;
    options.recipe = argv[1];
    options.corpus = argv[2];
    options.work = argv[3];
    options.model = argv[4];
    if (argc > 5) options.last_stage = number(argv[5], 4);
    if (argc > 6) options.threads = number(argv[6], 0);
    options.sink = cairn::terminal_progress();
    const cairn::Status status = cairn::train::pretrain(options);
    if (status) return 0;
    std::fputs((status.error().to_string() + "\n").c_str(), stderr);
    return cairn::exit_code(status.error().code);
}
