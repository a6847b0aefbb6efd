// SPDX-License-Identifier: Apache-2.0
// How good a finished model is on text that it never saw: bits per byte, and reading tasks against
// the baseline "the sentence that BM25 ranks first".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/train/corpus.h"
#include "cairn/train/quote_tasks.h"

namespace cairn::train {

struct ReadingScores {
    double exact = 0;    ///< answerable: share with exactly the gold sentence
    double f1 = 0;       ///< answerable: mean word F1 with the gold sentence, a refusal counts 0
    double refused = 0;  ///< unanswerable: share that was refused
    double right = 0;    ///< of all questions: gold sentence or due refusal
};

struct Measurement {
    double bits_per_byte = 0;
    std::int64_t bytes = 0;
    std::int64_t answerable = 0;
    std::int64_t unanswerable = 0;
    ReadingScores model;          ///< the candidate with the highest probability
    ReadingScores model_mean;     ///< with the highest mean log-probability per token
    ReadingScores bm25;           ///< always the best sentence
    ReadingScores bm25_refusing;  ///< refuses below the threshold that is best on training tasks
    double bm25_threshold = 0;
};

struct MeasureOptions {
    std::int64_t questions = 300;
    std::int64_t text_tokens_max = 150'000;
    std::uint64_t seed = 77;
    int threads = 0;
    ProgressSink sink;
};

/// `training` gives the tasks on which the baseline's threshold is chosen.
Result<Measurement> measure(const std::filesystem::path& model,
                            const std::vector<CorpusDocument>& held_out,
                            const std::vector<CorpusDocument>& training,
                            const MeasureOptions& options);

std::string measurement_json(const Measurement& measurement);

}  // namespace cairn::train
