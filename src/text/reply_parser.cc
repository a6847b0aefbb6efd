// SPDX-License-Identifier: Apache-2.0
// Two machines: marks around parts of the text (most families), and headers in front of parts
// (gpt-oss, functionary 3.2). Both decide by whole marks only, so that cuts change nothing.
#include "cairn/text/reply_parser.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cairn/text/json.h"
#include "reply_machine.h"

namespace cairn::text {
namespace {

using Kind = ReplyDelta::Kind;
constexpr auto kNone = std::string_view::npos;

struct Family {
    ReplyFormat format;
    std::string_view name;
    std::string_view seen_in;  ///< this text in a template tells the family
    /// Around one or several calls; an empty end: up to the next begin or the end of the reply.
    std::vector<std::string> begins;
    std::string end;
    ReadCalls read;
    std::vector<std::string> dropped;  ///< marks around all calls
};

/// The more special first: the first that a template holds is taken.
const std::vector<Family> kFamilies = {
    {ReplyFormat::kHarmony, "harmony", "<|channel|>", {}, "", nullptr, {}},
    {ReplyFormat::kRecipients, "recipients", ">>>${recipient}", {}, "", nullptr, {}},
    {ReplyFormat::kDsml,
     "dsml",
     "｜DSML｜",
     {"<｜DSML｜tool_calls>", "<｜DSML｜function_calls>"},
     "</"
     "｜DSML｜",
     read_invokes,
     {}},
    {ReplyFormat::kMiniMax,
     "minimax",
     "<minimax:tool_call>",
     {"<minimax:tool_call>"},
     "</minimax:tool_call>",
     read_invokes,
     {}},
    {ReplyFormat::kSeed,
     "seed",
     "seed:tool_call",
     {"<seed:tool_call>"},
     "</seed:tool_call>",
     read_tag_call,
     {}},
    {ReplyFormat::kDeepSeek,
     "deepseek",
     "tool▁call▁begin",
     {"<｜tool▁call▁begin｜>"},
     "<｜tool▁call▁end｜>",
     read_deepseek_call,
     {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"}},
    {ReplyFormat::kKimi,
     "kimi",
     "<|tool_call_begin|>",
     {"<|tool_call_begin|>"},
     "<|tool_call_end|>",
     read_kimi_call,
     {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"}},
    {ReplyFormat::kMistral,
     "mistral",
     "[TOOL_CALLS]",
     {"[TOOL_CALLS]"},
     "",
     read_mistral_calls,
     {}},
    {ReplyFormat::kCommandR,
     "command-r",
     "<|START_ACTION|>",
     {"<|START_ACTION|>"},
     "<|END_ACTION|>",
     read_json_calls,
     {"<|START_RESPONSE|>", "<|END_RESPONSE|>"}},
    {ReplyFormat::kApertus,
     "apertus",
     "<|tools_prefix|>",
     {"<|tools_prefix|>"},
     "<|tools_suffix|>",
     read_json_calls,
     {}},
    {ReplyFormat::kGemma,
     "gemma",
     "<|tool_call>call:",
     {"<|tool_call>"},
     "<tool_call|>",
     read_gemma_call,
     {}},
    {ReplyFormat::kGigaChat,
     "gigachat",
     "<|function_call|>",
     {"<|function_call|>"},
     "",
     read_json_calls,
     {"<|message_sep|>"}},
    {ReplyFormat::kGigaChat,
     "gigachat",
     "'role': 'function call'",
     {"function call<|role_sep|>"},
     "",
     read_json_calls,
     {"<|message_sep|>"}},
    {ReplyFormat::kGranite, "granite", "<|tool_call|>", {"<|tool_call|>"}, "", read_json_calls, {}},
    {ReplyFormat::kTagList,
     "tag-list",
     "<tool_calls>[",
     {"<tool_calls>"},
     "</tool_calls>",
     read_json_calls,
     {}},
    {ReplyFormat::kTags, "tags", "<tool_call>", {"<tool_call>"}, "</tool_call>", read_tag_call, {}},
    {ReplyFormat::kFunctionTags,
     "function-tags",
     "<function=",
     {"<function="},
     "</function>",
     read_function_tag,
     {}},
    {ReplyFormat::kLlama, "llama", "<|python_tag|>", {"<|python_tag|>"}, "", read_json_calls, {}},
    {ReplyFormat::kLlama,
     "llama",
     "<|start_header_id|>ipython",
     {"<|python_tag|>"},
     "",
     read_json_calls,
     {}},
    {ReplyFormat::kPlain, "plain", "", {}, "", nullptr, {}},
};

const Family& family_of(std::string_view source) {
    const auto& all = kFamilies;
    return *std::find_if(all.begin(), all.end(), [&](const Family& family) {
        return source.find(family.seen_in) != kNone;
    });
}

/// Marks around the reasoning.
struct Reasoning {
    std::string_view begin;
    std::string_view end;
};
constexpr std::array kReasoning = {Reasoning{"<think>", "</think>"},
                                   Reasoning{"<seed:think>", "</seed:think>"},
                                   Reasoning{"[THINK]", "[/THINK]"},
                                   Reasoning{"<|START_THINKING|>", "<|END_THINKING|>"},
                                   Reasoning{"<|inner_prefix|>", "<|inner_suffix|>"},
                                   Reasoning{"<|channel>thought", "<channel|>"}};

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// Marks around parts of the text.
class MarkMachine : public ReplyParser::Machine {
  public:
    explicit MarkMachine(const ReplySetup& setup)
        : family_(family_of(setup.template_source)), schemas_(setup.tools) {
        for (const Reasoning& known : kReasoning) {
            if (setup.template_source.find(known.end) != kNone) reasoning_ = known;
        }
        calls_ = !setup.tools.empty() && family_.read != nullptr;
        if (calls_) {
            begins_ = family_.begins;
            begins_.insert(begins_.end(), family_.dropped.begin(), family_.dropped.end());
            marks = begins_;
            if (!family_.end.empty()) marks.push_back(family_.end);
            inner_ = {"<｜tool▁sep｜>", "<|tool_call_argument_begin|>",
                      "[ARGS]",         "[CALL_ID]",
                      "｜DSML｜",       "<|\"|>",
                      "<|role_sep|>"};
            marks.insert(marks.end(), inner_.begin(), inner_.end());
        }
        whole_json_ = calls_ && family_.format == ReplyFormat::kLlama;
        if (!reasoning_.begin.empty()) {
            marks.emplace_back(reasoning_.begin);
            marks.emplace_back(reasoning_.end);
        }
        state_ =
            setup.in_reasoning && !reasoning_.begin.empty() ? State::kReasoning : State::kStart;
    }

    void feed(std::string_view text) override {
        buffer_ += text;
        while (step(false)) {
        }
    }

    void finish() override {
        while (step(true)) {
        }
        end_part(false);
    }

  private:
    enum class State { kStart, kReasoning, kContent, kCall, kWholeJson };

    bool step(bool last) {
        switch (state_) {
            case State::kStart:
                return start(last);
            case State::kReasoning:
                return reason(last);
            case State::kContent:
                return content(last);
            case State::kCall:
                return call(last);
            case State::kWholeJson:
                return whole_json(last);
        }
        return false;
    }

    /// White space, then perhaps the begin of the reasoning.
    bool start(bool last) {
        const std::size_t begin = buffer_.find_first_not_of(" \t\r\n");
        if (begin == std::string::npos && !last) return false;
        const std::string_view rest = begin == std::string::npos
                                          ? std::string_view()
                                          : std::string_view(buffer_).substr(begin);
        const std::string_view mark = reasoning_.begin;
        if (!mark.empty() && rest.starts_with(mark)) {
            buffer_.erase(0, begin + mark.size());
            state_ = State::kReasoning;
            return true;
        }
        if (!last && rest.size() < mark.size() && mark.starts_with(rest)) return false;
        state_ = whole_json_ && rest.starts_with('{') ? State::kWholeJson : State::kContent;
        return !buffer_.empty();
    }

    bool reason(bool last) {
        const std::vector<std::string> ends = {std::string(reasoning_.end)};
        const auto [at, which] = first_mark(buffer_, ends);
        if (at != kNone) {
            say(Kind::kReasoning, std::string_view(buffer_).substr(0, at));
            end_part(true);
            buffer_.erase(0, at + ends[0].size());
            state_ = State::kContent;
            return true;
        }
        pass(Kind::kReasoning, last, ends);
        return false;
    }

    /// Says what cannot become part of a mark any more.
    void pass(Kind kind, bool last, const std::vector<std::string>& open) {
        const std::size_t keep = last ? 0 : open_mark(buffer_, open);
        say(kind, std::string_view(buffer_).substr(0, buffer_.size() - keep));
        buffer_.erase(0, buffer_.size() - keep);
    }

    bool content(bool last) {
        const auto [at, which] = first_mark(buffer_, begins_);
        if (at == kNone) {
            pass(Kind::kContent, last, begins_);
            return false;
        }
        say(Kind::kContent, std::string_view(buffer_).substr(0, at));
        end_part(true);
        begin_ = begins_[which];
        buffer_.erase(0, at + begin_.size());
        if (which < family_.begins.size()) state_ = State::kCall;
        return true;
    }

    bool call(bool last) {
        std::size_t end = kNone;
        std::size_t after = 0;
        if (family_.end.empty()) {  // up to the next call or the end
            end = first_mark(buffer_, family_.begins).first;
            after = end;
        } else if (family_.format == ReplyFormat::kDsml) {
            // The end repeats the word of the begin: </...tool_calls>.
            const std::string mark = "</" + begin_.substr(1);
            end = buffer_.find(mark);
            after = end + mark.size();
        } else {
            end = buffer_.find(family_.end);
            after = end + family_.end.size();
        }
        if (end == kNone && !last) return false;
        const bool whole = end != kNone;
        const std::string body = buffer_.substr(0, end);
        buffer_.erase(0, whole ? after : buffer_.size());
        auto calls = family_.read(body, schemas_);
        if (calls) {
            add(std::move(*calls));
        } else {
            say_exactly(Kind::kContent, begin_ + body + (whole ? family_end() : ""));
        }
        state_ = State::kContent;
        return whole;
    }

    std::string family_end() const {
        return family_.format == ReplyFormat::kDsml ? "</" + begin_.substr(1) : family_.end;
    }

    /// An answer that is one JSON object from the first to the last character, or several with ";".
    bool whole_json(bool last) {
        if (!last) return false;
        std::string list = "[" + buffer_ + "]";
        auto calls = read_json_calls(buffer_, schemas_);
        if (!calls) {
            for (std::size_t at = list.find("};"); at != std::string::npos;
                 at = list.find("};", at)) {
                list[at + 1] = ',';
            }
            calls = read_json_calls(list, schemas_);
        }
        const std::string text = std::exchange(buffer_, {});
        if (calls) {
            add(std::move(*calls));
        } else {
            say(Kind::kContent, text);
        }
        return false;
    }

    const Family& family_;
    ToolSchemas schemas_;
    Reasoning reasoning_;
    bool calls_ = false;
    bool whole_json_ = false;
    std::vector<std::string> begins_;
    std::vector<std::string> inner_;
    std::string begin_;
    std::string buffer_;
    State state_ = State::kStart;
};

/// A header says for whom the part behind it is: gpt-oss's channels, functionary's recipients.
class HeaderMachine : public ReplyParser::Machine {
  public:
    explicit HeaderMachine(bool harmony) : harmony_(harmony) {
        header_end_ = harmony ? "<|message|>" : "\n";
        if (harmony) {
            body_ends_ = {"<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"};
            marks = body_ends_;
            marks.insert(marks.end(), {"<|message|>", "<|constrain|>"});
        } else {
            body_ends_ = {">>>"};
        }
    }

    void feed(std::string_view text) override {
        buffer_ += text;
        while (step(false)) {
        }
    }

    void finish() override {
        while (step(true)) {
        }
        end_part(false);
    }

  private:
    bool step(bool last) { return in_body_ ? body(last) : header(last); }

    bool header(bool last) {
        const std::size_t end = buffer_.find(header_end_);
        if (end == std::string::npos) {
            // A reply without any header is an answer; a header that was cut off is nothing.
            const bool plain = !any_body_ && buffer_.find("<|") == std::string::npos;
            if (last && plain) say(Kind::kContent, buffer_);
            if (last) buffer_.clear();
            return false;
        }
        open(buffer_.substr(0, end));
        buffer_.erase(0, end + header_end_.size());
        in_body_ = true;
        any_body_ = true;
        return true;
    }

    void open(const std::string& header) {
        kind_ = Kind::kContent;
        recipient_.clear();
        if (!harmony_) {
            const std::size_t begin = header.find_first_not_of(" >");
            if (begin != std::string::npos && header.substr(begin) != "all") {
                recipient_ = header.substr(begin);
            }
            return;
        }
        const std::size_t to = header.find("to=");
        if (to != std::string::npos) {
            const std::size_t end = header.find_first_of(" <", to);
            recipient_ = header.substr(to + 3, end == std::string::npos ? end : end - to - 3);
            if (recipient_.starts_with("functions.")) recipient_.erase(0, 10);
            if (recipient_ == "user" || recipient_ == "assistant") recipient_.clear();
        }
        if (header.find("<|channel|>analysis") != std::string::npos) kind_ = Kind::kReasoning;
    }

    bool body(bool last) {
        const auto [end, which] = first_mark(buffer_, body_ends_);
        if (!recipient_.empty()) {
            if (end == kNone && !last) return false;
            finish_call(buffer_.substr(0, end));
        } else if (end == kNone) {
            const std::size_t keep = last ? 0 : open_mark(buffer_, body_ends_);
            say(kind_, std::string_view(buffer_).substr(0, buffer_.size() - keep));
            buffer_.erase(0, buffer_.size() - keep);
            return false;
        } else {
            say(kind_, std::string_view(buffer_).substr(0, end));
            end_part(true);
        }
        // The mark begins the next header: a channel stands in it.
        buffer_.erase(0, end == kNone                         ? buffer_.size()
                         : body_ends_[which] == "<|channel|>" ? end
                                                              : end + body_ends_[which].size());
        in_body_ = false;
        return end != kNone;
    }

    void finish_call(const std::string& text) {
        auto call = named_call(recipient_, text);
        if (!call && recipient_ == "python") {  // code, not JSON
            call = named_call(recipient_, R"({"code": )" + dump_json(nlohmann::json(text)) + "}");
        }
        if (call) {
            add({std::move(*call)});
        } else {
            say_exactly(Kind::kContent, text);
        }
    }

    bool harmony_;
    std::string header_end_;
    std::vector<std::string> body_ends_;
    std::string buffer_;
    bool in_body_ = false;
    bool any_body_ = false;
    Kind kind_ = Kind::kContent;
    std::string recipient_;
};

}  // namespace

std::size_t open_mark(std::string_view text, const std::vector<std::string>& marks) {
    std::size_t open = 0;
    for (const std::string& mark : marks) {
        for (std::size_t n = std::min(text.size(), mark.size() - 1); n > open; --n) {
            if (text.ends_with(std::string_view(mark).substr(0, n))) open = n;
        }
    }
    return open;
}

std::pair<std::size_t, std::size_t> first_mark(std::string_view text,
                                               const std::vector<std::string>& marks,
                                               std::size_t from) {
    std::pair<std::size_t, std::size_t> first{kNone, 0};
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const std::size_t at = text.find(marks[i], from);
        if (at < first.first) first = {at, i};
    }
    return first;
}

void ReplyParser::Machine::say_exactly(Kind kind, std::string_view text) {
    if (text.empty()) return;
    part_begun_ = true;
    if (!deltas_.empty() && deltas_.back().kind == kind) {
        deltas_.back().text += text;
    } else {
        deltas_.push_back({kind, std::string(text), {}});
    }
}

void ReplyParser::Machine::say(Kind kind, std::string_view text) {
    std::size_t end = text.size();
    while (end > 0 && is_space(text[end - 1]))
        --end;
    std::size_t begin = 0;
    while (!part_begun_ && begin < end && is_space(text[begin]))
        ++begin;
    if (begin < end) {
        say_exactly(kind, std::exchange(space_, {}));
        say_exactly(kind, text.substr(begin, end - begin));
    }
    if (part_begun_) {
        space_ += text.substr(end);
        space_kind_ = kind;
    }
}

void ReplyParser::Machine::end_part(bool drop_space) {
    if (!drop_space) say_exactly(space_kind_, space_);
    space_.clear();
    part_begun_ = false;
}

void ReplyParser::Machine::add(std::vector<ToolCall> calls) {
    for (ToolCall& call : calls) {
        deltas_.push_back({Kind::kCall, {}, std::move(call)});
    }
}

std::vector<ReplyDelta> ReplyParser::Machine::take() {
    return std::exchange(deltas_, {});
}

std::unique_ptr<ReplyParser::Machine> make_machine(const ReplySetup& setup) {
    const ReplyFormat format = reply_format(setup.template_source);
    if (format == ReplyFormat::kHarmony || format == ReplyFormat::kRecipients) {
        return std::make_unique<HeaderMachine>(format == ReplyFormat::kHarmony);
    }
    return std::make_unique<MarkMachine>(setup);
}

ReplyFormat reply_format(std::string_view template_source) {
    return family_of(template_source).format;
}

std::string_view reply_format_name(ReplyFormat format) {
    const auto& all = kFamilies;
    return std::find_if(all.begin(), all.end(), [&](const Family& f) { return f.format == format; })
        ->name;
}

ReplyParser::ReplyParser(const ReplySetup& setup) : machine_(make_machine(setup)) {}
ReplyParser::ReplyParser(ReplyParser&&) noexcept = default;
ReplyParser::~ReplyParser() = default;

std::vector<ReplyDelta> ReplyParser::feed(std::string_view text) {
    machine_->feed(text);
    return machine_->take();
}

std::vector<ReplyDelta> ReplyParser::finish() {
    machine_->finish();
    return machine_->take();
}

const std::vector<std::string>& ReplyParser::marks() const {
    return machine_->marks;
}

}  // namespace cairn::text
