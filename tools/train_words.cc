// SPDX-License-Identifier: Apache-2.0
// Makes the word vectors that travel in the binary, from JSON lines with a "text" member. Those in
// src/knowledge/data were made from every third document of the pre-training corpus, without its
// held-out file (about a minute of CPU; docs/lab/0002-grounded-answers.md):
//   zstd -dc {gov,handbooks,docs,books}.jsonl.zst | awk 'NR % 3 == 1' | train_words words.bin
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cairn/base/files.h"
#include "cairn/knowledge/word_training.h"
#include "cairn/text/json.h"

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: train_words OUTPUT < LINES.jsonl\n";
        return 2;
    }
    cairn::knowledge::WordTrainingOptions options;
    options.epochs = 3;
    cairn::knowledge::WordTrainer trainer(options);
    std::string line;
    for (int number = 1; std::getline(std::cin, line); ++number) {
        const auto value = cairn::text::parse_json(line);
        const auto text = value ? cairn::text::get_string(*value, "text")
                                : cairn::Result<std::string>(value.error());
        if (!text) {
            std::cerr << "train_words: line " << number << ": " << text.error().to_string() << '\n';
            return 1;
        }
        trainer.add(*text);
    }
    const std::string bytes = trainer.train(cairn::terminal_progress()).serialise();
    const cairn::Status status = cairn::write_file_atomic(arguments[1], bytes);
    if (!status) {
        std::cerr << "train_words: " << status.error().to_string() << '\n';
        return 1;
    }
    return 0;
}
