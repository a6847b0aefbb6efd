// SPDX-License-Identifier: Apache-2.0
// The models that may help retrieval: an embedder finds passages by meaning, a reranker reads
// question and passage together. Both are optional; without them retrieval is lexical.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cairn/engine/embedder.h"

namespace cairn::knowledge {

struct SearchModels {
    std::shared_ptr<engine::Embedder> embedder;  ///< may be null
    std::string embedder_identity;               ///< Embedder::identity()
    std::shared_ptr<engine::Reranker> reranker;  ///< may be null
    std::string reranker_identity;

    bool any() const { return embedder != nullptr || reranker != nullptr; }
};

/// What the meaning of passages in one language is worth beside their words, measured without
/// labels: sentences are taken out of their passages and asked for them.
struct MeaningTrust {
    std::string language;  ///< ISO 639-1, "und": not known
    double weight = 0;     ///< of the meaning, when the words count 1
    int samples = 0;
    double words = 0;   ///< mean reciprocal rank of the own passage, by words alone
    double joined = 0;  ///< the same with this weight
};

/// What building the vectors of an index did.
struct DenseReport {
    int vectors = 0;          ///< in the index
    int embedded = 0;         ///< of these, computed now; equal texts are computed once
    int cut = 0;              ///< chunks of which the model read only the beginning
    std::int64_t tokens = 0;  ///< that the model read
    double seconds = 0;
    std::vector<MeaningTrust> trust;  ///< by language
};

}  // namespace cairn::knowledge
