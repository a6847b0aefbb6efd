// SPDX-License-Identifier: Apache-2.0
// The whole service over real sockets: a small random model, a canned assistant, a real store and a
// real ledger.
#include "cairn/serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "cairn/apps/assistant.h"
#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/ledger/meter.h"
#include "cairn/ledger/report.h"
#include "cairn/serve/keys.h"
#include "cairn/text/json.h"
#include "test_client.h"
#include "test_model.h"

namespace cairn::serve {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kContext = 4096;
constexpr std::array<EmbeddedFile, 2> kAssets = {{
    {"index.html", "<!doctype html><title>console</title>"},
    {"assets/app-1a2b.js", "console.log(1)"},
}};

Result<apps::Answer> canned_answer(const apps::AssistantRequest& request) {
    if (request.question == "too long") return make_error(Code::kTooLarge, "at most 9 bytes");
    apps::Answer answer;
    answer.refused = request.question == "unknown";
    answer.text =
        answer.refused ? "No sure answer. Nearest:\n[1] \"34\" (a.md)" : "Says \"34\" [1]";
    answer.support = 0.8;
    answer.threshold = 0.4;
    answer.usage = {100, 60, 3, 12.4};
    knowledge::Citation quote;
    quote.document_id = "d_1";
    quote.path = "a.md";
    quote.title = "A";
    quote.heading_path = {"Meals"};
    quote.span = {4, 6};
    quote.quote = "34";
    (answer.refused ? answer.nearest : answer.quotes).push_back(quote);
    return answer;
}

ConsoleSources canned_sources() {
    ConsoleSources sources;
    sources.status = [](store::Store&) -> Result<WorkspaceStatus> {
        WorkspaceStatus status;
        status.name = "Test";
        status.steps.push_back({"ingest", "", "done", 1, 2, "1 file", 1, true, ""});
        status.scenarios.push_back({"handbook", "qa", "retrieve", "pass", "rel_1", 3});
        status.documents = {1, 0, 0};
        return status;
    };
    sources.documents = [](store::Store&) -> Result<std::vector<DocumentRow>> {
        return std::vector<DocumentRow>{
            {"d_1", "docs", "a.md", "A", "text/markdown", "en", "done", "", 7, 7}};
    };
    sources.document = [](store::Store&, std::string_view id,
                          std::string_view release) -> Result<text::Document> {
        if (id != "d_1") return make_error(Code::kNotFound, "no such document");
        text::Document document;
        document.id = "d_1";
        document.text = release == "rel_0" ? "EUR 28." : "EUR 34.";
        document.sections.push_back({{"Meals"}, {0, 7}, 0});
        return document;
    };
    sources.report = [](store::Store&, const store::Run& run,
                        ReportFormat format) -> Result<std::string> {
        if (run.report_digest.empty()) return make_error(Code::kNotFound, "no report");
        return std::string(format == ReportFormat::kHtml ? "<p>report</p>" : "{\"a\":1}");
    };
    return sources;
}

struct Answered {
    int status = 0;
    std::string head;
    std::string body;
    json parsed() const { return text::parse_json(body).value(); }
};

Answered split(const std::string& raw) {
    const std::size_t end = raw.find("\r\n\r\n");
    Answered out;
    if (end == std::string::npos) return out;
    out.head = raw.substr(0, end);
    out.body = raw.substr(end + 4);
    out.status = static_cast<int>(out.head[9] - '0') * 100 + (out.head[10] - '0') * 10 +
                 (out.head[11] - '0');
    return out;
}

/// The JSON of each "data: " line of a stream, [DONE] as null.
std::vector<json> events_of(const std::string& body) {
    std::vector<json> events;
    for (std::size_t at = body.find("data: "); at != std::string::npos;
         at = body.find("data: ", at + 1)) {
        const std::string data = body.substr(at + 6, body.find("\n\n", at) - at - 6);
        events.push_back(data == "[DONE]" ? json() : text::parse_json(data).value());
    }
    return events;
}

class ServiceTest : public ::testing::Test {
  protected:
    void SetUp() override { start({}); }

    void start(engine::SchedulerOptions options) {
        options.threads = 1;
        engine::testing::TestModelOptions model;
        model.context = kContext;
        model.seed = 15;  // "Go on" makes this one talk until the limit
        ServiceParts parts;
        parts.version = "1.2.3";
        parts.workspace.root = folder_.path();
        parts.workspace.name = "Test";
        parts.workspace.prices = {200'000, 100'000, 600'000};
        parts.scheduler =
            std::make_shared<engine::Scheduler>(engine::testing::test_model(model), options);
        scheduler_ = parts.scheduler;
        ServedModel base;
        base.name = base.scenario = "pebble";
        ServedModel handbook;
        handbook.name = handbook.scenario = "handbook";
        handbook.kind = ModelKind::kQa;
        handbook.answer = canned_answer;
        handbook.release = "rel_1";
        parts.models = {handbook, base};
        parts.console = canned_sources();
        parts.assets = kAssets;
        auto service = Service::create(std::move(parts));
        ASSERT_TRUE(service) << service.error().to_string();
        service_ = std::move(*service);
        store_ = std::make_unique<store::Store>(store::Store::open(folder_.path()).value());
        Keys keys = Keys::open(store_->database()).value();
        acme_ = keys.add("acme", false).value().secret;
        admin_ = keys.add("boss", true).value().secret;
        ServerOptions server;
        server.port = 0;
        auto started = service_->start(server);
        ASSERT_TRUE(started) << started.error().to_string();
        server_ = std::move(*started);
    }

    static std::string head(const std::string& method, const std::string& path,
                            const std::string& key) {
        return method + " " + path +
               " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer " + key +
               "\r\n";
    }
    Answered get(const std::string& path, const std::string& key) {
        return split(testing::send_raw(server_->port(), head("GET", path, key) + "\r\n"));
    }
    std::string chat_bytes(const std::string& body, const std::string& key) {
        return head("POST", "/v1/chat/completions", key) +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    Answered chat(const json& body, const std::string& key) {
        return split(testing::send_raw(server_->port(), chat_bytes(body.dump(), key)));
    }
    static json ask(const std::string& model, const std::string& question) {
        return {{"model", model}, {"messages", {{{"role", "user"}, {"content", question}}}}};
    }
    /// What the ledger knows of this month.
    ledger::Totals metered() {
        const auto month = ledger::month_of(utc_ms());
        return ledger::make_report(store_->database(), month, {}, utc_ms()).value().totals;
    }
    void expect_reconciled() {
        const auto differences =
            ledger::reconcile(store_->database(), ledger::month_of(utc_ms())).value();
        EXPECT_TRUE(differences.empty()) << differences.front();
    }
    static bool eventually(const std::function<bool()>& condition) {
        for (int i = 0; i < 20'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::microseconds(500));
        }
        return false;
    }
    /// Waits until the ledger knows `count` requests (the client left before it was written).
    bool wait_for_events(std::int64_t count) {
        return eventually([&] { return metered().requests >= count; });
    }

    ScopedFolder folder_{"serve_test"};
    std::shared_ptr<engine::Scheduler> scheduler_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Server> server_;
    std::unique_ptr<store::Store> store_;
    std::string acme_;
    std::string admin_;
};

TEST_F(ServiceTest, ListsModels) {
    const Answered list = get("/v1/models", acme_);
    ASSERT_EQ(list.status, 200) << list.body;
    EXPECT_EQ(list.parsed()["data"][0]["id"], "handbook");
    EXPECT_EQ(list.parsed()["data"][0]["cairn"]["kind"], "qa");
    EXPECT_EQ(list.parsed()["data"][1]["cairn"]["kind"], "base");
    EXPECT_EQ(list.parsed()["data"][1]["owned_by"], "base");
    EXPECT_EQ(get("/v1/models/pebble", acme_).parsed()["id"], "pebble");
    EXPECT_EQ(get("/v1/models/gpt", acme_).status, 404);
    EXPECT_EQ(get("/v1/models", "ck_wrong").status, 401);
}

TEST_F(ServiceTest, CompletesAChatAndMetersItOnce) {
    json body = ask("pebble", "Hello");
    body["max_tokens"] = 12;
    const Answered first = chat(body, acme_);
    ASSERT_EQ(first.status, 200) << first.body;
    const json reply = first.parsed();
    EXPECT_EQ(reply["object"], "chat.completion");
    EXPECT_EQ(reply["choices"][0]["message"]["role"], "assistant");
    EXPECT_TRUE(reply["choices"][0]["finish_reason"] == "length" ||
                reply["choices"][0]["finish_reason"] == "stop");
    const std::int64_t in = reply["usage"]["prompt_tokens"];
    const std::int64_t out = reply["usage"]["completion_tokens"];
    EXPECT_GT(in, 5);
    EXPECT_GT(out, 0);
    EXPECT_LE(out, 12);
    const ledger::Totals used = metered();
    EXPECT_EQ(used.requests, 1);
    EXPECT_EQ(used.input_uncached + used.input_cached, in);
    EXPECT_EQ(used.output, out);
    expect_reconciled();
    EXPECT_EQ(chat(body, acme_).parsed()["choices"], reply["choices"]);
}

TEST_F(ServiceTest, StreamsTheSameTextInOpenAisOrder) {
    json body = ask("pebble", "Tell me");
    body["max_tokens"] = 20;
    const std::string whole = chat(body, acme_).parsed()["choices"][0]["message"]["content"];
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
    const Answered streamed = chat(body, acme_);
    ASSERT_EQ(streamed.status, 200);
    EXPECT_THAT(streamed.head, HasSubstr("text/event-stream"));
    const auto events = events_of(streamed.body);
    ASSERT_GE(events.size(), 4U) << streamed.body;
    EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
    EXPECT_TRUE(events.back().is_null());
    const json& usage = events[events.size() - 2];
    EXPECT_TRUE(usage["choices"].empty());
    EXPECT_GT(usage["usage"]["completion_tokens"], 0);
    const json& last = events[events.size() - 3];
    EXPECT_FALSE(last["choices"][0]["finish_reason"].is_null());
    std::string text;
    for (std::size_t i = 0; i + 2 < events.size(); ++i) {
        text += events[i]["choices"][0]["delta"].value("content", "");
        EXPECT_TRUE(events[i]["usage"].is_null());
    }
    EXPECT_EQ(text, whole);
    EXPECT_EQ(metered().requests, 2);
    expect_reconciled();
}

TEST_F(ServiceTest, NamesTheLimitOfTheContext) {
    const Answered answer = chat(ask("pebble", std::string(2 * kContext, 'x')), acme_);
    EXPECT_EQ(answer.status, 400);
    const json error = answer.parsed()["error"];
    EXPECT_EQ(error["code"], "context_length_exceeded");
    EXPECT_EQ(error["param"], "messages");
    EXPECT_THAT(std::string(error["message"]), HasSubstr(std::to_string(kContext)));
    json body = ask("pebble", "x");
    body["max_tokens"] = kContext;
    EXPECT_EQ(chat(body, acme_).parsed()["error"]["param"], "max_tokens");
    EXPECT_EQ(chat(ask("handbook", "too long"), acme_).parsed()["error"]["code"],
              "context_length_exceeded");
    EXPECT_EQ(metered().requests, 0);
}

TEST_F(ServiceTest, SaysWhatIsWrongInOpenAisShape) {
    const Answered broken =
        split(testing::send_raw(server_->port(), chat_bytes("{\"model\":", acme_)));
    EXPECT_EQ(broken.status, 400);
    EXPECT_EQ(broken.parsed()["error"]["type"], "invalid_request_error");
    const Answered unknown = chat(ask("gpt-9", "x"), acme_);
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.parsed()["error"]["code"], "model_not_found");
    EXPECT_THAT(unknown.body, HasSubstr("handbook, pebble"));
    json body = ask("pebble", "x");
    body["logprobs"] = true;
    EXPECT_EQ(chat(body, acme_).parsed()["error"]["param"], "logprobs");
    EXPECT_EQ(chat(ask("pebble", "x"), "").status, 401);
}

TEST_F(ServiceTest, TheLongAnswerOfTheTestsBelowIsLong) {
    json body = ask("pebble", "Go on");
    body["max_tokens"] = kContext - 200;
    const json reply = chat(body, acme_).parsed();
    EXPECT_EQ(reply["usage"]["completion_tokens"], kContext - 200);
}

TEST_F(ServiceTest, AClientThatLeavesAStreamIsBilledOnceForWhatWasGenerated) {
    json body = ask("pebble", "Go on");
    body["max_tokens"] = kContext - 200;
    body["stream"] = true;
    {
        testing::RawClient client(server_->port(), chat_bytes(body.dump(), acme_));
        ASSERT_TRUE(client.read_until("\"content\""));
    }
    ASSERT_TRUE(wait_for_events(1));
    EXPECT_EQ(metered().disconnected, 1);
    EXPECT_GT(metered().output, 0);
    EXPECT_LT(metered().output, kContext - 200);
    auto rows = store_->database().query("SELECT status FROM request_log").value();
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(rows.integer(0), 499);
    expect_reconciled();
}

TEST_F(ServiceTest, AClientThatLeavesBeforeItsAnswerCancelsTheGeneration) {
    json body = ask("pebble", "Go on");
    body["max_tokens"] = kContext - 200;
    {
        testing::RawClient client(server_->port(), chat_bytes(body.dump(), acme_));
        ASSERT_TRUE(eventually([&] { return scheduler_->metrics().running > 0; }));
    }
    ASSERT_TRUE(wait_for_events(1));
    EXPECT_EQ(metered().disconnected, 1);
    EXPECT_LT(metered().output, kContext - 200);
    expect_reconciled();
}

/// An answer of many scoring rounds that goes on as long as somebody waits for it.
Result<apps::Answer> scored_answer(engine::Scheduler& scheduler,
                                   const apps::AssistantRequest& request) {
    engine::ScoreRequest score;
    score.prompt.assign(100, 7);
    score.candidates.assign(5000, "Thirty-four euro a day, and more on longer trips.");
    score.keep_going = request.keep_going;
    const engine::ScoreResult scored = CAIRN_TRY(scheduler.score(std::move(score)));
    apps::Answer answer;
    answer.cancelled = scored.cancelled;
    answer.usage = answer.computed = scored.usage;
    for (const char* piece : {"The documents say: ", "\"34\"", " [1]"}) {
        answer.text += piece;
        if (!answer.cancelled && !request.on_text(piece)) break;
    }
    return answer;
}

TEST_F(ServiceTest, AClientThatLeavesEndsTheScoringOfItsAnswer) {
    ServedModel slow;
    slow.name = slow.scenario = "slow";
    slow.kind = ModelKind::kQa;
    slow.answer = [this](const apps::AssistantRequest& request) {
        return scored_answer(*scheduler_, request);
    };
    service_->replace_models({slow});
    {
        testing::RawClient client(server_->port(), chat_bytes(ask("slow", "How?").dump(), acme_));
        ASSERT_TRUE(eventually([&] { return scheduler_->metrics().steps > 3; }));
    }
    ASSERT_TRUE(wait_for_events(1));
    EXPECT_EQ(metered().disconnected, 1);
    const auto counted = scheduler_->metrics();
    EXPECT_EQ(metered().input_uncached + metered().input_cached, counted.input_tokens)
        << "what was computed is metered";
    EXPECT_LT(counted.input_tokens, 5000) << "and no more was computed";
    expect_reconciled();
}

TEST_F(ServiceTest, AQuotedAnswerStreamsInPieces) {
    ServedModel quoting;
    quoting.name = quoting.scenario = "quoting";
    quoting.kind = ModelKind::kQa;
    quoting.answer = [](const apps::AssistantRequest& request) -> Result<apps::Answer> {
        apps::Answer answer;
        for (const char* piece : {"The documents say: ", "\"34\"", " [1]"}) {
            answer.text += piece;
            if (!request.on_text(piece)) break;
        }
        answer.usage = {10, 0, 6, 0};
        return answer;
    };
    service_->replace_models({quoting});
    json body = ask("quoting", "How much?");
    body["stream"] = true;
    std::vector<std::string> pieces;
    for (const json& event : events_of(chat(body, acme_).body)) {
        if (event.is_null()) continue;
        const json& delta = event["choices"][0]["delta"];
        if (delta.contains("content") && delta["content"] != "") pieces.push_back(delta["content"]);
    }
    EXPECT_EQ(pieces, (std::vector<std::string>{"The documents say: ", "\"34\"", " [1]"}));
    body["stream"] = false;
    EXPECT_EQ(chat(body, acme_).parsed()["choices"][0]["message"]["content"],
              "The documents say: \"34\" [1]");
}

TEST_F(ServiceTest, TheEnginesCountsCloseTheBooks) {
    json body = ask("pebble", "Hello");
    body["max_tokens"] = 4;
    ASSERT_EQ(chat(body, acme_).status, 200);
    expect_reconciled();
    // Work that no request tells of, on the engine that this service counts by.
    engine::GenerateRequest hidden;
    hidden.prompt = {5, 6, 7};
    hidden.max_tokens = 2;
    ASSERT_TRUE(scheduler_->generate(std::move(hidden)));
    expect_reconciled();
    server_.reset();
    service_.reset();
    const auto month = ledger::month_of(utc_ms());
    const auto differences = ledger::reconcile(store_->database(), month).value();
    ASSERT_EQ(differences.size(), 1U);
    EXPECT_NE(differences.front().find("(ended)"), std::string::npos) << differences.front();
}

TEST_F(ServiceTest, KeepsTenantsApartInTheLedger) {
    json body = ask("pebble", "Hello");
    body["max_tokens"] = 4;
    ASSERT_EQ(chat(body, acme_).status, 200);
    ASSERT_EQ(chat(body, admin_).status, 200);
    ASSERT_EQ(chat(ask("handbook", "How much?"), acme_).status, 200);
    EXPECT_EQ(get("/api/ledger", acme_).status, 403);
    const Answered ledger = get("/api/ledger", admin_);
    ASSERT_EQ(ledger.status, 200) << ledger.body;
    const json report = ledger.parsed();
    EXPECT_EQ(report["totals"]["requests"], 3);
    ASSERT_EQ(report["lines"].size(), 3U);
    EXPECT_EQ(report["lines"][0]["tenant"], "acme");
    EXPECT_EQ(report["lines"][0]["scenario"], "handbook");
    EXPECT_EQ(report["lines"][0]["input_cached"], 60);
    EXPECT_EQ(report["lines"][2]["tenant"], "boss");
    EXPECT_EQ(report["reconciled"], true);
    const Answered invoice = get("/api/ledger/invoice?tenant=acme&format=csv", admin_);
    EXPECT_EQ(invoice.status, 200);
    EXPECT_THAT(invoice.head, HasSubstr("text/csv"));
    EXPECT_EQ(get("/api/ledger?from=2026-02-01&to=2026-01-01", admin_).status, 400);
    EXPECT_EQ(get("/api/ledger/invoice", admin_).status, 400);
}

TEST_F(ServiceTest, AnswersWithCitations) {
    const json reply = chat(ask("handbook", "How much?"), acme_).parsed();
    const json& message = reply["choices"][0]["message"];
    EXPECT_EQ(message["content"], "Says \"34\" [1]");
    EXPECT_EQ(message["cairn"]["refused"], false);
    EXPECT_EQ(message["cairn"]["citations"][0]["document"], "d_1");
    EXPECT_EQ(message["cairn"]["citations"][0]["begin"], 4);
    EXPECT_EQ(reply["system_fingerprint"], "rel_1");
    EXPECT_EQ(reply["usage"]["prompt_tokens_details"]["cached_tokens"], 60);
    json body = ask("handbook", "unknown");
    body["stream"] = true;
    const auto events = events_of(chat(body, acme_).body);
    ASSERT_GE(events.size(), 3U);
    const json& last = events[events.size() - 2]["choices"][0]["delta"];
    EXPECT_EQ(last["cairn"]["refused"], true);
    EXPECT_EQ(last["refusal"], "No sure answer. Nearest:");
}

TEST_F(ServiceTest, ARefusalWithPassagesIsStillARefusal) {
    const json answered = chat(ask("handbook", "How much?"), acme_).parsed();
    EXPECT_TRUE(answered["choices"][0]["message"]["refusal"].is_null());
    EXPECT_TRUE(answered["choices"][0]["message"]["cairn"]["nearest"].empty());
    const json refused = chat(ask("handbook", "unknown"), acme_).parsed();
    const json& message = refused["choices"][0]["message"];
    EXPECT_EQ(message["refusal"], "No sure answer. Nearest:");
    EXPECT_EQ(message["content"], "No sure answer. Nearest:\n[1] \"34\" (a.md)");
    EXPECT_EQ(message["cairn"]["refused"], true);
    EXPECT_TRUE(message["cairn"]["citations"].empty());
    ASSERT_EQ(message["cairn"]["nearest"].size(), 1U);
    EXPECT_EQ(message["cairn"]["nearest"][0]["document"], "d_1");
    EXPECT_EQ(message["cairn"]["nearest"][0]["number"], 1);
}

TEST_F(ServiceTest, DoesNotPretendToSampleOrSteerQuotes) {
    json body = ask("handbook", "How much?");
    body["temperature"] = 0.7;
    EXPECT_EQ(chat(body, acme_).parsed()["error"]["param"], "temperature");
    body["temperature"] = 0;
    EXPECT_EQ(chat(body, acme_).status, 200);
    body["stop"] = "x";
    EXPECT_EQ(chat(body, acme_).parsed()["error"]["param"], "stop");
    body.erase("stop");
    body["max_tokens"] = 4;
    const json cut = chat(body, acme_).parsed()["choices"][0];
    EXPECT_EQ(cut["finish_reason"], "length");
    EXPECT_EQ(cut["message"]["content"], "Says");
    body["tools"] = {{{"type", "function"}, {"function", {{"name", "sum"}}}}};
    EXPECT_EQ(chat(body, acme_).parsed()["error"]["param"], "tools");
}

TEST_F(ServiceTest, AnswersInTheShapeThatWasAskedFor) {
    json body = ask("pebble", "Hello");
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "check"},
          {"schema",
           {{"type", "object"},
            {"properties", {{"ok", {{"type", "boolean"}}}, {"level", {{"enum", {"low", "high"}}}}}},
            {"required", {"ok", "level"}},
            {"additionalProperties", false}}}}}};
    const Answered answered = chat(body, acme_);
    ASSERT_EQ(answered.status, 200) << answered.body;
    const json choice = answered.parsed()["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    const std::string text = choice["message"]["content"];
    const auto value = text::parse_json(text);
    ASSERT_TRUE(value) << text;
    EXPECT_TRUE((*value)["ok"].is_boolean()) << text;
    EXPECT_TRUE((*value)["level"] == "low" || (*value)["level"] == "high") << text;
    expect_reconciled();

    body["response_format"]["json_schema"]["schema"] = {{"type", "string"}, {"pattern", "a"}};
    const json refused = chat(body, acme_).parsed()["error"];
    EXPECT_EQ(refused["param"], "response_format");
    EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("pattern"));
    json quoted = ask("handbook", "How much?");
    quoted["response_format"] = {{"type", "json_object"}};
    EXPECT_EQ(chat(quoted, acme_).parsed()["error"]["param"], "response_format");
}

TEST_F(ServiceTest, RefusesToolsThatTheModelWasNotTunedFor) {
    json body = ask("pebble", "Hello");
    body["tools"] = {{{"type", "function"}, {"function", {{"name", "sum"}}}}};
    const Answered refused = chat(body, acme_);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.parsed()["error"]["code"], "unsupported_parameter");
    EXPECT_EQ(refused.parsed()["error"]["param"], "tools");
    body["tool_choice"] = "none";
    body["max_tokens"] = 4;
    EXPECT_EQ(chat(body, acme_).status, 200);
}

TEST_F(ServiceTest, ShowsTheWorkspaceToTheConsole) {
    const json session = get("/api/session", acme_).parsed();
    EXPECT_EQ(session["tenant"], "acme");
    EXPECT_EQ(session["admin"], false);
    EXPECT_EQ(session["version"], "1.2.3");
    const json status = get("/api/status", acme_).parsed();
    EXPECT_EQ(status["steps"][0]["run"], "r_1");
    EXPECT_EQ(status["scenarios"][0]["gate"], "pass");
    EXPECT_EQ(status["documents"]["done"], 1);
    EXPECT_EQ(get("/api/documents", acme_).parsed()["documents"][0]["path"], "a.md");
    EXPECT_EQ(get("/api/documents/d_1", acme_).parsed()["sections"][0]["end"], 7);
    EXPECT_EQ(get("/api/documents/d_1", acme_).parsed()["text"], "EUR 34.");
    EXPECT_EQ(get("/api/documents/d_1?release=rel_0", acme_).parsed()["text"], "EUR 28.");
    EXPECT_EQ(get("/api/documents/d_2", acme_).status, 404);
}

TEST_F(ServiceTest, ServesReportsThatCanRunNothing) {
    const std::int64_t run = store::begin_run(store_->database(), {"assess"}).value();
    ASSERT_TRUE(store::finish_run(store_->database(), run, "out", "digest"));
    const json runs = get("/api/runs?limit=5", acme_).parsed()["runs"];
    ASSERT_EQ(runs.size(), 1U);
    EXPECT_EQ(runs[0]["has_report"], true);
    const std::string id = runs[0]["id"];
    const Answered page = get("/api/runs/" + id + "/report", acme_);
    EXPECT_EQ(page.body, "<p>report</p>");
    EXPECT_THAT(page.head, HasSubstr("text/html"));
    EXPECT_THAT(page.head, HasSubstr("sandbox"));
    EXPECT_EQ(get("/api/runs/" + id + "/report?format=json", acme_).parsed()["a"], 1);
    EXPECT_EQ(get("/api/runs/" + id + "/report?format=pdf", acme_).status, 400);
    EXPECT_EQ(get("/api/runs/r_999/report", acme_).status, 404);
    EXPECT_EQ(get("/api/runs/1/report", acme_).status, 404);
    EXPECT_EQ(get("/api/runs?limit=0", acme_).status, 400);
}

TEST_F(ServiceTest, TellsProgressAndTheEndOfSteps) {
    testing::RawClient client(server_->port(), head("GET", "/api/events", acme_) + "\r\n");
    ASSERT_TRUE(client.read_until(": cairn"));
    ASSERT_TRUE(write_file_atomic(folder_.path() / ".cairn" / "progress.json",
                                  R"({"step":"tune","done":3,"total":9,"finished":false})"));
    ASSERT_TRUE(client.read_until("event: progress\ndata: {\"done\":3"));
    const std::int64_t run = store::begin_run(store_->database(), {"tune"}).value();
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    ASSERT_TRUE(store::finish_run(store_->database(), run, "out"));
    ASSERT_TRUE(client.read_until("\"state\":\"done\"")) << client.seen();
}

TEST_F(ServiceTest, CountsForPrometheus) {
    ASSERT_EQ(chat(ask("handbook", "How much?"), acme_).status, 200);
    EXPECT_EQ(get("/metrics", acme_).status, 403);
    const std::string text = get("/metrics", admin_).body;
    EXPECT_THAT(text, HasSubstr("cairn_tokens_total{kind=\"cached_input\",model=\"handbook\","
                                "tenant=\"acme\"} 60"));
    EXPECT_THAT(text, HasSubstr("route=\"/v1/chat/completions\""));
    EXPECT_THAT(text, HasSubstr("cairn_engine_queued 0"));
    EXPECT_THAT(text, HasSubstr("cairn_time_to_first_token_seconds_count"));
}

TEST_F(ServiceTest, ServesTheConsoleAndItsHealth) {
    const Answered index = get("/", "");
    EXPECT_THAT(index.body, HasSubstr("<title>console</title>"));
    EXPECT_THAT(index.head, HasSubstr("Content-Security-Policy: default-src 'none'"));
    EXPECT_THAT(index.head, HasSubstr("Cache-Control: no-cache"));
    const Answered script = get("/assets/app-1a2b.js", "");
    EXPECT_THAT(script.head, HasSubstr("text/javascript"));
    EXPECT_THAT(script.head, HasSubstr("immutable"));
    EXPECT_EQ(get("/assets/none.js", "").status, 404);
    EXPECT_EQ(get("/../etc/passwd", "").status, 404);
    EXPECT_EQ(get("/healthz", "").parsed()["version"], "1.2.3");
}

TEST_F(ServiceTest, SaysWhenToComeBackWhenTheQueueIsFull) {
    server_.reset();
    service_.reset();
    engine::SchedulerOptions options;
    options.max_batch = 1;
    options.max_queue = 1;
    start(options);
    json body = ask("pebble", "Go on");
    body["max_tokens"] = kContext - 200;
    const std::string bytes = chat_bytes(body.dump(), acme_);
    testing::RawClient running(server_->port(), bytes);
    ASSERT_TRUE(eventually([&] { return scheduler_->metrics().running > 0; }));
    testing::RawClient waiting(server_->port(), bytes);
    ASSERT_TRUE(eventually([&] { return scheduler_->metrics().queued > 0; }));
    const Answered refused = chat(ask("pebble", "x"), acme_);
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_THAT(refused.head, HasSubstr("Retry-After: 1"));
    EXPECT_THAT(refused.head, Not(HasSubstr("text/event-stream")));
}

TEST_F(ServiceTest, ANewReleaseReplacesTheModelsWhileServing) {
    ServedModel replies;
    replies.name = replies.scenario = "replies";
    replies.kind = ModelKind::kStyle;
    service_->replace_models({replies});
    EXPECT_EQ(chat(ask("pebble", "x"), acme_).status, 404);
    json body = ask("replies", "x");
    body["max_tokens"] = 2;
    EXPECT_EQ(chat(body, acme_).status, 200);
}

}  // namespace
}  // namespace cairn::serve
