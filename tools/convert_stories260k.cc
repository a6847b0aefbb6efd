// SPDX-License-Identifier: Apache-2.0
// Converts a llama2.c checkpoint and its tokenizer into a GGUF file:
//   convert_stories260k stories260K.bin tok512.bin stories260K.gguf
#include <iostream>

#include "cairn/format/llama2c.h"

int main(int count, char** arguments) {
    if (count != 4) {
        std::cerr << "usage: convert_stories260k CHECKPOINT.bin TOKENIZER.bin OUTPUT.gguf\n";
        return 2;
    }
    const cairn::Status status =
        cairn::format::convert_llama2c(arguments[1], arguments[2], arguments[3]);
    if (!status) {
        std::cerr << "convert_stories260k: " << status.error().to_string() << '\n';
        return cairn::exit_code(status.error().code);
    }
    return 0;
}
