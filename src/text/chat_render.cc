// SPDX-License-Identifier: Apache-2.0
// A chat as ids, and which of them training learns. Our own models are put together turn by turn
// (header and content encoded apart, as they are when a model generates); all others by their
// template, where the assistant's parts are found by the template's own marks or by rendering the
// chat again with one answer changed.
#include <fmt/format.h>

#include <algorithm>

#include "cairn/text/chat_template.h"

namespace cairn::text {
namespace {

using Messages = std::span<const ChatMessage>;

void append(RenderedChat& chat, std::span<const TokenId> ids, bool trainable) {
    chat.ids.insert(chat.ids.end(), ids.begin(), ids.end());
    chat.trainable.insert(chat.trainable.end(), ids.size(), trainable ? 1 : 0);
}

Result<RenderedChat> render_turns(const Tokenizer& tokenizer, Messages messages,
                                  bool add_generation_prompt) {
    const TokenId start = tokenizer.id_of("<|im_start|>").value();
    const TokenId end = tokenizer.id_of("<|im_end|>").value();
    RenderedChat chat;
    if (tokenizer.parts().add_bos && tokenizer.bos() != kNoToken)
        append(chat, {{tokenizer.bos()}}, false);
    const std::vector<TokenId> line_end = tokenizer.encode("\n");
    for (const ChatMessage& message : messages) {
        if (message.role != "system" && message.role != "user" && message.role != "assistant") {
            return make_error(Code::kInvalid,
                              fmt::format("expected the role system, user or assistant, found '{}'",
                                          message.role.substr(0, 64)));
        }
        const bool trainable = message.role == "assistant";
        append(chat, {{start}}, false);
        append(chat, tokenizer.encode(message.role + "\n"), false);
        append(chat, tokenizer.encode(message.content), trainable);
        append(chat, {{end}}, trainable);
        append(chat, line_end, false);
    }
    if (add_generation_prompt) {
        append(chat, {{start}}, false);
        append(chat, tokenizer.encode("assistant\n"), false);
    }
    return chat;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
    const std::size_t size = std::min(a.size(), b.size());
    return static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(size), b.begin()).first -
        a.begin());
}

/// Behind the token that ends a turn, if it stands at `at` (white space in front is skipped).
std::size_t after_end_token(const Tokenizer& tokenizer, std::string_view text, std::size_t at) {
    const std::size_t begin = text.find_first_not_of(" \n", at);
    if (begin == std::string_view::npos) return at;
    const TokenizerParts& parts = tokenizer.parts();
    std::size_t best = at;
    for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
        if (!tokenizer.is_end(id)) continue;
        const std::string& name = parts.tokens[static_cast<std::size_t>(id)];
        if (text.substr(begin).starts_with(name)) best = std::max(best, begin + name.size());
    }
    return best;
}

/// Finds the answers in a rendered chat by rendering it again.
class AnswerFinder {
  public:
    AnswerFinder(const ChatTemplate& compiled, const Tokenizer& tokenizer, Messages messages,
                 std::string_view full)
        : compiled_(compiled),
          tokenizer_(tokenizer),
          messages_(messages.begin(), messages.end()),
          full_(full) {}

    std::vector<Span> find() {
        std::vector<Span> spans;
        std::size_t last = 0;
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            if (messages_[i].role != "assistant") continue;
            const auto [begin, end] = answer(i, last);
            if (end <= begin) continue;  // the template leaves it out
            spans.push_back({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
            last = end;
        }
        return spans;
    }

  private:
    std::size_t shared_with(std::span<const ChatMessage> messages, bool prompt) const {
        const auto text = compiled_.render(messages, {.add_generation_prompt = prompt});
        return text ? common_prefix(full_, text->text) : 0;
    }

    /// How far the chat stays the same when something stands in front of or behind the answer.
    std::size_t shared_with_changed(std::size_t i, bool behind) {
        const std::string before = messages_[i].content;
        // Characters that no template trims or looks for.
        messages_[i].content = behind ? before + "\x01#" : "\x01#" + before;
        const std::size_t same = shared_with(messages_, false);
        messages_[i].content = before;
        return same;
    }

    std::pair<std::size_t, std::size_t> answer(std::size_t i, std::size_t last) {
        const std::span<const ChatMessage> all = messages_;
        const std::size_t content = shared_with_changed(i, false);
        const std::size_t content_end = shared_with_changed(i, true);
        std::size_t begin = i == 0 ? 0 : shared_with(all.first(i), true);
        if (begin < last || begin > content) begin = std::max(last, content);
        std::size_t end = std::max(content_end, shared_with(all.first(i + 1), false));
        while (end > content_end && (full_[end - 1] == '\n' || full_[end - 1] == ' ')) {
            --end;
        }
        return {begin, after_end_token(tokenizer_, full_, end)};
    }

    const ChatTemplate& compiled_;
    const Tokenizer& tokenizer_;
    std::vector<ChatMessage> messages_;
    std::string_view full_;
};

bool is_inside(const std::vector<Span>& spans, std::size_t at) {
    return std::any_of(spans.begin(), spans.end(), [&](const Span& span) {
        return span.begin <= static_cast<std::int64_t>(at) &&
               static_cast<std::int64_t>(at) < span.end;
    });
}

/// The ids of the whole text, each with the place where it begins. Errors: kUnsupported where the
/// tokenizer changes the text, so that places are not known.
Status encode_with_places(const Tokenizer& tokenizer, const ChatText& chat,
                          const std::vector<Span>& spans, RenderedChat& out) {
    out.ids = encode_chat(tokenizer, chat);
    std::size_t at = 0;
    for (const TokenId id : out.ids) {
        const std::string_view bytes =
            tokenizer.is_special(id)
                ? std::string_view(tokenizer.parts().tokens[static_cast<std::size_t>(id)])
                : tokenizer.token_bytes(id);
        std::size_t size = bytes.size();
        const std::string_view rest = std::string_view(chat.text).substr(at);
        if (!rest.starts_with(bytes) && bytes.starts_with(' ') &&
            rest.starts_with(bytes.substr(1))) {
            --size;  // a space that the tokenizer put in front
        } else if (!rest.starts_with(bytes)) {
            return make_error(Code::kUnsupported,
                              "the tokenizer changes the text of chats, so that answers cannot be "
                              "told from questions",
                              "tune a model whose tokenizer keeps text as it is");
        }
        out.trainable.push_back(is_inside(spans, at) ? 1 : 0);
        at += size;
    }
    return {};
}

Result<RenderedChat> render_by_template(const Tokenizer& tokenizer, Messages messages,
                                        bool add_generation_prompt) {
    const ChatTemplate compiled = CAIRN_TRY(ChatTemplate::of(tokenizer));
    const ChatText chat =
        CAIRN_TRY(compiled.render(messages, {.add_generation_prompt = add_generation_prompt}));
    RenderedChat out;
    if (add_generation_prompt) {  // for a model that answers: nothing is learnt
        out.ids = encode_chat(tokenizer, chat);
        out.trainable.assign(out.ids.size(), 0);
        return out;
    }
    const std::vector<Span> spans =
        chat.generation.empty() ? AnswerFinder(compiled, tokenizer, messages, chat.text).find()
                                : chat.generation;
    CAIRN_TRY(encode_with_places(tokenizer, chat, spans, out));
    return out;
}

}  // namespace

Result<RenderedChat> render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                                 bool add_generation_prompt) {
    if (messages.empty())
        return make_error(Code::kInvalid, "expected at least one message, found none");
    const std::string& own = tokenizer.parts().chat_template;
    if (has_chat_tokens(tokenizer) && (own.empty() || own == builtin_template("chatml"))) {
        return render_turns(tokenizer, messages, add_generation_prompt);
    }
    return render_by_template(tokenizer, messages, add_generation_prompt);
}

}  // namespace cairn::text
