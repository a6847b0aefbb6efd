// SPDX-License-Identifier: Apache-2.0
// What the embedder is worth on these very documents, by language, found out without labels: a
// sentence is taken out of its passage and asked as a question, and the passage should come first.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cairn/knowledge/dense.h"
#include "cairn/knowledge/index.h"

namespace cairn::knowledge {

/// All that words and meaning find for a question, not ordered; reads the tables as they are now.
using Gather = std::function<Result<std::vector<Hit>>(const std::string& question)>;

/// Writes the language of every document and the weight of meaning in every language that has
/// passages enough. Passages are changed for the time of the measurement and then put back. Runs
/// inside the caller's transaction; `forget` is called whenever passages have changed.
Result<std::vector<MeaningTrust>> measure_trust(store::Database& database,
                                                engine::Embedder& embedder, const Gather& gather,
                                                const std::function<void()>& forget);

}  // namespace cairn::knowledge
