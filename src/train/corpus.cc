// SPDX-License-Identifier: Apache-2.0
// Documents are chosen by hash of their id and shuffled by the seed: the same everywhere.
#include "cairn/train/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/hash.h"
#include "cairn/format/gguf.h"
#include "cairn/format/jsonl.h"
#include "cairn/format/tokenizer_gguf.h"
#include "cairn/text/bpe_trainer.h"
#include "cairn/text/json.h"

namespace cairn::train {
namespace {

constexpr int kReservedTokens = 4;

bool chosen(const CorpusDocument& document, double share) {
    constexpr std::uint64_t kParts = 1'000'000;
    return static_cast<double>(hash64(document.id) % kParts) < share * kParts;
}

}  // namespace

Result<std::vector<CorpusDocument>> read_corpus_file(const std::filesystem::path& folder,
                                                     const std::string& file) {
    std::filesystem::path path = folder / (file + ".jsonl.zst");
    if (!std::filesystem::exists(path)) path.replace_extension();  // plain, not packed
    format::JsonlReader reader = CAIRN_TRY(format::JsonlReader::open(path));
    std::vector<CorpusDocument> documents;
    nlohmann::json record;
    while (CAIRN_TRY(reader.next(record))) {
        CorpusDocument document;
        document.id = CAIRN_TRY(text::get_string(record, "id"));
        document.group = CAIRN_TRY(text::get_string_or(record, "group", file));
        document.source = CAIRN_TRY(text::get_string_or(record, "source", ""));
        document.title = CAIRN_TRY(text::get_string_or(record, "title", ""));
        document.text = CAIRN_TRY(text::get_string(record, "text"));
        documents.push_back(std::move(document));
    }
    return documents;
}

Result<std::vector<CorpusDocument>> read_training_corpus(const std::filesystem::path& folder,
                                                         const Recipe& recipe) {
    std::vector<CorpusDocument> all;
    for (const auto& [group, share] : recipe.corpus) {
        for (CorpusDocument& document : CAIRN_TRY(read_corpus_file(folder, group))) {
            if (chosen(document, share)) all.push_back(std::move(document));
        }
    }
    Rng rng(recipe.seed);
    rng.shuffle(all);
    return all;
}

Result<text::Tokenizer> train_tokenizer(const std::vector<CorpusDocument>& documents,
                                        const Recipe& recipe) {
    text::BpeTrainOptions options;
    options.vocabulary_size = recipe.vocabulary;
    for (int i = 0; i < kReservedTokens; ++i) {
        options.special_tokens.push_back(fmt::format("<|reserved_{}|>", i));
    }
    text::BpeTrainer trainer = CAIRN_TRY(text::BpeTrainer::create(std::move(options)));
    std::int64_t characters = 0;
    for (const CorpusDocument& document : documents) {  // shuffled: the first ones are a sample
        trainer.add(document.text);
        characters += static_cast<std::int64_t>(document.text.size());
        if (characters >= recipe.sample_characters) break;
    }
    return text::Tokenizer::from_parts(CAIRN_TRY(trainer.train()));
}

Status save_tokenizer(const std::filesystem::path& path, const text::Tokenizer& tokenizer) {
    format::GgufWriter writer;
    format::write_tokenizer(writer, tokenizer);
    return writer.write(path);
}

Result<text::Tokenizer> load_tokenizer(const std::filesystem::path& path) {
    const format::GgufFile file = CAIRN_TRY(format::GgufFile::open(path));
    return format::tokenizer_from_gguf(file);
}

std::vector<std::uint16_t> encode_documents(const std::vector<CorpusDocument>& documents,
                                            const text::Tokenizer& tokenizer, ThreadPool& pool,
                                            Progress& progress) {
    std::vector<std::vector<std::uint16_t>> parts(documents.size());
    pool.parallel_for(documents.size(), 16, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const auto ids = tokenizer.encode(documents[i].text);
            parts[i].assign(ids.begin(), ids.end());
            parts[i].push_back(static_cast<std::uint16_t>(tokenizer.eos()));
        }
        progress.advance(static_cast<std::int64_t>(end - begin));
    });
    std::vector<std::uint16_t> stream;
    for (const auto& part : parts)
        stream.insert(stream.end(), part.begin(), part.end());
    return stream;
}

void add_row(Batch& batch, const std::vector<std::uint16_t>& stream, std::int64_t index, int length,
             std::int32_t eos) {
    const std::size_t begin = static_cast<std::size_t>(index) * static_cast<std::size_t>(length);
    const std::size_t end = begin + static_cast<std::size_t>(length);
    CAIRN_ASSERT(end < stream.size());
    for (std::size_t i = begin; i < end; ++i) {
        batch.tokens.push_back(stream[i]);
        const bool last = stream[i] == eos;
        batch.labels.push_back(last ? kNoLabel : stream[i + 1]);
        if (last || i + 1 == end) {
            batch.starts.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        }
    }
}

}  // namespace cairn::train
