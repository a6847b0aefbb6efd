// SPDX-License-Identifier: Apache-2.0
// POST /v1/embeddings (OpenAI's shape) and POST /v1/rerank (Jina's and Cohere's): every field is
// understood or refused by name, and every answer is in the ledger before it leaves.
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/engine/embedder.h"
#include "cairn/text/json.h"
#include "metering.h"
#include "service_state.h"

namespace cairn::serve {

namespace {

using nlohmann::json;

// OpenAI's limit of inputs, and for passages as many as one retrieval could bring.
constexpr std::size_t kTextsMax = 2048;
// One request keeps the encoder to itself: about a minute of work on two cores.
constexpr std::size_t kTextBytesMax = 1 << 20;

Error refuse(std::string message) {
    return make_error(Code::kInvalid, std::move(message));
}

/// Names the first field that is not in `known`; null counts as absent.
Status check_fields(const json& object, std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : object.items()) {
        if (value.is_null() || std::ranges::find(known, key) != known.end()) continue;
        return refuse("'" + key + "' is not known here (known: " +
                      fmt::format("{}", fmt::join(known, ", ")) + ")");
    }
    return {};
}

Status check_size(const std::vector<std::string>& texts, std::string_view name) {
    std::size_t bytes = 0;
    for (const std::string& text : texts) {
        if (text.empty()) return refuse("'" + std::string(name) + "': found an empty text");
        bytes += text.size();
    }
    if (texts.empty() || texts.size() > kTextsMax) {
        return refuse(
            fmt::format("'{}': expected 1 to {} texts, found {}", name, kTextsMax, texts.size()));
    }
    if (bytes > kTextBytesMax) {
        return refuse(fmt::format("'{}': at most {} bytes of text in one request, found {}", name,
                                  kTextBytesMax, bytes));
    }
    return {};
}

struct EmbeddingsRequest {
    std::string model;
    std::vector<std::string> texts;
    bool base64 = false;
    std::int64_t dimensions = 0;  ///< 0: not said
    engine::TextRole role = engine::TextRole::kPlain;
};

Result<std::vector<std::string>> read_input(const json& object) {
    const json input = object.value("input", json());
    std::vector<std::string> texts;
    if (input.is_string()) texts.push_back(input.get<std::string>());
    if (input.is_array()) {
        for (const json& item : input) {
            if (!item.is_string()) {
                return refuse(
                    "'input': expected a text or a list of texts (token ids are not "
                    "read: they belong to another model's tokenizer)");
            }
            texts.push_back(item.get<std::string>());
        }
    }
    if (!input.is_string() && !input.is_array()) {
        return refuse("'input': expected a text or a list of texts");
    }
    CAIRN_TRY(check_size(texts, "input"));
    return texts;
}

Result<EmbeddingsRequest> parse_embeddings(std::string_view body) {
    const json object = CAIRN_TRY(text::parse_json(body, {.refuse_duplicate_keys = true}));
    if (!object.is_object()) return refuse("expected a JSON object");
    CAIRN_TRY(check_fields(
        object, {"model", "input", "encoding_format", "dimensions", "input_type", "user"}));
    EmbeddingsRequest out;
    out.model = CAIRN_TRY(text::get_string(object, "model"));
    out.texts = CAIRN_TRY(read_input(object));
    const std::string format = CAIRN_TRY(text::get_string_or(object, "encoding_format", "float"));
    if (format != "float" && format != "base64") {
        return refuse("'encoding_format': expected float or base64, found '" + format + "'");
    }
    out.base64 = format == "base64";
    if (object.contains("dimensions") && !object["dimensions"].is_null()) {
        out.dimensions = CAIRN_TRY(text::get_int(object, "dimensions"));
        if (out.dimensions < 1) return refuse("'dimensions': expected 1 or more");
    }
    const std::string type = CAIRN_TRY(text::get_string_or(object, "input_type", ""));
    if (type == "query") out.role = engine::TextRole::kQuery;
    if (type == "passage") out.role = engine::TextRole::kPassage;
    if (type != "" && type != "query" && type != "passage") {
        return refuse("'input_type': expected query or passage, found '" + type + "'");
    }
    return out;
}

/// Little-endian floats, as OpenAI's clients decode them.
std::string to_base64(std::span<const float> values) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    std::string out(sodium_base64_encoded_len(values.size_bytes(), sodium_base64_VARIANT_ORIGINAL),
                    '\0');
    sodium_bin2base64(out.data(), out.size(), bytes, values.size_bytes(),
                      sodium_base64_VARIANT_ORIGINAL);
    out.resize(out.size() - 1);  // the terminating NUL
    return out;
}

/// Written by hand: the shortest decimal of a float, not that of the double it becomes in JSON.
std::string embeddings_json(const EmbeddingsRequest& asked, const engine::Embeddings& made) {
    std::string out = R"({"object":"list","data":[)";
    for (std::size_t i = 0; i < asked.texts.size(); ++i) {
        out += i == 0 ? "" : ",";
        out += fmt::format(R"({{"object":"embedding","index":{},"embedding":)", i);
        if (asked.base64) {
            out += '"' + to_base64(made.row(i)) + "\"}";
        } else {
            out += fmt::format("[{}]}}", fmt::join(made.row(i), ","));
        }
    }
    out += fmt::format(R"(],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                       text::dump_json(asked.model), made.tokens, made.tokens);
    return out;
}

/// The ledger first, so that nothing leaves unaccounted.
Reply deliver(Service::State& state, const Request& request, const Caller& caller,
              const ServedModel& model, const engine::Encoder& encoder, std::int64_t tokens,
              double engine_ms, std::string body) {
    Served served;
    served.request_id = request.id;
    served.caller = &caller;
    served.model = &model;
    served.model_digest = encoder.digest();
    served.usage.input_tokens = tokens;
    served.exact = false;  // the encoder's work, none of the scheduler's
    served.usage.engine_ms = engine_ms;
    served.finish = "stop";
    served.first_token_s = served.total_s = engine_ms / 1000;
    const Status settled = settle(state, served);
    return settled ? json_reply(std::move(body)) : error_reply(settled.error());
}

Reply no_model(const Error& error) {
    return error_reply(404, "invalid_request_error", error.to_string(), "model_not_found", "model");
}

Reply wrong_kind(const ServedModel& model, std::string_view what) {
    return error_reply(400, "invalid_request_error", "'" + model.name + "' " + std::string(what),
                       "unsupported_model", "model");
}

Reply embeddings(Service::State& state, const Request& request, const Caller& caller) {
    const auto asked = parse_embeddings(request.body);
    if (!asked) return error_reply(asked.error());
    const auto model = state.models.find(asked->model);
    if (!model) return no_model(model.error());
    if (model->embedder == nullptr) return wrong_kind(*model, "makes no embeddings");
    engine::Embedder& embedder = *model->embedder;
    if (asked->dimensions != 0 && asked->dimensions != embedder.width()) {
        return error_reply(refuse(
            fmt::format("'dimensions': '{}' makes vectors of {} and was not trained to shorten "
                        "them, found {}",
                        model->name, embedder.width(), asked->dimensions)));
    }
    const auto made = embedder.embed(asked->texts, asked->role, engine::LongText::kRefuse);
    if (!made && made.error().code == Code::kTooLarge) {
        return error_reply(400, "invalid_request_error", made.error().to_string(),
                           "context_length_exceeded", "input");
    }
    if (!made) return error_reply(made.error());
    return deliver(state, request, caller, *model, embedder.encoder(), made->tokens,
                   made->engine_ms, embeddings_json(*asked, *made));
}

struct RerankRequest {
    std::string model;
    std::string query;
    std::vector<std::string> documents;
    std::size_t top_n = 0;
    bool return_documents = false;
};

Result<RerankRequest> parse_rerank(std::string_view body) {
    const json object = CAIRN_TRY(text::parse_json(body, {.refuse_duplicate_keys = true}));
    if (!object.is_object()) return refuse("expected a JSON object");
    CAIRN_TRY(
        check_fields(object, {"model", "query", "documents", "top_n", "return_documents", "user"}));
    RerankRequest out;
    out.model = CAIRN_TRY(text::get_string(object, "model"));
    out.query = CAIRN_TRY(text::get_string(object, "query"));
    if (out.query.empty()) return refuse("'query': found an empty text");
    const json documents = object.value("documents", json());
    if (!documents.is_array()) return refuse("'documents': expected a list of texts");
    for (const json& document : documents) {
        const json text = document.is_object() ? document.value("text", json()) : document;
        if (!text.is_string()) return refuse("'documents': expected texts or {\"text\": ...}");
        out.documents.push_back(text.get<std::string>());
    }
    CAIRN_TRY(check_size(out.documents, "documents"));
    const std::int64_t top_n =
        CAIRN_TRY(text::get_int_or(object, "top_n", std::ssize(out.documents)));
    if (top_n < 1) return refuse("'top_n': expected 1 or more");
    out.top_n = std::min(static_cast<std::size_t>(top_n), out.documents.size());
    out.return_documents = CAIRN_TRY(text::get_bool_or(object, "return_documents", false));
    return out;
}

json rerank_json(const RerankRequest& asked, const engine::RankedPassages& ranked,
                 const std::string& id) {
    std::vector<std::size_t> order(asked.documents.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return ranked.scores[a] > ranked.scores[b];
    });
    order.resize(asked.top_n);
    json results = json::array();
    for (const std::size_t i : order) {
        json result = {{"index", i}, {"relevance_score", ranked.scores[i]}};
        if (asked.return_documents) result["document"] = {{"text", asked.documents[i]}};
        results.push_back(std::move(result));
    }
    json warnings = json::array();
    if (ranked.cut > 0) {
        warnings.push_back(
            fmt::format("{} documents are longer than the model reads: only their "
                        "beginning was read",
                        ranked.cut));
    }
    return {{"id", id},
            {"object", "list"},
            {"model", asked.model},
            {"results", results},
            {"meta", {{"warnings", warnings}}},
            {"usage", {{"prompt_tokens", ranked.tokens}, {"total_tokens", ranked.tokens}}}};
}

Reply rerank(Service::State& state, const Request& request, const Caller& caller) {
    const auto asked = parse_rerank(request.body);
    if (!asked) return error_reply(asked.error());
    const auto model = state.models.find(asked->model);
    if (!model) return no_model(model.error());
    if (model->reranker == nullptr) return wrong_kind(*model, "is no reranker");
    const auto ranked = model->reranker->score(asked->query, asked->documents);
    if (!ranked && ranked.error().code == Code::kTooLarge) {
        return error_reply(400, "invalid_request_error", ranked.error().to_string(),
                           "context_length_exceeded", "query");
    }
    if (!ranked) return error_reply(ranked.error());
    return deliver(state, request, caller, *model, model->reranker->encoder(), ranked->tokens,
                   ranked->engine_ms, text::dump_json(rerank_json(*asked, *ranked, request.id)));
}

}  // namespace

void add_embedding_routes(Router& router, Service::State& state) {
    router.add("POST", "/v1/embeddings", Access::kKey,
               [&](const Request& request, const Caller& caller, Responder&) {
                   return embeddings(state, request, caller);
               });
    router.add("POST", "/v1/rerank", Access::kKey,
               [&](const Request& request, const Caller& caller, Responder&) {
                   return rerank(state, request, caller);
               });
}

}  // namespace cairn::serve
