// SPDX-License-Identifier: Apache-2.0
// The order of the parts; each leaves a file in the work folder that the next run finds.
#include "cairn/train/pretrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/train/corpus.h"
#include "cairn/train/export.h"
#include "cairn/train/packing.h"
#include "cairn/train/quote_tasks.h"
#include "cairn/train/recipe.h"
#include "cairn/train/stage.h"
#include "measure.h"
#include "model_card.h"

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

Result<StageResult> train_text(Work& work, std::vector<float>& weights) {
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
    StageResult result = CAIRN_TRY(run_stage(trainer, source, stage, options));
    weights = trainer.weights();
    return result;
}

/// Chats packed into rows, then some rows of plain text.
struct ChatRows {
    std::vector<Segment> segments;
    std::vector<std::vector<std::int32_t>> packed;
    std::int64_t plain = 0;
};

/// Small prompts teach to find words, large ones to find them among many.
QuoteTaskOptions task_options(const StageRecipe& stage, std::uint64_t seed, std::uint64_t round) {
    constexpr std::uint64_t kParts = 10;
    QuoteTaskOptions options;
    options.seed = seed + round;
    options.count = 2000;
    if (static_cast<double>(round % kParts) < stage.short_share * kParts) {
        options.passage_characters_max = 350;
        options.prompt_characters_min = 150;
        options.prompt_characters_max = 500;
    }
    return options;
}

Result<ChatRows> make_chat_rows(Work& work, const StageRecipe& stage, std::uint64_t seed) {
    CAIRN_TRY(work.need_documents());
    ChatRows rows;
    std::vector<std::int64_t> lengths;
    std::int64_t total = 0;
    const auto wanted =
        static_cast<std::int64_t>(static_cast<double>(stage.tokens) * (1.0 - stage.plain_share));
    for (std::uint64_t round = 0; total < wanted; ++round) {
        const std::vector<QuoteTask> tasks =
            make_quote_tasks(work.documents, task_options(stage, seed, round));
        if (tasks.empty()) return make_error(Code::kInvalid, "the corpus gives no reading tasks");
        for (const QuoteTask& task : tasks) {
            const auto chat =
                CAIRN_TRY(text::render_chat(*work.tokenizer, quote_chat(task), false));
            Result<Segment> segment = to_segment(chat, stage.row_tokens);
            if (!segment) continue;  // too long: the generator bounds characters, not tokens
            lengths.push_back(static_cast<std::int64_t>(segment->tokens.size()));
            total += lengths.back();
            rows.segments.push_back(std::move(*segment));
        }
    }
    rows.packed = pack_best_fit(lengths, stage.row_tokens);
    const auto packed = static_cast<double>(rows.packed.size());
    rows.plain = static_cast<std::int64_t>(packed * stage.plain_share / (1.0 - stage.plain_share));
    return rows;
}

/// Chat stage `index`, from 0.
Result<StageResult> train_chats(Work& work, std::size_t index, std::vector<float>& weights) {
    const StageRecipe& stage = work.recipe.chats[index];
    const std::uint64_t seed = work.recipe.seed + 1000 * (index + 1);
    const ChatRows rows = CAIRN_TRY(make_chat_rows(work, stage, seed));
    const auto chats = static_cast<std::int64_t>(rows.packed.size());
    const std::int64_t plain_there =
        (static_cast<std::int64_t>(work.stream.size()) - 1) / stage.row_tokens;
    const auto eos = work.tokenizer->eos();
    RowSource source;
    source.rows = chats + std::min(rows.plain, plain_there);
    Sha256 digest;
    for (const Segment& segment : rows.segments) {
        digest.field({reinterpret_cast<const char*>(segment.tokens.data()),
                      segment.tokens.size() * sizeof(std::int32_t)});
    }
    digest.field({reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float)});
    source.digest = digest.hex();
    source.add = [&](Batch& batch, std::int64_t row) {
        if (row >= chats) {  // from the end of the stream: the first stage may not have read it
            add_row(batch, work.stream, plain_there - 1 - (row - chats), stage.row_tokens, eos);
            return;
        }
        for (std::int32_t item : rows.packed[static_cast<std::size_t>(row)]) {
            const Segment& segment = rows.segments[static_cast<std::size_t>(item)];
            batch.add_segment(segment.tokens, segment.labels);
        }
    };
    Trainer trainer(work.pool, work.recipe.shape, work.recipe.precision, std::move(weights));
    StageOptions options;
    options.name = fmt::format("stage{}", index + 2);
    options.folder = work.file(options.name);
    options.seed = work.recipe.seed + 2 + index;
    options.sink = work.options.sink;
    StageResult result = CAIRN_TRY(run_stage(trainer, source, stage, options));
    weights = trainer.weights();
    return result;
}

Status measure_and_describe(Work& work, CardFacts& facts, const std::string& model) {
    CAIRN_TRY(work.need_documents());
    MeasureOptions options;
    options.threads = work.options.threads;
    options.sink = work.options.sink;
    const auto held_out = CAIRN_TRY(read_corpus_file(work.options.corpus, "heldout"));
    facts.measurement = CAIRN_TRY(measure(work.options.model, held_out, work.documents, options));
    facts.recipe = work.recipe;
    facts.threads = work.pool.size();
    facts.model_bytes = static_cast<std::int64_t>(model.size());
    facts.model_digest = sha256_hex(model);
    facts.corpus_tokens = static_cast<std::int64_t>(work.stream.size());
    CAIRN_TRY(write_file_atomic(work.file("measure.json"), measurement_json(facts.measurement)));
    std::filesystem::path card = work.options.model;
    return write_file_atomic(card.replace_extension(".md"), model_card(facts));
}

}  // namespace

Status pretrain(const PretrainOptions& options) {
    Work work(options, CAIRN_TRY(load_recipe(options.recipe)));
    CAIRN_TRY(make_folders(options.work));
    // What the last step needs is looked for first: training takes hours.
    CAIRN_TRY(make_folders(std::filesystem::absolute(options.model).parent_path()));
    CardFacts facts;
    facts.manifest = CAIRN_TRY(read_file(options.corpus / "MANIFEST.md", limits::kMiB));
    CAIRN_TRY(make_tokenizer(work));
    CAIRN_TRY(encode_corpus(work));
    if (options.last_stage < 1) return {};
    std::vector<float> weights;
    facts.text_stage = CAIRN_TRY(train_text(work, weights));
    if (options.last_stage < 2) return {};
    for (std::size_t i = 0; i < work.recipe.chats.size(); ++i) {
        facts.chat_stages.push_back(CAIRN_TRY(train_chats(work, i, weights)));
    }
    if (options.last_stage < 3) return {};
    ModelFile meta;
    meta.name = work.recipe.name;
    meta.notes = {{"general.license", "apache-2.0"},
                  {"cairn.recipe.sha256", sha256_hex(work.recipe.text)}};
    const std::string bytes =
        CAIRN_TRY(to_gguf(work.recipe.shape, weights, *work.tokenizer, ExportType::kQ8_0, meta));
    CAIRN_TRY(write_file_atomic(options.model, bytes));
    if (options.last_stage < 4) return {};
    return measure_and_describe(work, facts, bytes);
}

}  // namespace cairn::train
