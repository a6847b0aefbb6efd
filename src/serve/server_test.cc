// SPDX-License-Identifier: Apache-2.0
// The HTTP server over real sockets: routing, keys, limits, streams, clients that go away, a port
// in use.
#include "cairn/serve/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cairn/base/limits.h"
#include "test_client.h"

namespace cairn::serve {
namespace {

using ::testing::HasSubstr;

using serve::testing::get;
using serve::testing::send_raw;

class ServerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        Router router;
        router.add("GET", "/open", Access::kPublic, [](const Request&, const Caller&, Responder&) {
            return json_reply("{\"ok\":1}");
        });
        router.add("GET", "/items/{id}", Access::kKey,
                   [](const Request& request, const Caller& caller, Responder&) {
                       return json_reply(caller.tenant + " " + request.parameters.at("id") + " " +
                                         request.query_or("q", "none"));
                   });
        router.add("POST", "/echo", Access::kPublic,
                   [](const Request& request, const Caller&, Responder&) {
                       return json_reply(request.body);
                   });
        router.add("GET", "/admin", Access::kAdmin,
                   [](const Request&, const Caller&, Responder&) { return json_reply("{}"); });
        router.add("GET", "/throws", Access::kPublic,
                   [](const Request&, const Caller&, Responder&) -> Reply {
                       throw std::runtime_error("secret detail");
                   });
        router.add("GET", "/stream", Access::kPublic,
                   [this](const Request&, const Caller&, Responder& out) {
                       EXPECT_TRUE(out.begin("text/event-stream"));
                       for (int i = 0; i < stream_pieces_; ++i) {
                           if (!out.write("data: " + std::to_string(i) + "\n\n")) break;
                           ++pieces_sent_;
                           if (stream_pieces_ > 100)
                               std::this_thread::sleep_for(std::chrono::milliseconds(1));
                       }
                       (void)out.end();
                       Reply reply;
                       reply.streamed = true;
                       stream_ended_ = true;
                       return reply;
                   });
        ServerOptions options;
        options.port = 0;
        auto server = Server::start(
            options, std::move(router),
            [](std::string_view bearer) -> Result<Caller> {
                if (bearer == "good") return Caller{"k1", "acme", false};
                return make_error(Code::kDenied, "the key is not known");
            },
            nullptr);
        ASSERT_TRUE(server) << server.error().to_string();
        server_ = std::move(*server);
        port_ = server_->port();
    }

    std::unique_ptr<Server> server_;
    std::uint16_t port_ = 0;
    std::atomic<int> stream_pieces_{3};
    std::atomic<int> pieces_sent_{0};
    std::atomic<bool> stream_ended_{false};
};

TEST_F(ServerTest, AnswersAPublicAddress) {
    const std::string answer = get(port_, "/open");
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
    EXPECT_THAT(answer, HasSubstr("{\"ok\":1}"));
    EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff"));
}

TEST_F(ServerTest, ChecksTheKeyAndFillsInParameters) {
    EXPECT_THAT(get(port_, "/items/7"), HasSubstr("HTTP/1.1 401"));
    EXPECT_THAT(get(port_, "/items/7", "Authorization: Bearer wrong\r\n"),
                HasSubstr("invalid_api_key"));
    EXPECT_THAT(get(port_, "/items/a%20b?q=x%2By", "Authorization: Bearer good\r\n"),
                HasSubstr("acme a b x+y"));
    EXPECT_THAT(get(port_, "/admin", "Authorization: Bearer good\r\n"), HasSubstr("HTTP/1.1 403"));
}

TEST_F(ServerTest, RefusesForeignHostsAndOrigins) {
    EXPECT_THAT(
        send_raw(port_, "GET /open HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        HasSubstr("HTTP/1.1 403"));
    EXPECT_THAT(get(port_, "/open", "Origin: http://evil.example\r\n"), HasSubstr("HTTP/1.1 403"));
    EXPECT_THAT(get(port_, "/open", "Origin: http://localhost:5173\r\n"),
                HasSubstr("HTTP/1.1 200"));
}

TEST_F(ServerTest, SaysWhatIsWrongWithARequest) {
    EXPECT_THAT(get(port_, "/nowhere"), HasSubstr("HTTP/1.1 404"));
    EXPECT_THAT(
        send_raw(port_, "PUT /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        HasSubstr("HTTP/1.1 405"));
    EXPECT_THAT(get(port_, "/items/%zz"), HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(send_raw(port_, "hello\r\n\r\n"), HasSubstr("HTTP/1.1 400"));
    const std::string thrown = get(port_, "/throws");
    EXPECT_THAT(thrown, HasSubstr("HTTP/1.1 500"));
    EXPECT_THAT(thrown, ::testing::Not(HasSubstr("secret detail")));
}

TEST_F(ServerTest, RefusesABodyOverTheLimitBeforeReadingIt) {
    const std::string head =
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
        std::to_string(limits::kRequestBodyBytesMax + 1) + "\r\n\r\n";
    EXPECT_THAT(send_raw(port_, head), HasSubstr("HTTP/1.1 413"));
}

TEST_F(ServerTest, StreamsPieces) {
    const std::string answer = get(port_, "/stream");
    EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked"));
    EXPECT_THAT(answer, HasSubstr("data: 0"));
    EXPECT_THAT(answer, HasSubstr("data: 2"));
    EXPECT_TRUE(answer.ends_with("0\r\n\r\n"));
}

TEST_F(ServerTest, NoticesAClientThatGoesAwayInTheMiddle) {
    stream_pieces_ = 100'000;
    {
        testing::RawClient client(port_, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        EXPECT_TRUE(client.read_until("data: 0"));
    }
    for (int i = 0; i < 5000 && !stream_ended_; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(stream_ended_);
    EXPECT_LT(pieces_sent_, 100'000);
}

TEST_F(ServerTest, NamesAPortThatIsInUse) {
    ServerOptions options;
    options.port = port_;
    auto second = Server::start(options, Router(), nullptr, nullptr);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kUnavailable);
    EXPECT_THAT(second.error().to_string(), HasSubstr("--port"));
}

TEST_F(ServerTest, StopsWhileAStreamRuns) {
    stream_pieces_ = 100'000;
    std::thread client([this] { (void)get(port_, "/stream"); });
    while (pieces_sent_ == 0) {
        std::this_thread::yield();
    }
    server_->stop();
    client.join();
    EXPECT_TRUE(stream_ended_);
}

}  // namespace
}  // namespace cairn::serve
