// SPDX-License-Identifier: Apache-2.0
// What the handlers share, and the functions that put each dialect's addresses into the router.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "cairn/engine/json_constraint.h"
#include "cairn/serve/service.h"
#include "metrics.h"
#include "store_pool.h"

namespace cairn::serve {

struct Service::State {
    explicit State(ServiceParts given)
        : parts(std::move(given)), stores(parts.workspace.root), metrics(parts.scheduler) {
        models.replace(std::move(parts.models));
    }
    ServiceParts parts;
    ModelTable models;
    StorePool stores;
    Metrics metrics;
    double started_s = 0;    ///< monotonic
    std::string engine_run;  ///< this service in the ledger's table of engines
    std::int64_t engine_since_ms = 0;
    engine::SchedulerMetrics engine_before;  ///< what the engine had counted by then
    std::atomic<int> event_streams = 0;      ///< open /api/events

    /// The vocabulary as a tree, for answers that have to be JSON; made at the first of them.
    std::shared_ptr<const engine::TokenTrie> token_trie() {
        std::call_once(trie_made_, [&] {
            trie_ = std::make_shared<engine::TokenTrie>(parts.scheduler->model()->tokenizer());
        });
        return trie_;
    }

  private:
    std::once_flag trie_made_;
    std::shared_ptr<const engine::TokenTrie> trie_;
};

void add_openai_routes(Router& router, Service::State& state);
void add_embedding_routes(Router& router, Service::State& state);
void add_console_routes(Router& router, Service::State& state);
void add_ledger_routes(Router& router, Service::State& state);
/// The console's files. Errors: kInvalid without index.html.
Status add_asset_routes(Router& router, std::span<const EmbeddedFile> assets);

}  // namespace cairn::serve
