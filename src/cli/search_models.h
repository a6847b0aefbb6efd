// SPDX-License-Identifier: Apache-2.0
// The embedder and the reranker that [retrieval] of cairn.toml names, loaded once a session.
#pragma once

#include <string>
#include <vector>

#include "cairn/knowledge/dense.h"
#include "cairn/serve/openai_api.h"
#include "session.h"

namespace cairn::cli {

/// Empty when none is named. Errors: those of loading, with the key that names the model.
Result<knowledge::SearchModels> search_models(Session& session);

/// The same as models that clients may use.
Result<std::vector<serve::ServedModel>> served_encoders(Session& session);

}  // namespace cairn::cli
