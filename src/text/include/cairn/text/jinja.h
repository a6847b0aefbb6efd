// SPDX-License-Identifier: Apache-2.0
// The template language of chat models, rendered byte for byte as Python's jinja2 does under
// transformers' settings, within limits, and with a mark on every byte that a user wrote.
// Used through chat_template.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"
#include "cairn/text/span.h"

namespace cairn::text {

/// What one rendering may use. The largest published template needs 60,000 steps and 2 MiB for a
/// chat of 100 messages.
struct JinjaLimits {
    std::int64_t steps_max = 20'000'000;
    std::size_t work_bytes_max = 256U << 20;  ///< all text that is made on the way
    std::size_t output_bytes_max = 64U << 20;
    int depth_max = 600;  ///< calls and expressions in one another
};

struct JinjaContext {
    /// A JSON object: messages, tools, documents. All text in it is the user's.
    std::string user_json = "{}";
    /// A JSON object: bos_token and other text of the model's owner.
    std::string trusted_json = "{}";
    /// What `strftime_now` shows, in UTC.
    std::int64_t now_s = 0;
};

struct JinjaOutput {
    std::string text;
    std::vector<Span> user;        ///< what users wrote: sorted, apart from one another
    std::vector<Span> generation;  ///< inside {% generation %}
};

/// A compiled template; thread-safe, copies share it.
class JinjaTemplate {
  public:
    /// Errors: kInvalid with the line and what is wrong there (unknown filters, tests and tags by
    /// name), kUnsupported for tags that load other templates, kTooLarge.
    static Result<JinjaTemplate> compile(std::string_view source);

    /// Errors: kInvalid (with the template's own words after raise_exception), kTooLarge when a
    /// limit is passed.
    Result<JinjaOutput> render(const JinjaContext& context, const JinjaLimits& limits = {}) const;

    struct State;  ///< opaque: the parsed program

  private:
    explicit JinjaTemplate(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

}  // namespace cairn::text
