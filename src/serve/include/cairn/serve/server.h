// SPDX-License-Identifier: Apache-2.0
// The HTTP server: Boost.Beast coroutines read and write, handlers run on worker threads and may
// block. Guards that hold for every route: sizes and times bounded, Host and Origin checked, key
// checked, errors in OpenAI's shape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/base/limits.h"
#include "cairn/serve/http.h"

namespace cairn::serve {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0: any free port
    /// Handlers that may block at the same time: a full batch, a full queue and event streams, so
    /// that the engine's queue is what fills up first.
    int worker_threads = limits::kQueueMax + 64;
    std::vector<std::string>
        hosts;  ///< further Host names that are let in (loopback names always are)
};

/// Checks "Authorization: Bearer KEY"; kDenied when the key is wrong, missing or revoked.
using Authenticator = std::function<Result<Caller>(std::string_view bearer)>;

/// Called after each reply: route pattern ("unknown" when none fits), status, seconds.
using Observer =
    std::function<void(const Request&, std::string_view pattern, int status, double seconds)>;

class Server {
  public:
    /// Binds and listens. Errors: kUnavailable when the port is in use (names the port and what to
    /// do).
    static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Router router,
                                                 Authenticator authenticator, Observer observer);
    ~Server();
    std::uint16_t port() const;
    /// Stops accepting, lets running handlers notice through client_gone(), joins all threads.
    void stop();

  private:
    struct State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cairn::serve
