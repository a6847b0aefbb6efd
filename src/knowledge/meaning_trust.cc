// SPDX-License-Identifier: Apache-2.0
// The weight is the largest with which the own passages come no later than by words alone:
// sentences share more words with their passages than questions do, so what does not hurt here
// helps there. Where the embedder knows nothing, any weight pushes them back, and it gets none.
#include "meaning_trust.h"

#include <algorithm>
#include <array>
#include <map>

#include "cairn/base/hash.h"
#include "cairn/store/database.h"
#include "cairn/text/segment.h"
#include "dense_search.h"
#include "sentence_spans.h"

namespace cairn::knowledge {
namespace {

using store::Database;
using store::Statement;

constexpr std::array kWeights = {0.0, 0.25, 0.5, 1.0};
constexpr std::size_t kSamplesMax = 64;    // per language: a second or two of work
constexpr std::size_t kSamplesLeast = 24;  // fewer say too little
constexpr std::size_t kLanguageBytesMax = 1 << 16;

/// A passage and the sentence that is taken out of it.
struct Sample {
    std::int64_t chunk_id = 0;
    std::string headings;
    std::string body;
    std::string sentences;
    std::string question;
};

/// One sentence of the middle leaves; the others move up.
Sample without_one(std::int64_t id, std::string headings, std::string body,
                   std::vector<text::Span> spans) {
    const auto taken = spans.begin() + static_cast<std::ptrdiff_t>(spans.size() / 2);
    const text::Span gone = *taken;
    Sample out{id, std::move(headings), {}, {}, std::string(gone.of(body))};
    body.erase(static_cast<std::size_t>(gone.begin),
               static_cast<std::size_t>(gone.end - gone.begin));
    for (auto later = spans.erase(taken); later != spans.end(); ++later) {
        later->begin -= gone.end - gone.begin;
        later->end -= gone.end - gone.begin;
    }
    out.body = std::move(body);
    out.sentences = write_spans(spans);
    return out;
}

Result<std::map<std::string, std::string>> document_languages(Database& database) {
    std::map<std::string, std::string> texts;
    Statement rows = CAIRN_TRY(
        database.query("SELECT document_id, body FROM chunks ORDER BY document_id, number"));
    while (CAIRN_TRY(rows.step())) {
        std::string& text = texts[rows.text(0)];
        if (text.size() < kLanguageBytesMax) text += rows.text(1) + "\n";
    }
    for (auto& [id, text] : texts)
        text = text::guess_language(text).code;
    return texts;
}

/// Passages of one language with a sentence to spare, evenly over all documents.
Result<std::vector<Sample>> choose_samples(Database& database, const std::string& language) {
    std::vector<Sample> all;
    Statement rows =
        CAIRN_TRY(database.query("SELECT c.id, c.headings, c.body, c.sentences FROM chunks c "
                                 "JOIN indexed_documents d ON d.id = c.document_id "
                                 "JOIN document_languages l ON l.document_id = d.id "
                                 "WHERE l.language = ?1 ORDER BY d.path, c.span_begin",
                                 language));
    while (CAIRN_TRY(rows.step())) {
        std::vector<text::Span> spans = read_spans(rows.view(3));
        constexpr std::size_t kSentencesLeast = 2;
        if (spans.size() < kSentencesLeast) continue;
        all.push_back(without_one(rows.integer(0), rows.text(1), rows.text(2), std::move(spans)));
    }
    std::vector<Sample> out;
    const std::size_t count = std::min(all.size(), kSamplesMax);
    for (std::size_t i = 0; i < count; ++i)
        out.push_back(std::move(all[i * all.size() / count]));
    return out;
}

/// Writes the passages without their sentences over those with them.
Status shorten(Database& database, engine::Embedder& embedder, const std::vector<Sample>& samples) {
    std::vector<std::string> texts;
    for (const Sample& sample : samples)
        texts.push_back(passage_text(sample.headings, sample.body));
    std::vector<float> values;
    DenseReport report;
    CAIRN_TRY(embed_passages(embedder, texts, values, report));
    const std::size_t bytes = static_cast<std::size_t>(embedder.width()) * sizeof(float);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const Sample& sample = samples[i];
        CAIRN_TRY(
            database.exec("INSERT INTO chunks_fts(chunks_fts, rowid, headings, body) "
                          "SELECT 'delete', id, headings, body FROM chunks WHERE id = ?1",
                          sample.chunk_id));
        CAIRN_TRY(database.exec("UPDATE chunks SET body = ?2, sentences = ?3 WHERE id = ?1",
                                sample.chunk_id, sample.body, sample.sentences));
        CAIRN_TRY(database.exec("INSERT INTO chunks_fts(rowid, headings, body) VALUES(?1, ?2, ?3)",
                                sample.chunk_id, sample.headings, sample.body));
        const std::string digest = sha256_hex("shortened " + std::to_string(sample.chunk_id));
        const std::string_view all(reinterpret_cast<const char*>(values.data()),
                                   values.size() * sizeof(float));
        CAIRN_TRY(database.exec("INSERT INTO vectors VALUES(?1, ?2)", digest,
                                store::Bytes{all.substr(i * bytes, bytes)}));
        CAIRN_TRY(database.exec("UPDATE chunk_vectors SET digest = ?2 WHERE chunk_id = ?1",
                                sample.chunk_id, digest));
    }
    return {};
}

/// 1 / place of the passage when meaning has this weight; 0 when it was not found.
double reciprocal_rank(const std::vector<Hit>& hits, std::int64_t chunk_id, double weight) {
    const auto score = [&](const Hit& hit) {
        return hit.words + weight * shared_meaning(hit.meaning);
    };
    const auto own = std::find_if(hits.begin(), hits.end(),
                                  [&](const Hit& hit) { return hit.chunk_id == chunk_id; });
    if (own == hits.end()) return 0;
    const auto better = std::count_if(hits.begin(), hits.end(),
                                      [&](const Hit& hit) { return score(hit) > score(*own); });
    return 1.0 / static_cast<double>(better + 1);
}

Result<MeaningTrust> measure(const std::string& language, const std::vector<Sample>& samples,
                             const Gather& gather) {
    std::array<double, kWeights.size()> found = {};
    for (const Sample& sample : samples) {
        const std::vector<Hit> hits = CAIRN_TRY(gather(sample.question));
        for (std::size_t w = 0; w < kWeights.size(); ++w)
            found[w] += reciprocal_rank(hits, sample.chunk_id, kWeights[w]);
    }
    std::size_t best = 0;
    for (std::size_t w = 1; w < kWeights.size(); ++w)
        if (found[w] >= found[0]) best = w;
    const auto count = static_cast<double>(samples.size());
    MeaningTrust out;
    out.language = language;
    out.samples = static_cast<int>(samples.size());
    out.weight = kWeights[best];
    out.words = found[0] / count;
    out.joined = found[best] / count;
    return out;
}

}  // namespace

Result<std::vector<MeaningTrust>> measure_trust(Database& database, engine::Embedder& embedder,
                                                const Gather& gather,
                                                const std::function<void()>& forget) {
    CAIRN_TRY(database.exec("DELETE FROM document_languages"));
    CAIRN_TRY(database.exec("DELETE FROM meaning_trust"));
    std::map<std::string, std::vector<Sample>> languages;
    for (const auto& [id, language] : CAIRN_TRY(document_languages(database))) {
        languages[language];
        CAIRN_TRY(database.exec("INSERT INTO document_languages VALUES(?1, ?2)", id, language));
    }
    std::vector<MeaningTrust> out;
    {
        // Never committed: what is shortened here is whole again behind this block.
        auto measuring = CAIRN_TRY(store::Transaction::begin(database));
        for (auto& [language, samples] : languages) {
            samples = CAIRN_TRY(choose_samples(database, language));
            if (samples.size() >= kSamplesLeast) CAIRN_TRY(shorten(database, embedder, samples));
        }
        forget();
        for (const auto& [language, samples] : languages) {
            if (samples.size() < kSamplesLeast) continue;
            out.push_back(CAIRN_TRY(measure(language, samples, gather)));
        }
    }
    forget();
    for (const MeaningTrust& trust : out) {
        CAIRN_TRY(database.exec("INSERT INTO meaning_trust VALUES(?1, ?2)", trust.language,
                                trust.weight));
    }
    return out;
}

}  // namespace cairn::knowledge
