// SPDX-License-Identifier: Apache-2.0
// Chat completions as OpenAI's clients read them: one JSON object, or server-sent chunks (role
// first, then text, the finish reason, the usage if asked for, [DONE]).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/engine/scheduler.h"
#include "cairn/serve/http.h"
#include "reply_sink.h"

namespace cairn::serve {

struct CompletionHead {
    std::string id;  ///< "chatcmpl-..."
    std::string model;
    std::string fingerprint;  ///< the release, or the base model's digest
    std::int64_t created_s = 0;
    bool include_usage = false;
};

nlohmann::json usage_json(const engine::Usage& usage);

/// `grounding` is null for models that do not cite.
std::string completion_json(const CompletionHead& head, const ReplyMessage& message,
                            std::string_view finish, const nlohmann::json& grounding,
                            const engine::Usage& usage);

/// Writes the stream; every call fails with kCancelled once the client has gone.
class CompletionStream {
  public:
    CompletionStream(CompletionHead head, Responder& responder)
        : head_(std::move(head)), responder_(&responder) {}

    /// Begins the response at the first call: before that an error can still be a plain reply.
    Status text(std::string_view piece);
    /// The same for the parts of a reply.
    Status deltas(const std::vector<text::ReplyDelta>& deltas);
    /// `refusal` is empty unless the answer is one.
    Status finish(std::string_view reason, std::string_view refusal,
                  const nlohmann::json& grounding, const engine::Usage& usage);
    /// Ends a stream that has begun with an error event, in OpenAI's shape.
    Status fail(const Error& error);
    bool begun() const { return begun_; }

  private:
    Status begin();
    Status event(const nlohmann::json& data);
    Status chunk(const nlohmann::json& delta, std::string_view finish);
    nlohmann::json frame() const;

    CompletionHead head_;
    Responder* responder_;
    bool begun_ = false;
    int calls_ = 0;
};

}  // namespace cairn::serve
