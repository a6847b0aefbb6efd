// SPDX-License-Identifier: Apache-2.0
// GET /v1/models and POST /v1/chat/completions. A handler waits for the engine on its own thread,
// passes text on as it comes, and tells the ledger once, however the request ends.
#include "cairn/serve/openai_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/text/json.h"
#include "cairn/text/utf8.h"
#include "chat_request.h"
#include "completion_writer.h"
#include "metering.h"
#include "reply_sink.h"
#include "service_state.h"
#include "token_feed.h"

namespace cairn::serve {

using nlohmann::json;

void ModelTable::replace(std::vector<ServedModel> models) {
    const std::lock_guard lock(mutex_);
    models_ = std::move(models);
}

std::vector<ServedModel> ModelTable::list() const {
    const std::lock_guard lock(mutex_);
    return models_;
}

Result<ServedModel> ModelTable::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    std::string names;
    for (const ServedModel& model : models_) {
        if (model.name == name) return model;
        names += (names.empty() ? "" : ", ") + model.name;
    }
    return make_error(Code::kNotFound, "the model '" + std::string(name) + "' does not exist",
                      "there are: " + names);
}

namespace {

/// How long a client that has gone may go unnoticed while no token comes.
constexpr auto kPatience = std::chrono::milliseconds(50);
constexpr double kMsPerSecond = 1000;

/// What a request is charged, and what the engine did for it.
struct Used {
    engine::Usage usage;
    engine::Usage computed;
    bool exact = false;

    static Used generated(const engine::Usage& usage) { return {usage, usage, true}; }
    /// The engine failed: what it had done by then is an estimate.
    static Used estimated(const engine::Usage& usage) { return {usage, {}, false}; }
};

/// One request on its way through a handler.
struct Call {
    Service::State& state;
    const Request& request;
    const Caller& caller;
    Responder& responder;
    ChatRequest chat;
    ServedModel model;
    double began_s = now_seconds();

    CompletionHead head() const {
        const std::string& digest = state.parts.scheduler->model()->digest();
        return {"chatcmpl-" + request.id.substr(request.id.find('_') + 1), model.name,
                model.release.empty() ? "base_" + digest.substr(0, 16) : model.release,
                utc_ms() / 1000, chat.include_usage};
    }
    Status settle(const Used& used, std::string finish, int status, double first_token_s) const {
        return serve::settle(state,
                             {request.id, &caller, &model, used.usage, used.computed, used.exact,
                              std::move(finish), status, first_token_s, now_seconds() - began_s});
    }
};

Reply streamed(int status = 200) {
    Reply reply;
    reply.status = status;
    reply.streamed = true;
    return reply;
}

Reply invalid(std::string_view message, std::string_view code, std::string_view param) {
    return error_reply(400, "invalid_request_error", message, code, param);
}

Reply no_model(const Error& error) {
    return error_reply(404, "invalid_request_error", error.to_string(), "model_not_found", "model");
}

/// A complete answer on its way out: the ledger first, so that nothing leaves unaccounted.
Reply deliver(const Call& call, CompletionStream& stream, const ReplyMessage& message,
              const std::vector<text::ReplyDelta>& rest, std::string_view finish,
              const json& grounding, const Used& used, double first_token_s) {
    const engine::Usage& usage = used.usage;
    const bool gone = call.responder.client_gone();
    const std::string reason(gone ? "disconnected" : finish);
    const Status settled =
        call.settle(used, reason, gone ? kStatusDisconnected : 200, first_token_s);
    if (!settled) {
        if (!stream.begun()) return error_reply(settled.error());
        (void)stream.fail(settled.error());
        return streamed(500);
    }
    if (gone) return stream.begun() ? streamed(kStatusDisconnected) : Reply{kStatusDisconnected};
    // OpenAI's clients know no deadline: to them a limit of the request was reached.
    const bool calls = finish == "stop" && !message.calls.empty();
    const std::string_view shown = calls ? "tool_calls" : finish == "deadline" ? "length" : finish;
    if (!call.chat.stream) {
        return json_reply(completion_json(call.head(), message, shown, grounding, usage));
    }
    // A client that leaves now got all its tokens in the ledger; nothing is left to undo.
    if (stream.deltas(rest)) (void)stream.finish(shown, message.refusal, grounding, usage);
    return streamed();
}

/// The engine gave up: what it had generated until then is still accounted for.
Reply deliver_failure(const Call& call, CompletionStream& stream, const Error& error,
                      const Used& used) {
    const Reply plain = error_reply(error);
    (void)call.settle(used, "error", plain.status, 0);
    if (!stream.begun()) return plain;
    (void)stream.fail(error);
    return streamed(plain.status);
}

// --- generation by the engine ------------------------------------------------------------------

std::optional<Reply> check_length(const Call& call, std::int64_t prompt_tokens) {
    const std::int64_t context = call.state.parts.scheduler->model()->config().context;
    const std::int64_t wanted = call.chat.max_tokens.value_or(1);
    if (prompt_tokens + wanted <= context) return std::nullopt;
    return invalid("the context of '" + call.model.name + "' is " + std::to_string(context) +
                       " tokens; the messages have " + std::to_string(prompt_tokens) +
                       " and the answer asks for " + std::to_string(wanted) +
                       " (shorten the messages or lower max_tokens)",
                   "context_length_exceeded", prompt_tokens < context ? "max_tokens" : "messages");
}

/// What holds an answer to JSON; null when it is free. Errors: those of the schema, with `param`.
Result<std::shared_ptr<engine::Constraint>> json_rules(const Call& call, const ChatPrompt& prompt,
                                                       std::string& param) {
    if (!call.chat.json) return std::shared_ptr<engine::Constraint>();
    param = "response_format";
    if (!call.chat.tools.empty()) {
        return make_error(Code::kInvalid, "'response_format' and 'tools' exclude each other",
                          "send one of them, or tool_choice \"none\"");
    }
    if (prompt.reply && prompt.reply->in_reasoning) {
        return make_error(Code::kInvalid, "'response_format': this model reasons before it answers",
                          "switch that off with chat_template_kwargs: enable_thinking false");
    }
    std::shared_ptr<engine::Constraint> rules =
        CAIRN_TRY(engine::JsonConstraint::create(call.state.token_trie(), call.chat.json_schema));
    return rules;
}

engine::GenerateRequest engine_request(const Call& call, std::vector<text::TokenId> prompt,
                                       const ReplySink& sink,
                                       const std::shared_ptr<TokenFeed>& feed) {
    engine::GenerateRequest request;
    request.prompt = std::move(prompt);
    request.shown_tokens = sink.shown_tokens(call.state.parts.scheduler->model()->tokenizer());
    request.sampling = call.chat.sampling;
    // Without a seed each request draws anew; its id, which the log keeps, repeats the draw.
    request.sampling.seed = call.chat.seed.value_or(hash64(call.request.id));
    request.max_tokens = call.chat.max_tokens.value_or(0);
    request.stops = call.chat.stops;
    request.adapter = call.model.adapter;
    request.cache_salt = call.caller.tenant;
    request.on_token = [feed](const engine::TokenEvent& event) {
        feed->push(event.text);
        return true;
    };
    request.on_done = [feed](const Result<engine::GenerateResult>& result) {
        feed->finish(result);
    };
    return request;
}

Reply generate(const Call& call) {
    engine::Scheduler& scheduler = *call.state.parts.scheduler;
    std::string param;
    auto prompt = make_prompt(*scheduler.model(), call.chat, utc_ms() / 1000, param);
    if (!prompt) {
        const bool mine = prompt.error().code == Code::kUnsupported && param != "messages";
        if (!mine && prompt.error().code != Code::kInvalid) return error_reply(prompt.error());
        return invalid(prompt.error().to_string(),
                       mine ? "unsupported_parameter" : "invalid_request", param);
    }
    const auto prompt_tokens = static_cast<std::int64_t>(prompt->ids.size());
    if (auto refused = check_length(call, prompt_tokens)) return *refused;
    auto rules = json_rules(call, *prompt, param);
    if (!rules) return invalid(rules.error().to_string(), "invalid_request", param);
    ReplySink sink(prompt->reply, call.request.id, !call.chat.parallel_calls);
    const auto feed = std::make_shared<TokenFeed>();
    auto wanted = engine_request(call, std::move(prompt->ids), sink, feed);
    wanted.constraint = *std::move(rules);
    auto generation = scheduler.submit(std::move(wanted));
    if (!generation) return error_reply(generation.error());

    CompletionStream stream(call.head(), call.responder);
    bool gone = false;
    while (!feed->ended()) {
        const std::string piece = feed->take(kPatience);
        if (gone || sink.full()) continue;
        gone = call.responder.client_gone();
        const auto deltas = sink.feed(piece);
        if (!gone && call.chat.stream && !deltas.empty()) gone = !stream.deltas(deltas);
        if (gone || sink.full()) (*generation)->cancel();
    }
    const auto& result = feed->result();
    if (!result) {
        const engine::Usage usage{prompt_tokens, 0, feed->tokens(), 0};
        return deliver_failure(call, stream, result.error(), Used::estimated(usage));
    }
    const bool cancelled = result->finish_reason == engine::FinishReason::kCancelled;
    if (cancelled && !gone && !sink.full()) {
        const Error stopping = make_error(Code::kUnavailable, "the server is stopping");
        return deliver_failure(call, stream, stopping, Used::generated(result->usage));
    }
    if (result->finish_reason == engine::FinishReason::kDeadline &&
        result->usage.output_tokens == 0) {
        // An empty answer would look like one.
        const Error late =
            make_error(Code::kUnavailable,
                       "the time limit of " + std::to_string(limits::kRequestSeconds) +
                           " s was reached after " + std::to_string(result->usage.input_tokens) +
                           " of " + std::to_string(prompt_tokens) + " prompt tokens",
                       "shorten the messages, or serve a smaller model");
        return deliver_failure(call, stream, late, Used::generated(result->usage));
    }
    const auto rest = sink.finish();
    const std::string_view finish =
        sink.full() && !gone ? "stop" : finish_reason_name(result->finish_reason);
    return deliver(call, stream, sink.message(), rest, finish, nullptr,
                   Used::generated(result->usage), result->first_token_ms / kMsPerSecond);
}

// --- answers by the assistant ------------------------------------------------------------------

json citations_json(const std::vector<knowledge::Citation>& quotes) {
    json citations = json::array();
    for (const knowledge::Citation& quote : quotes) {
        citations.push_back({{"number", citations.size() + 1},
                             {"document", quote.document_id},
                             {"path", quote.path},
                             {"title", quote.title},
                             {"heading", quote.heading_path},
                             {"page", quote.page},
                             {"begin", quote.span.begin},
                             {"end", quote.span.end},
                             {"quote", quote.quote}});
    }
    return citations;
}

json grounding_json(const apps::Answer& answer, const std::string& release) {
    return {{"refused", answer.refused},
            {"support", answer.support},
            {"threshold", answer.threshold},
            {"release", release},
            {"citations", citations_json(answer.quotes)},
            {"nearest", citations_json(answer.nearest)}};
}

/// A quoted answer is neither sampled nor steered: a client that tries is told so.
std::optional<Reply> check_quotable(const Call& call) {
    const std::string what = "'" + call.model.name + "' answers by quoting documents; ";
    if (!call.chat.sampling_fields.empty()) {
        const std::string& field = call.chat.sampling_fields.front();
        return invalid(what + "'" + field + "' has no effect on that (leave it out)",
                       "unsupported_parameter", field);
    }
    if (!call.chat.stops.empty()) {
        return invalid(what + "'stop' has no effect on that (leave it out)",
                       "unsupported_parameter", "stop");
    }
    if (call.chat.json) {
        return invalid(what + "'response_format' has no effect on that (leave it out)",
                       "unsupported_parameter", "response_format");
    }
    if (!call.chat.tools.empty()) {
        return invalid(what + "'tools' have no effect on that (leave them out)",
                       "unsupported_parameter", "tools");
    }
    if (!call.chat.switches.empty()) {
        return invalid(what + "'chat_template_kwargs' have no effect on that (leave them out)",
                       "unsupported_parameter", "chat_template_kwargs");
    }
    for (const text::ChatMessage& message : call.chat.messages) {
        if (message.role != "system" && message.role != "tool") continue;
        return invalid(what + "a " + message.role + " message has no effect on that (leave it out)",
                       "unsupported_parameter", "messages");
    }
    return std::nullopt;
}

Reply answer(const Call& call) {
    if (auto refused = check_quotable(call)) return *refused;
    apps::AssistantRequest question;
    question.question = call.chat.messages.back().content;
    question.tenant = call.caller.tenant;
    for (std::size_t i = 0; i + 1 < call.chat.messages.size(); ++i) {
        const text::ChatMessage& message = call.chat.messages[i];
        if (message.role == "user") question.earlier_questions.push_back(message.content);
    }
    CompletionStream stream(call.head(), call.responder);
    std::string sent;
    const bool whole = !call.chat.stream || call.chat.max_tokens.has_value();  // may be cut below
    question.on_text = [&](std::string_view piece) {
        if (whole) return true;
        const bool passed_on = stream.text(piece).has_value();
        if (passed_on) sent += piece;
        return passed_on;
    };
    question.keep_going = [&call] { return !call.responder.client_gone(); };
    const auto answered = call.model.answer(question);
    if (!answered && answered.error().code == Code::kTooLarge) {
        return invalid(answered.error().to_string(), "context_length_exceeded", "messages");
    }
    if (!answered) return deliver_failure(call, stream, answered.error(), {});
    const Used used{answered->usage, answered->computed, false};
    if (answered->cancelled) {
        const Status settled = call.settle(used, "disconnected", kStatusDisconnected, 0);
        return settled ? Reply{kStatusDisconnected} : error_reply(settled.error());
    }

    std::string text = answered->text;
    std::string_view finish = "stop";
    if (call.chat.max_tokens) {
        const text::Tokenizer& tokenizer = call.state.parts.scheduler->model()->tokenizer();
        const auto ids = tokenizer.encode(text);
        const auto limit = static_cast<std::size_t>(*call.chat.max_tokens);
        if (ids.size() > limit) {
            text = tokenizer.decode(std::span(ids).first(limit));
            text.resize(text::complete_utf8_prefix(text));
            finish = "length";
        }
    }
    const std::vector<text::ReplyDelta> rest = {
        {text::ReplyDelta::Kind::kContent, text.substr(sent.size()), {}}};
    ReplyMessage message{text, {}, {}, {}};
    if (answered->refused) message.refusal = answered->text.substr(0, answered->text.find('\n'));
    return deliver(call, stream, message, rest, finish,
                   grounding_json(*answered, call.model.release), used,
                   now_seconds() - call.began_s);
}

// --- routes ------------------------------------------------------------------------------------

Reply chat_completions(Service::State& state, const Request& request, const Caller& caller,
                       Responder& responder) {
    std::string param;
    auto chat = parse_chat_request(request.body, param);
    if (!chat) return invalid(chat.error().to_string(), "invalid_request", param);
    auto model = state.models.find(chat->model);
    if (!model) return no_model(model.error());
    if (model->kind == ModelKind::kEncoder) {
        return invalid("'" + model->name +
                           "' reads texts and writes none (POST /v1/embeddings or "
                           "/v1/rerank)",
                       "unsupported_model", "model");
    }
    const Call call{state, request, caller, responder, std::move(*chat), std::move(*model)};
    return call.model.kind == ModelKind::kQa ? answer(call) : generate(call);
}

std::string_view kind_name(ModelKind kind) {
    switch (kind) {
        case ModelKind::kQa:
            return "qa";
        case ModelKind::kStyle:
            return "style";
        case ModelKind::kEncoder:
            return "encoder";
        case ModelKind::kBase:
            break;
    }
    return "base";
}

json model_json(const ServedModel& model) {
    return {{"id", model.name},
            {"object", "model"},
            {"cairn", {{"kind", kind_name(model.kind)}}},
            {"created", model.created_ms / 1000},
            {"owned_by", model.kind == ModelKind::kBase || model.kind == ModelKind::kEncoder
                             ? "base"
                             : "workspace"}};
}

Reply list_models(const Service::State& state) {
    json list = json::array();
    for (const ServedModel& model : state.models.list()) {
        list.push_back(model_json(model));
    }
    return json_reply(text::dump_json({{"object", "list"}, {"data", list}}));
}

Reply one_model(const Service::State& state, const std::string& name) {
    const auto model = state.models.find(name);
    return model ? json_reply(text::dump_json(model_json(*model))) : no_model(model.error());
}

}  // namespace

void add_openai_routes(Router& router, Service::State& state) {
    router.add("GET", "/v1/models", Access::kKey,
               [&](const Request&, const Caller&, Responder&) { return list_models(state); });
    router.add("GET", "/v1/models/{model}", Access::kKey,
               [&](const Request& request, const Caller&, Responder&) {
                   return one_model(state, request.parameters.at("model"));
               });
    router.add("POST", "/v1/chat/completions", Access::kKey,
               [&](const Request& request, const Caller& caller, Responder& responder) {
                   return chat_completions(state, request, caller, responder);
               });
}

}  // namespace cairn::serve
