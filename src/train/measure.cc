// SPDX-License-Identifier: Apache-2.0
// Every system chooses among the same candidates: the sentences of the passages, or a refusal.
#include "measure.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "cairn/engine/model.h"
#include "cairn/engine/score.h"
#include "cairn/text/chat_template.h"
#include "cairn/text/json.h"
#include "cairn/text/segment.h"
#include "cairn/train/export.h"
#include "cairn/train/packing.h"
#include "cairn/train/trainer.h"
#include "question_maker.h"

namespace cairn::train {
namespace {

using Words = std::vector<std::string>;

Words stems(std::string_view text) {
    Words out;
    for (const std::string& word : content_words(text))
        out.push_back(stem(word));
    return out;
}

/// Every sentence of the passages once.
Words candidates_of(const QuoteTask& task) {
    Words all;
    for (const text::QuotePassage& passage : task.passages) {
        for (const text::Span& span : text::sentences(passage.text)) {
            std::string_view sentence =
                std::string_view(passage.text)
                    .substr(static_cast<std::size_t>(span.begin),
                            static_cast<std::size_t>(span.end - span.begin));
            if (sentence.starts_with("- ")) sentence.remove_prefix(2);
            if (sentence.empty() || sentence.size() > 400) continue;
            if (std::find(all.begin(), all.end(), sentence) == all.end())
                all.emplace_back(sentence);
        }
    }
    return all;
}

/// Okapi BM25 (k1 1.2, b 0.75) over the sentences of one prompt.
std::vector<double> bm25(const Words& sentences, std::string_view question) {
    std::vector<std::map<std::string, int>> counts;
    std::map<std::string, int> containing;
    double mean_length = 0;
    for (const std::string& sentence : sentences) {
        std::map<std::string, int>& count = counts.emplace_back();
        for (const std::string& s : stems(sentence))
            ++count[s];
        for (const auto& [s, n] : count)
            ++containing[s];
        mean_length += static_cast<double>(stems(sentence).size());
    }
    const auto total = static_cast<double>(sentences.size());
    mean_length = std::max(1.0, mean_length / std::max(1.0, total));
    std::vector<double> scores(sentences.size(), 0.0);
    for (const std::string& s : stems(question)) {
        const auto found = containing.find(s);
        if (found == containing.end()) continue;
        const double idf = std::log(1.0 + (total - found->second + 0.5) / (found->second + 0.5));
        for (std::size_t i = 0; i < sentences.size(); ++i) {
            const auto hit = counts[i].find(s);
            if (hit == counts[i].end()) continue;
            double length = 0;
            for (const auto& [word, n] : counts[i])
                length += n;
            const double norm = 1.2 * (0.25 + 0.75 * length / mean_length);
            scores[i] += idf * hit->second * 2.2 / (hit->second + norm);
        }
    }
    return scores;
}

double word_f1(std::string_view found, std::string_view gold) {
    std::map<std::string, int> left;
    const Words gold_words = content_words(gold);
    const Words found_words = content_words(found);
    for (const std::string& word : gold_words)
        ++left[word];
    int common = 0;
    for (const std::string& word : found_words)
        common += left[word]-- > 0 ? 1 : 0;
    if (common == 0) return 0;
    const double precision = common / static_cast<double>(found_words.size());
    const double recall = common / static_cast<double>(gold_words.size());
    return 2 * precision * recall / (precision + recall);
}

/// Answers (empty: refused) against turns.
ReadingScores score(const std::vector<QuoteTask>& tasks, const Words& answers) {
    ReadingScores scores;
    int answerable = 0;
    int right = 0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const std::string& gold = tasks[i].turns[0].quote;
        if (gold.empty()) {
            scores.refused += answers[i].empty() ? 1 : 0;
            right += answers[i].empty() ? 1 : 0;
            continue;
        }
        ++answerable;
        scores.exact += answers[i] == gold ? 1 : 0;
        right += answers[i] == gold ? 1 : 0;
        scores.f1 += word_f1(answers[i], gold);
    }
    const auto count = static_cast<double>(tasks.size());
    scores.right = right / std::max(1.0, count);
    scores.refused /= std::max(1.0, count - answerable);
    scores.exact /= std::max(1, answerable);
    scores.f1 /= std::max(1, answerable);
    return scores;
}

struct Best {
    std::string sentence;
    double score = 0;
};

std::vector<Best> bm25_answers(const std::vector<QuoteTask>& tasks) {
    std::vector<Best> best(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const Words sentences = candidates_of(tasks[i]);
        const std::vector<double> scores = bm25(sentences, tasks[i].turns[0].question);
        for (std::size_t j = 0; j < sentences.size(); ++j) {
            if (j == 0 || scores[j] > best[i].score) best[i] = {sentences[j], scores[j]};
        }
    }
    return best;
}

Words above(const std::vector<Best>& best, double threshold) {
    Words answers;
    for (const Best& item : best)
        answers.push_back(item.score < threshold ? "" : item.sentence);
    return answers;
}

double best_threshold(const std::vector<QuoteTask>& tasks) {
    const std::vector<Best> best = bm25_answers(tasks);
    std::vector<double> values;
    for (const Best& item : best)
        values.push_back(item.score);
    double chosen = 0;
    double most = -1;
    for (double threshold : values) {
        const double right = score(tasks, above(best, threshold)).right;
        if (right > most) {
            most = right;
            chosen = threshold;
        }
    }
    return chosen;
}

std::vector<QuoteTask> single_questions(const std::vector<CorpusDocument>& documents,
                                        std::int64_t count, std::uint64_t seed) {
    QuoteTaskOptions options;
    options.seed = seed;
    options.count = count;
    options.turns_max = 1;
    return make_quote_tasks(documents, options);
}

struct ModelAnswers {
    Words by_total;
    Words by_mean;
};

Result<ModelAnswers> model_answers(const std::shared_ptr<const engine::Model>& model,
                                   const std::vector<QuoteTask>& tasks, ThreadPool& pool,
                                   Progress& progress) {
    ModelAnswers answers;
    for (const QuoteTask& task : tasks) {
        const auto messages = text::quote_prompt(task.passages, task.turns[0].question);
        const auto prompt = CAIRN_TRY(text::render_chat(model->tokenizer(), messages, true));
        const Words sentences = candidates_of(task);
        Words candidates = {std::string(text::kRefusal)};
        for (const std::string& sentence : sentences) {
            candidates.push_back(text::quote_answer(sentence));
        }
        Result<std::vector<engine::CandidateScore>> scores =
            engine::score_candidates(model, nullptr, prompt.ids, candidates, &pool);
        std::size_t total = 0;
        std::size_t mean = 0;
        for (std::size_t i = 1; scores && i < candidates.size(); ++i) {
            if ((*scores)[i].total_logprob > (*scores)[total].total_logprob) total = i;
            if ((*scores)[i].mean_logprob > (*scores)[mean].mean_logprob) mean = i;
        }
        answers.by_total.push_back(total == 0 ? "" : sentences[total - 1]);
        answers.by_mean.push_back(mean == 0 ? "" : sentences[mean - 1]);
        progress.advance(1);
    }
    return answers;
}

Status measure_text(Measurement& result, const LoadedBase& base, const text::Tokenizer& tokenizer,
                    const std::vector<CorpusDocument>& documents, const MeasureOptions& options,
                    ThreadPool& pool) {
    std::vector<Batch> batches;
    std::int64_t tokens = 0;
    for (const CorpusDocument& document : documents) {
        const auto ids = tokenizer.encode(document.text);
        const std::size_t size = std::min(ids.size(), static_cast<std::size_t>(base.shape.context));
        if (size < 2 || tokens > options.text_tokens_max) continue;
        std::vector<std::int32_t> inputs(ids.begin(), ids.begin() + static_cast<long>(size));
        std::vector<std::int32_t> labels(ids.begin() + 1, ids.begin() + static_cast<long>(size));
        for (std::int32_t id : labels) {
            result.bytes += static_cast<std::int64_t>(tokenizer.token_bytes(id).size());
        }
        labels.push_back(kNoLabel);
        tokens += static_cast<std::int64_t>(size);
        batches.emplace_back().add_segment(inputs, labels);
    }
    std::int64_t labelled = 0;
    for (const Batch& batch : batches)
        labelled += batch.labelled();
    Trainer trainer(pool, base.shape, Precision::kF32, base.weights);
    const double loss = CAIRN_TRY(trainer.evaluate(batches));
    result.bits_per_byte = loss * static_cast<double>(labelled) / std::numbers::ln2 /
                           static_cast<double>(std::max<std::int64_t>(1, result.bytes));
    return {};
}

nlohmann::json to_json(const ReadingScores& scores) {
    return {{"exact", scores.exact},
            {"f1", scores.f1},
            {"refused", scores.refused},
            {"right", scores.right}};
}

}  // namespace

Result<Measurement> measure(const std::filesystem::path& model,
                            const std::vector<CorpusDocument>& held_out,
                            const std::vector<CorpusDocument>& training,
                            const MeasureOptions& options) {
    const auto loaded = CAIRN_TRY(engine::Model::load(model));
    const LoadedBase base = CAIRN_TRY(load_base(model));
    ThreadPool pool(options.threads);
    Measurement result;
    CAIRN_TRY(measure_text(result, base, loaded->tokenizer(), held_out, options, pool));
    const auto tasks = single_questions(held_out, options.questions, options.seed);
    for (const QuoteTask& task : tasks) {
        (task.turns[0].quote.empty() ? result.unanswerable : result.answerable) += 1;
    }
    const ProgressSink sink = options.sink ? options.sink : silent_progress();
    Progress progress(sink, "measure", static_cast<std::int64_t>(tasks.size()), "questions");
    const ModelAnswers answers = CAIRN_TRY(model_answers(loaded, tasks, pool, progress));
    result.model = score(tasks, answers.by_total);
    result.model_mean = score(tasks, answers.by_mean);
    const std::vector<Best> best = bm25_answers(tasks);
    result.bm25 = score(tasks, above(best, -1));
    result.bm25_threshold =
        best_threshold(single_questions(training, options.questions, options.seed + 1));
    result.bm25_refusing = score(tasks, above(best, result.bm25_threshold));
    return result;
}

std::string measurement_json(const Measurement& m) {
    return text::dump_json({{"bits_per_byte", m.bits_per_byte},
                            {"bytes", m.bytes},
                            {"answerable", m.answerable},
                            {"unanswerable", m.unanswerable},
                            {"model", to_json(m.model)},
                            {"model_by_mean", to_json(m.model_mean)},
                            {"bm25", to_json(m.bm25)},
                            {"bm25_refusing", to_json(m.bm25_refusing)},
                            {"bm25_threshold", m.bm25_threshold}},
                           2) +
           "\n";
}

}  // namespace cairn::train
