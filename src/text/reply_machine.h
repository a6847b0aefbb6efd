// SPDX-License-Identifier: Apache-2.0
// The inside of ReplyParser: what its two machines share, and the readers of calls.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/reply_parser.h"

namespace cairn::text {

/// Types of parameters, from the tools of the request.
class ToolSchemas {
  public:
    explicit ToolSchemas(const std::string& tools);
    ~ToolSchemas();
    ToolSchemas(const ToolSchemas&) = delete;
    ToolSchemas& operator=(const ToolSchemas&) = delete;
    /// A value that was written without quotes, as JSON.
    nlohmann::ordered_json value(const std::string& function, const std::string& parameter,
                                 std::string_view text) const;
    bool empty() const;

  private:
    std::unique_ptr<nlohmann::json> tools_;
};

/// Reads the calls of one marked part; nothing when it is none after all.
using ReadCalls = std::optional<std::vector<ToolCall>> (*)(std::string_view body,
                                                           const ToolSchemas& schemas);

std::optional<std::vector<ToolCall>> read_json_calls(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_tag_call(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_invokes(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_deepseek_call(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_kimi_call(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_mistral_calls(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_function_tag(std::string_view body, const ToolSchemas&);
std::optional<std::vector<ToolCall>> read_gemma_call(std::string_view body, const ToolSchemas&);
/// A call whose name stood outside of the body.
std::optional<ToolCall> named_call(std::string_view name, std::string_view body);

class ReplyParser::Machine {
  public:
    virtual ~Machine() = default;
    virtual void feed(std::string_view text) = 0;
    virtual void finish() = 0;

    std::vector<ReplyDelta> take();
    std::vector<std::string> marks;

  protected:
    /// White space at the end of a part is held back until something follows it.
    void say(ReplyDelta::Kind kind, std::string_view text);
    void say_exactly(ReplyDelta::Kind kind, std::string_view text);
    /// Ends a part: white space that is held back goes out or is dropped.
    void end_part(bool drop_space);
    void add(std::vector<ToolCall> calls);

    bool part_begun_ = false;

  private:
    std::vector<ReplyDelta> deltas_;
    std::string space_;
    ReplyDelta::Kind space_kind_ = ReplyDelta::Kind::kContent;
};

std::unique_ptr<ReplyParser::Machine> make_machine(const ReplySetup& setup);

/// Bytes at the end of `text` that could still become one of the marks.
std::size_t open_mark(std::string_view text, const std::vector<std::string>& marks);
/// The first place of any of the marks, and which; npos when there is none.
std::pair<std::size_t, std::size_t> first_mark(std::string_view text,
                                               const std::vector<std::string>& marks,
                                               std::size_t from = 0);

}  // namespace cairn::text
