// SPDX-License-Identifier: Apache-2.0
// Needles: each probe is a small chat with a word that nobody else writes; what the template does
// is seen by whether the word comes out, and how. No template is known by its name.
#include <algorithm>
#include <array>

#include "chat_context.h"

namespace cairn::text {
namespace {

constexpr std::string_view kNeedle = "needle7f3a";
constexpr std::string_view kSecond = "needle9c1b";
// Nine letters and digits: the strictest that any template asks of an id.
constexpr std::string_view kId = "call00001";
constexpr std::string_view kSecondId = "call00002";

class Prober {
  public:
    Prober(const JinjaTemplate& compiled, std::string_view bos, std::string_view eos)
        : compiled_(compiled), bos_(bos), eos_(eos) {}

    /// The text, or nothing where the template refuses.
    std::string text(const std::vector<ChatMessage>& messages, const ChatAbilities& as,
                     const ChatOptions& options = {}) const {
        const auto context = chat_context(messages, options, as, bos_, eos_);
        if (!context) return {};
        auto output = compiled_.render(*context);
        return output ? std::move(output->text) : std::string();
    }

    bool shows(const std::vector<ChatMessage>& messages, const ChatAbilities& as,
               std::string_view what = kNeedle, const ChatOptions& options = {}) const {
        return text(messages, as, options).find(what) != std::string::npos;
    }

  private:
    const JinjaTemplate& compiled_;
    std::string_view bos_;
    std::string_view eos_;
};

ChatMessage user(std::string_view text) {
    return {"user", std::string(text)};
}

ChatMessage calls(std::vector<std::string_view> names) {
    ChatMessage message{"assistant", ""};
    for (std::size_t i = 0; i < names.size(); ++i) {
        message.tool_calls.push_back({std::string(i == 0 ? kId : kSecondId), std::string(names[i]),
                                      R"({"place": "valley"})"});
    }
    return message;
}

ChatMessage result(std::string_view text) {
    ChatMessage message{"tool", std::string(text)};
    message.tool_call_id = kId;
    message.name = kSecond;
    return message;
}

std::string tools() {
    return R"([{"type": "function", "function": {"name": ")" + std::string(kSecond) +
           R"(", "description": "d", "parameters": {"type": "object", "properties": )" +
           R"({"place": {"type": "string", "description": "p"}}, "required": ["place"]}}}])";
}

/// Templates differ in what may follow a call.
std::array<std::vector<ChatMessage>, 3> chats_with(const ChatMessage& call) {
    return {{{user("Hi"), call},
             {user("Hi"), call, result(kNeedle)},
             {user("Hi"), call, result(kNeedle), user("Go on")}}};
}

/// True when the call comes out whole in one of the chats; where arguments were text that the
/// template writes as JSON once more, their quotes are escaped.
bool shows_call(const Prober& prober, const ChatAbilities& as) {
    for (const auto& chat : chats_with(calls({kSecond}))) {
        for (const ChatOptions& options : {ChatOptions{}, ChatOptions{.tools = tools()}}) {
            const std::string text = prober.text(chat, as, options);
            const bool escaped = text.find("\\\"place\\\"") != std::string::npos;
            if (text.find("valley") != std::string::npos && !escaped) return true;
        }
    }
    return false;
}

bool shows_in_any(const Prober& prober, const ChatAbilities& as, const ChatMessage& call) {
    const auto chats = chats_with(call);
    return std::any_of(chats.begin(), chats.end(), [&](const auto& chat) {
        return prober.shows(chat, as) || prober.shows(chat, as, kNeedle, {.tools = tools()});
    });
}

/// The shape of calls: arguments as text or as an object, with an empty content or none.
void probe_calls(const Prober& prober, ChatAbilities& as) {
    for (const bool null_content : {false, true}) {
        for (const bool object_arguments : {false, true}) {
            ChatAbilities shape = as;
            shape.null_content = null_content;
            shape.object_arguments = object_arguments;
            if (as.tool_calls || !shows_call(prober, shape)) continue;
            shape.tool_calls = true;
            as = shape;
        }
    }
    as.tool_results = shows_in_any(prober, as, calls({kSecond}));
    const ChatMessage two = calls({"first_call", kNeedle});
    as.parallel_calls =
        as.tool_calls && (prober.shows({user("Hi"), two}, as) ||
                          prober.shows({user("Hi"), two}, as, kNeedle, {.tools = tools()}));
}

void probe_reasoning(const Prober& prober, ChatAbilities& as) {
    ChatMessage thought{"assistant", "Answer"};
    thought.reasoning = kNeedle;
    ChatMessage before_call = calls({kSecond});
    before_call.reasoning = kNeedle;
    const ChatOptions last{.add_generation_prompt = false};
    as.reasoning = prober.shows({user("Hi"), thought}, as, kNeedle, last) ||
                   prober.shows({user("Hi"), before_call, result("r")}, as);
    struct Switch {
        std::string_view name;
        std::string_view one;
        std::string_view other;
    };
    static constexpr std::array kSwitches = {Switch{"enable_thinking", "true", "false"},
                                             Switch{"thinking", "true", "false"},
                                             Switch{"reasoning_effort", "\"low\"", "\"high\""}};
    for (const Switch& known : kSwitches) {
        const auto with = [&](std::string_view value) {
            ChatOptions options;
            options.switches = "{\"" + std::string(known.name) + "\": " + std::string(value) + "}";
            return prober.text({{"system", "S"}, user("Hi")}, as, options);
        };
        if (with(known.one) != with(known.other)) as.switches.emplace_back(known.name);
    }
    std::string prompt = prober.text({user("Hi")}, as);
    while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) {
        prompt.pop_back();
    }
    as.opens_reasoning = prompt.ends_with("<think>") || prompt.ends_with("<seed:think>") ||
                         prompt.ends_with("[THINK]");
}

}  // namespace

Result<ChatAbilities> probe_abilities(const JinjaTemplate& compiled, std::string_view bos,
                                      std::string_view eos) {
    const Prober prober(compiled, bos, eos);
    ChatAbilities as;
    as.system_role = true;
    if (!prober.shows({user(kNeedle)}, as)) {
        as.typed_content = true;
        if (!prober.shows({user(kNeedle)}, as)) {
            // The template's own words say why.
            as.typed_content = false;
            const auto context = CAIRN_TRY(chat_context({{user(kNeedle)}}, {}, as, bos, eos));
            const auto output = compiled.render(context);
            return make_error(Code::kInvalid, "the chat template does not show a user's message: " +
                                                  (output ? std::string("it is left out")
                                                          : output.error().message));
        }
    }
    as.system_role = prober.shows({{"system", std::string(kNeedle)}, user("Hi")}, as);
    as.tools = prober.shows({user("Hi")}, as, kSecond, {.tools = tools()});
    as.alternates = prober.text({user("One"), user("Two")}, as).empty();
    probe_calls(prober, as);
    probe_reasoning(prober, as);
    return as;
}

}  // namespace cairn::text
