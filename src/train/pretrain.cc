// SPDX-License-Identifier: Apache-2.0
#include "cairn/train/pretrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/train/corpus.h"
#include "cairn/train/export.h"
#include "cairn/train/recipe.h"
#include "cairn/train/stage.h"

namespace cairn::train {
namespace {

namespace fs = std::filesystem;

/// What the stages hand to each other.
struct Work {
    const PretrainOptions& options;
    Recipe recipe;
    ThreadPool pool;
    std::vector<CorpusDocument> documents;  // read when a stage needs them
    std::optional<text::Tokenizer> tokenizer;
    std::vector<std::uint16_t> stream;

    Work(const PretrainOptions& o, Recipe r) : options(o), recipe(std::move(r)), pool(o.threads) {}
    Status need_documents() {
        if (!documents.empty()) return {};
        documents = CAIRN_TRY(read_training_corpus(options.corpus, recipe));
        return {};
    }
    fs::path file(const std::string& name) const { return options.work / name; }
};

/// Of what the tokenizer depends on: recipe values and the choice of documents.
std::string corpus_key(const Recipe& recipe) {
    Sha256 hash;
    hash.field(std::to_string(recipe.seed)).field(std::to_string(recipe.vocabulary));
    hash.field(std::to_string(recipe.sample_characters));
    for (const auto& [group, share] : recipe.corpus) {
        hash.field(group).field(std::to_string(share));
    }
    return hash.hex().substr(0, 12);
}

Status make_tokenizer(Work& work) {
    const fs::path path = work.file("tokenizer-" + corpus_key(work.recipe) + ".gguf");
    if (!fs::exists(path)) {
        CAIRN_TRY(work.need_documents());
        Progress progress(work.options.sink, "tokenizer", 0, "documents");
        const text::Tokenizer made = CAIRN_TRY(train_tokenizer(work.documents, work.recipe));
        CAIRN_TRY(save_tokenizer(path, made));
    }
    work.tokenizer = CAIRN_TRY(load_tokenizer(path));
    if (work.tokenizer->vocabulary_size() != work.recipe.vocabulary) {
        return make_error(Code::kInvalid,
                          fmt::format("expected {} tokens, the corpus gave {}",
                                      work.recipe.vocabulary, work.tokenizer->vocabulary_size()),
                          "take a smaller vocabulary or more text");
    }
    return {};
}

Status encode_corpus(Work& work) {
    const fs::path path = work.file("tokens-" + corpus_key(work.recipe) + ".u16");
    if (!fs::exists(path)) {
        CAIRN_TRY(work.need_documents());
        Progress progress(work.options.sink, "encode",
                          static_cast<std::int64_t>(work.documents.size()), "documents");
        const auto stream = encode_documents(work.documents, *work.tokenizer, work.pool, progress);
        CAIRN_TRY(write_file_atomic(path, {reinterpret_cast<const char*>(stream.data()),
                                           stream.size() * sizeof(std::uint16_t)}));
    }
    const std::string bytes = CAIRN_TRY(read_file(path, 8 * limits::kGiB));
    work.stream.resize(bytes.size() / sizeof(std::uint16_t));
    std::memcpy(work.stream.data(), bytes.data(), work.stream.size() * sizeof(std::uint16_t));
    return {};
}

Status train_text(Work& work, std::vector<float>& weights) {
    const StageRecipe& stage = work.recipe.stage1;
    RowSource source;
    source.rows = (static_cast<std::int64_t>(work.stream.size()) - 1) / stage.row_tokens;
    source.digest = sha256_hex({reinterpret_cast<const char*>(work.stream.data()),
                                work.stream.size() * sizeof(std::uint16_t)});
    const auto eos = work.tokenizer->eos();
    source.add = [&](Batch& batch, std::int64_t row) {
        add_row(batch, work.stream, row, stage.row_tokens, eos);
    };
    Rng rng(work.recipe.seed);
    Trainer trainer(work.pool, work.recipe.shape, work.recipe.precision,
                    initial_weights(work.recipe.shape, rng));
    StageOptions options;
    options.name = "stage1";
    options.folder = work.file("stage1");
    options.seed = work.recipe.seed + 1;
    options.sink = work.options.sink;
    CAIRN_TRY(run_stage(trainer, source, stage, options));
    weights = trainer.weights();
    return {};
}

}  // namespace

Status pretrain(const PretrainOptions& options) {
    Work work(options, CAIRN_TRY(load_recipe(options.recipe)));
    CAIRN_TRY(make_folders(options.work));
    CAIRN_TRY(make_tokenizer(work));
    CAIRN_TRY(encode_corpus(work));
    if (options.last_stage < 1) return {};
    std::vector<float> weights;
    CAIRN_TRY(train_text(work, weights));
    return {};
}

}  // namespace cairn::train
