// SPDX-License-Identifier: Apache-2.0
// /v1/embeddings and /v1/rerank over real sockets with a tiny random BERT: shapes, bits, refusals
// by name, and what the ledger knows afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/ledger/meter.h"
#include "cairn/ledger/report.h"
#include "cairn/serve/keys.h"
#include "cairn/serve/service.h"
#include "cairn/text/json.h"
#include "test_client.h"
#include "test_model.h"

namespace cairn::serve {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::filesystem::path kBert =
    std::filesystem::path(CAIRN_SOURCE_DIR) / "src/engine/testdata/encoder_bert";

constexpr std::array<EmbeddedFile, 1> kAssets = {{{"index.html", "<!doctype html>"}}};

class EmbeddingsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ServiceParts parts;
        parts.workspace.root = folder_.path();
        parts.workspace.name = "Test";
        engine::SchedulerOptions options;
        options.threads = 1;
        parts.scheduler =
            std::make_shared<engine::Scheduler>(engine::testing::test_model({}), options);
        ServedModel base;
        base.name = base.scenario = "pebble";
        ServedModel encoder;
        encoder.name = encoder.scenario = "bert";
        encoder.kind = ModelKind::kEncoder;
        auto embedder = engine::Embedder::load(kBert, 1);
        ASSERT_TRUE(embedder) << embedder.error().to_string();
        encoder.embedder = embedder_ = *embedder;
        ServedModel ranker = encoder;
        ranker.name = ranker.scenario = "ranker";
        ranker.embedder = nullptr;
        auto reranker = engine::Reranker::load(kBert, 1);
        ASSERT_TRUE(reranker) << reranker.error().to_string();
        ranker.reranker = *reranker;
        parts.models = {base, encoder, ranker};
        parts.console.status = [](store::Store&) { return WorkspaceStatus(); };
        parts.console.documents = [](store::Store&) { return std::vector<DocumentRow>(); };
        parts.console.document = [](store::Store&, std::string_view,
                                    std::string_view) -> Result<text::Document> {
            return make_error(Code::kNotFound, "none");
        };
        parts.console.report = [](store::Store&, const store::Run&,
                                  ReportFormat) -> Result<std::string> { return std::string(); };
        parts.assets = kAssets;
        auto service = Service::create(std::move(parts));
        ASSERT_TRUE(service) << service.error().to_string();
        service_ = std::move(*service);
        store_ = std::make_unique<store::Store>(store::Store::open(folder_.path()).value());
        key_ = Keys::open(store_->database()).value().add("acme", false).value().secret;
        ServerOptions server;
        server.port = 0;
        server_ = std::move(service_->start(server).value());
    }

    /// Status and body.
    std::pair<int, json> post(const std::string& path, const json& body) {
        const std::string bytes = body.dump();
        const std::string raw = testing::send_raw(
            server_->port(), "POST " + path +
                                 " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                 "Authorization: Bearer " +
                                 key_ + "\r\nContent-Length: " + std::to_string(bytes.size()) +
                                 "\r\n\r\n" + bytes);
        const std::size_t end = raw.find("\r\n\r\n");
        EXPECT_NE(end, std::string::npos) << raw;
        const int status = (raw[9] - '0') * 100 + (raw[10] - '0') * 10 + (raw[11] - '0');
        return {status, text::parse_json(raw.substr(end + 4)).value()};
    }
    std::string refusal(const std::string& path, const json& body) {
        const auto [status, reply] = post(path, body);
        EXPECT_EQ(status / 100, 4) << reply.dump();
        return reply["error"]["message"];
    }

    ScopedFolder folder_{"embeddings_test"};
    std::shared_ptr<engine::Embedder> embedder_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Server> server_;
    std::unique_ptr<store::Store> store_;
    std::string key_;
};

TEST_F(EmbeddingsTest, GivesTheEmbeddersVectorsInBothFormats) {
    const std::vector<std::string> texts = {"how many days of leave", "the days"};
    const auto expected = embedder_->embed(texts);
    ASSERT_TRUE(expected) << expected.error().to_string();
    const auto [status, reply] = post("/v1/embeddings", {{"model", "bert"}, {"input", texts}});
    ASSERT_EQ(status, 200) << reply.dump();
    EXPECT_EQ(reply["object"], "list");
    EXPECT_EQ(reply["model"], "bert");
    EXPECT_EQ(reply["usage"]["prompt_tokens"], expected->tokens);
    ASSERT_EQ(reply["data"].size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(reply["data"][i]["index"], i);
        const auto values = reply["data"][i]["embedding"].get<std::vector<float>>();
        EXPECT_TRUE(std::ranges::equal(values, expected->row(i))) << "floats lose bits in JSON";
    }
    const auto [again, coded] = post(
        "/v1/embeddings", {{"model", "bert"}, {"input", texts[1]}, {"encoding_format", "base64"}});
    ASSERT_EQ(again, 200) << coded.dump();
    const std::string base64 = coded["data"][0]["embedding"];
    std::vector<float> values(32);
    std::size_t size = 0;
    ASSERT_EQ(
        sodium_base642bin(reinterpret_cast<unsigned char*>(values.data()), 128, base64.data(),
                          base64.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL),
        0);
    EXPECT_EQ(size, 128U);
    EXPECT_TRUE(std::ranges::equal(values, expected->row(1)));
}

TEST_F(EmbeddingsTest, EveryRequestIsMeteredOnce) {
    const auto first = post("/v1/embeddings", {{"model", "bert"}, {"input", "the days"}}).second;
    const auto second =
        post("/v1/rerank", {{"model", "ranker"}, {"query", "days"}, {"documents", {"the leave"}}})
            .second;
    const auto month = ledger::month_of(utc_ms());
    const auto totals = ledger::make_report(store_->database(), month, {}, utc_ms()).value().totals;
    EXPECT_EQ(totals.requests, 2);
    const std::int64_t tokens = first["usage"]["total_tokens"].get<std::int64_t>() +
                                second["usage"]["total_tokens"].get<std::int64_t>();
    EXPECT_GT(tokens, 8);
    EXPECT_EQ(totals.input_uncached, tokens);
    EXPECT_EQ(totals.output, 0);
    EXPECT_TRUE(ledger::reconcile(store_->database(), month).value().empty());
}

TEST_F(EmbeddingsTest, RanksBestFirst) {
    const json asked = {{"model", "ranker"},
                        {"query", "how many days"},
                        {"documents", {"the leave", {{"text", "in an"}}, "you have it"}},
                        {"return_documents", true},
                        {"top_n", 2}};
    const auto [status, reply] = post("/v1/rerank", asked);
    ASSERT_EQ(status, 200) << reply.dump();
    ASSERT_EQ(reply["results"].size(), 2U);
    const json& best = reply["results"][0];
    const json& next = reply["results"][1];
    EXPECT_GE(best["relevance_score"], next["relevance_score"]);
    EXPECT_NE(best["index"], next["index"]);
    EXPECT_TRUE(best["document"]["text"].is_string());
    EXPECT_TRUE(reply["meta"]["warnings"].empty());
    EXPECT_EQ(post("/v1/rerank", asked).second["results"], reply["results"]);
    json longer = asked;
    longer["documents"] = {std::string(400, 'a') + " b " + std::string(40, 'x'),
                           "the days of the leave and the days of the leave and the days of the "
                           "leave and the days of the leave and the days of the leave"};
    EXPECT_THAT(post("/v1/rerank", longer).second["meta"]["warnings"].dump(),
                HasSubstr("only their beginning was read"));
}

TEST_F(EmbeddingsTest, RefusesByName) {
    const auto with = [](const std::string& key, const json& value) {
        json body = {{"model", "bert"}, {"input", "days"}};
        body[key] = value;
        return body;
    };
    const std::string path = "/v1/embeddings";
    EXPECT_THAT(refusal(path, with("model", "gpt")), HasSubstr("'gpt' does not exist"));
    EXPECT_THAT(refusal(path, with("model", "pebble")), HasSubstr("makes no embeddings"));
    EXPECT_THAT(refusal(path, with("model", "ranker")), HasSubstr("makes no embeddings"));
    EXPECT_THAT(refusal(path, with("input", "")), HasSubstr("empty text"));
    EXPECT_THAT(refusal(path, with("input", json::array())), HasSubstr("1 to 2048 texts"));
    EXPECT_THAT(refusal(path, with("input", {1, 2})), HasSubstr("token ids"));
    EXPECT_THAT(refusal(path, with("input", std::string(1 << 21, 'a'))), HasSubstr("1048576"));
    EXPECT_THAT(refusal(path, with("dimensions", 16)), HasSubstr("vectors of 32"));
    EXPECT_THAT(refusal(path, with("encoding_format", "int8")), HasSubstr("int8"));
    EXPECT_THAT(refusal(path, with("input_type", "both")), HasSubstr("both"));
    EXPECT_THAT(refusal(path, with("truncate", true)), HasSubstr("'truncate' is not known"));
    std::string longest;
    for (int i = 0; i < 40; ++i)
        longest += "days ";
    EXPECT_THAT(refusal(path, with("input", longest)), HasSubstr("reads 30 tokens, found 40"));
    EXPECT_THAT(refusal("/v1/rerank", {{"model", "bert"}, {"query", "x"}, {"documents", {"y"}}}),
                HasSubstr("is no reranker"));
    EXPECT_THAT(
        refusal("/v1/rerank", {{"model", "ranker"}, {"query", longest}, {"documents", {"y"}}}),
        HasSubstr("the query has 40 tokens"));
    EXPECT_THAT(refusal("/v1/chat/completions",
                        {{"model", "bert"}, {"messages", {{{"role", "user"}, {"content", "x"}}}}}),
                HasSubstr("reads texts and writes none"));
}

}  // namespace
}  // namespace cairn::serve
