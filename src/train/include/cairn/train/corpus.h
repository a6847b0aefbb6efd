// SPDX-License-Identifier: Apache-2.0
// Text for pre-training: a folder of packed JSON lines by group, the tokenizer trained on it, and
// the whole as one file of token numbers, cached by digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/text/tokenizer.h"
#include "cairn/train/graph.h"
#include "cairn/train/recipe.h"

namespace cairn::train {

struct CorpusDocument {
    std::string id;
    std::string group;
    std::string source;  ///< repository
    std::string title;
    std::string text;
};

/// All records of FOLDER/FILE.jsonl.zst (or FILE.jsonl) in order. Errors: a line that is no record.
Result<std::vector<CorpusDocument>> read_corpus_file(const std::filesystem::path& folder,
                                                     const std::string& file);

/// The documents that the recipe's shares choose (by hash of id), shuffled by its seed.
Result<std::vector<CorpusDocument>> read_training_corpus(const std::filesystem::path& folder,
                                                         const Recipe& recipe);

/// Trains byte-level BPE on every k-th document up to the recipe's number of characters; special
/// tokens are <|endoftext|>, <|im_start|>, <|im_end|>, <|pad|> and reserved ones.
Result<text::Tokenizer> train_tokenizer(const std::vector<CorpusDocument>& documents,
                                        const Recipe& recipe);

/// A tokenizer in a GGUF file without tensors.
Status save_tokenizer(const std::filesystem::path& path, const text::Tokenizer& tokenizer);
Result<text::Tokenizer> load_tokenizer(const std::filesystem::path& path);

/// Token numbers of all documents, each ended by eos.
std::vector<std::uint16_t> encode_documents(const std::vector<CorpusDocument>& documents,
                                            const text::Tokenizer& tokenizer, ThreadPool& pool,
                                            Progress& progress);

/// Row `index` of `length` tokens as segments that end at `eos`; the label of the last token is the
/// token behind the row.
void add_row(Batch& batch, const std::vector<std::uint16_t>& stream, std::int64_t index, int length,
             std::int32_t eos);

}  // namespace cairn::train
