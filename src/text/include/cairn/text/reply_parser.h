// SPDX-License-Identifier: Apache-2.0
// What a model writes, taken apart while it comes: its reasoning, its answer, its calls of tools.
// Each family of models marks them in its own way; the way is read from the chat template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/text/chat_template.h"

namespace cairn::text {

/// How a family marks its calls.
enum class ReplyFormat {
    kPlain,         ///< no calls
    kTags,          ///< <tool_call>...</tool_call>: JSON (Hermes, Qwen), <function=> (Qwen3-Coder),
                    ///< <arg_key> (GLM)
    kTagList,       ///< <tool_calls>[...]</tool_calls>
    kSeed,          ///< <seed:tool_call>
    kMiniMax,       ///< <minimax:tool_call><invoke name=...>
    kDsml,          ///< <｜DSML｜invoke name=...> (DeepSeek V3.2 and later)
    kDeepSeek,      ///< <｜tool▁call▁begin｜> (V3, R1, V3.1)
    kKimi,          ///< <|tool_call_begin|>
    kMistral,       ///< [TOOL_CALLS], both versions
    kLlama,         ///< JSON as the whole answer, or behind <|python_tag|>
    kFunctionTags,  ///< <function=name>{...}</function> (functionary 3.1)
    kRecipients,    ///< >>>name (functionary 3.2)
    kHarmony,       ///< <|channel|>...<|message|> (gpt-oss)
    kGranite,       ///< <|tool_call|>[...]
    kCommandR,      ///< <|START_ACTION|>[...]<|END_ACTION|>
    kApertus,       ///< <|tools_prefix|>[...]<|tools_suffix|>
    kGemma,         ///< <|tool_call>call:name{key:value}<tool_call|> (Gemma 4)
    kGigaChat,      ///< <|function_call|>{...} (3.1), function call<|role_sep|>{...} (3)
};

/// The calls of this template's family. The more special marks win.
ReplyFormat reply_format(std::string_view template_source);
std::string_view reply_format_name(ReplyFormat format);

struct ReplyDelta {
    enum class Kind { kContent, kReasoning, kCall };
    Kind kind = Kind::kContent;
    std::string text;  ///< kContent, kReasoning: what comes next
    ToolCall call;     ///< kCall: whole; the id is empty where the model gave none
};

struct ReplySetup {
    std::string template_source;
    /// A JSON list in OpenAI's form; empty: calls are not looked for. Says which arguments are text
    /// where a family writes all of them without quotes.
    std::string tools = {};
    bool in_reasoning = false;  ///< the prompt ended inside of the reasoning
};

/// Of one reply. However the text is cut into pieces, the joined deltas are the same; no delta ends
/// inside a mark. What looked like a call but is none comes out as content.
class ReplyParser {
  public:
    explicit ReplyParser(const ReplySetup& setup);
    ReplyParser(ReplyParser&&) noexcept;
    ~ReplyParser();

    std::vector<ReplyDelta> feed(std::string_view text);
    std::vector<ReplyDelta> finish();

    /// Marks that are special tokens in some vocabularies: the engine must show them as text.
    const std::vector<std::string>& marks() const;

    class Machine;  ///< opaque

  private:
    std::unique_ptr<Machine> machine_;
};

}  // namespace cairn::text
