// SPDX-License-Identifier: Apache-2.0
// The models that clients see under /v1 and what stands behind each name. The table can be replaced
// while the server runs (a release goes live): requests in flight keep the model they began with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/apps/assistant.h"
#include "cairn/base/result.h"
#include "cairn/engine/adapter.h"
#include "cairn/engine/embedder.h"

namespace cairn::serve {

enum class ModelKind : std::uint8_t {
    kBase,     ///< the base model as it is
    kStyle,    ///< the base model with the scenario's adapter
    kQa,       ///< the grounded assistant
    kEncoder,  ///< makes embeddings or reranks; see embeddings_api.cc
};

struct ServedModel {
    std::string name;      ///< what clients send as "model": the scenario's or the base's name
    std::string scenario;  ///< for the ledger; the base model: its own name
    ModelKind kind = ModelKind::kBase;
    std::shared_ptr<const engine::Adapter> adapter;  ///< kStyle; may be null (base alone)
    /// kQa: Assistant::answer, bound to the scenario's assistant. Called on several threads.
    std::function<Result<apps::Answer>(const apps::AssistantRequest&)> answer;
    std::shared_ptr<engine::Embedder> embedder;  ///< kEncoder
    std::shared_ptr<engine::Reranker> reranker;  ///< kEncoder
    std::string release;                         ///< id; empty: the base model
    std::int64_t created_ms = 0;
};

/// Thread-safe.
class ModelTable {
  public:
    void replace(std::vector<ServedModel> models);
    std::vector<ServedModel> list() const;
    /// Errors: kNotFound, naming the models that there are.
    Result<ServedModel> find(std::string_view name) const;

  private:
    mutable std::mutex mutex_;
    std::vector<ServedModel> models_;
};

}  // namespace cairn::serve
