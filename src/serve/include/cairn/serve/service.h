// SPDX-License-Identifier: Apache-2.0
// One served workspace: ties models, console and ledger to a server. The composition root fills in
// the parts and calls start; every address of docs/formats/http_api.md is answered here.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "cairn/base/config.h"
#include "cairn/base/embedded.h"
#include "cairn/base/result.h"
#include "cairn/engine/scheduler.h"
#include "cairn/serve/console_api.h"
#include "cairn/serve/http.h"
#include "cairn/serve/openai_api.h"
#include "cairn/serve/server.h"

namespace cairn::serve {

struct ServiceParts {
    std::string version;
    WorkspaceConfig workspace;  ///< root (each worker opens its own store), name, prices, ...
    std::shared_ptr<engine::Scheduler> scheduler;
    std::vector<ServedModel> models;
    ConsoleSources console;
    std::span<const EmbeddedFile> assets;  ///< web/dist with index.html
};

class Service {
  public:
    /// Errors: kInvalid when a part is missing, those of opening the tables.
    static Result<std::unique_ptr<Service>> create(ServiceParts parts);
    ~Service();

    /// Swaps what is served; requests in flight keep what they began with.
    void replace_models(std::vector<ServedModel> models);
    Result<Router> router();
    /// Listens with this service's router, keys and metrics. The server must end before the
    /// service.
    Result<std::unique_ptr<Server>> start(const ServerOptions& options);

    struct State;  ///< the room's own

  private:
    explicit Service(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::serve
