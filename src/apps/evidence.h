// SPDX-License-Identifier: Apache-2.0
// What speaks for a sentence as the answer to a question, and the two sums over it: one makes the
// order of the sentences, the other says how sure the first of them is.
#pragma once

#include <vector>

#include "cairn/apps/assistant.h"

namespace cairn::apps {

/// `by_meaning`: an embedder knows the language of the documents that were found.
Evidence evidence_of(const Candidate& candidate, bool by_meaning);

/// Larger is likelier to be right; differences are nats. Only sums of one `by_meaning` compare.
double order_score(const Evidence& evidence);

}  // namespace cairn::apps
