// SPDX-License-Identifier: Apache-2.0
// Sockets and coroutines: see server.h. One io thread moves bytes; worker threads run handlers. A
// handler that streams blocks on each write until the io thread has sent it, so a client that goes
// away is noticed at the next piece.
#include "cairn/serve/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <thread>

#include "cairn/base/clock.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/base/log.h"

namespace cairn::serve {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kHeaderTimeout = std::chrono::seconds(15);
constexpr auto kIdleTimeout = std::chrono::seconds(60);
constexpr auto kWriteTimeout = std::chrono::seconds(30);

bool is_loopback_name(std::string_view host) {
    return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

/// "example.com:8080" -> "example.com"; "[::1]:80" -> "[::1]".
std::string_view host_without_port(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.find(':'));
}

/// Streams from a worker thread through the connection's executor.
class StreamResponder final : public Responder {
  public:
    StreamResponder(beast::tcp_stream& stream, const std::atomic<bool>& stopping,
                    std::string request_id)
        : stream_(stream), stopping_(stopping), request_id_(std::move(request_id)) {}

    Status begin(std::string_view content_type) override {
        http::response<http::empty_body> head{http::status::ok, 11};
        head.set(http::field::content_type, std::string(content_type));
        head.set(http::field::cache_control, "no-store");
        head.set("X-Content-Type-Options", "nosniff");
        head.set("X-Request-Id", request_id_);
        head.set(http::field::connection, "close");  // a stream is the last on its connection
        head.chunked(true);
        begun_ = true;
        std::ostringstream text;
        text << head.base();
        return send(text.str());
    }

    Status write(std::string_view piece) override {
        if (piece.empty()) return {};
        std::ostringstream size;
        size << std::hex << piece.size() << "\r\n";
        return send(size.str() + std::string(piece) + "\r\n");
    }

    Status end() override { return send("0\r\n\r\n"); }

    bool client_gone() override {
        if (failed_ || stopping_) return true;
        char byte = 0;
        const auto got =
            ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    }

    bool begun() const { return begun_; }

  private:
    Status send(std::string bytes) {
        if (failed_ || stopping_) return gone();
        auto work = [this, text = std::move(bytes)]() -> asio::awaitable<bool> {
            stream_.expires_after(kWriteTimeout);
            beast::error_code failure;
            co_await asio::async_write(stream_, asio::buffer(text),
                                       asio::redirect_error(asio::use_awaitable, failure));
            co_return !failure;
        };
        try {
            failed_ =
                !asio::co_spawn(stream_.get_executor(), std::move(work), asio::use_future).get();
        } catch (const std::exception&) {
            failed_ = true;
        }
        return failed_ ? Status(gone()) : Status();
    }
    static Error gone() { return make_error(Code::kCancelled, "the client closed the connection"); }

    beast::tcp_stream& stream_;
    const std::atomic<bool>& stopping_;
    std::string request_id_;
    bool failed_ = false;
    bool begun_ = false;
};

}  // namespace

struct Server::State {
    ServerOptions options;
    Router router;
    Authenticator authenticator;
    Observer observer;
    asio::io_context io{1};
    std::unique_ptr<tcp::acceptor> acceptor;
    std::unique_ptr<asio::thread_pool> workers;
    std::thread io_thread;
    std::atomic<bool> stopping{false};
    std::atomic<int> connections{0};
    std::uint16_t port = 0;

    asio::awaitable<void> accept_loop();
    asio::awaitable<void> serve_connection(tcp::socket socket);
    asio::awaitable<bool> serve_one(beast::tcp_stream& stream, beast::flat_buffer& buffer);
    asio::awaitable<bool> write_reply(beast::tcp_stream& stream, Reply reply, bool keep_alive,
                                      const std::string& request_id, bool head_only);
    Reply dispatch(Request& request, StreamResponder& responder);
    Reply answer(const Route& route, const Request& request, StreamResponder& responder);
    const Route* find_route(Request& request, Reply& refusal) const;
    Reply run_handler(const Route& route, const Request& request, const Caller& caller,
                      StreamResponder& responder);
    Status check_origin(const Request& request) const;
    bool host_allowed(std::string_view host) const;
};

bool Server::State::host_allowed(std::string_view host) const {
    const std::string_view name = host_without_port(host);
    return is_loopback_name(name) || name == options.address ||
           std::find(options.hosts.begin(), options.hosts.end(), name) != options.hosts.end();
}

Status Server::State::check_origin(const Request& request) const {
    // A page of another site must not reach us through the user's browser (DNS rebinding,
    // cross-site posts).
    if (!host_allowed(request.header("host"))) {
        return make_error(Code::kDenied, "Host '" + request.header("host") + "' is not served here",
                          "start the server with --host NAME to let this name in");
    }
    const std::string origin = request.header("origin");
    if (origin.empty()) return {};
    const std::size_t scheme = origin.find("://");
    const std::string_view origin_host = scheme == std::string::npos
                                             ? std::string_view()
                                             : std::string_view(origin).substr(scheme + 3);
    if (!host_allowed(origin_host)) {
        return make_error(Code::kDenied, "Origin '" + origin + "' may not call this server");
    }
    return {};
}

Reply Server::State::run_handler(const Route& route, const Request& request, const Caller& caller,
                                 StreamResponder& responder) {
    try {
        return route.handler(request, caller, responder);
    } catch (const std::exception& failure) {
        spdlog::error("{} {}: {}", request.method, route.pattern, failure.what());
    }
    return error_reply(make_error(Code::kInternal, "the request failed inside the server"));
}

const Route* Server::State::find_route(Request& request, Reply& refusal) const {
    if (const Status origin = check_origin(request); !origin) {
        refusal = error_reply(403, "permission_error", origin.error().to_string(), "origin_denied");
        return nullptr;
    }
    bool path_known = false;
    const Route* route = router.find(request, path_known);
    if (route == nullptr && path_known) {
        refusal = error_reply(405, "invalid_request_error",
                              request.method + " is not possible on " + request.path);
    } else if (route == nullptr) {
        refusal = error_reply(404, "not_found_error", "no such address: " + request.path);
    }
    return route;
}

Reply Server::State::answer(const Route& route, const Request& request,
                            StreamResponder& responder) {
    Caller caller;
    if (route.access != Access::kPublic) {
        const std::string authorization = request.header("authorization");
        std::string_view bearer = authorization;
        if (bearer.starts_with("Bearer ")) bearer.remove_prefix(7);
        auto who = authenticator(bearer);
        if (!who && who.error().code != Code::kDenied) return error_reply(who.error());
        if (!who) {
            Reply reply = error_reply(401, "authentication_error", who.error().to_string(),
                                      "invalid_api_key");
            reply.headers.emplace_back("WWW-Authenticate", "Bearer");
            return reply;
        }
        caller = *who;
        if (route.access == Access::kAdmin && !caller.admin) {
            return error_reply(403, "permission_error", "this address needs an administrator's key",
                               "admin_required");
        }
    }
    return run_handler(route, request, caller, responder);
}

Reply Server::State::dispatch(Request& request, StreamResponder& responder) {
    const double start = now_seconds();
    Reply reply;
    const Route* route = find_route(request, reply);
    if (route != nullptr) reply = answer(*route, request, responder);
    if (observer) {
        const std::string_view pattern =
            route == nullptr ? std::string_view("unknown") : std::string_view(route->pattern);
        observer(request, pattern, reply.status, now_seconds() - start);
    }
    return reply;
}

asio::awaitable<bool> Server::State::write_reply(beast::tcp_stream& stream, Reply reply,
                                                 bool keep_alive, const std::string& request_id,
                                                 bool head_only) {
    http::response<http::string_body> response{static_cast<http::status>(reply.status), 11};
    response.set(http::field::content_type, reply.content_type);
    response.set("X-Content-Type-Options", "nosniff");
    response.set("X-Frame-Options", "DENY");
    response.set("Referrer-Policy", "no-referrer");
    response.set("X-Request-Id", request_id);
    for (const auto& [name, value] : reply.headers)
        response.set(name, value);
    response.keep_alive(keep_alive);
    const std::size_t size = reply.body.size();
    if (!head_only) response.body() = std::move(reply.body);
    response.content_length(size);
    stream.expires_after(kWriteTimeout);
    beast::error_code failure;
    co_await http::async_write(stream, response,
                               asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure && keep_alive;
}

namespace {

Result<Request> make_request(const http::request<http::string_body>& message) {
    Request request;
    request.method = std::string(message.method_string());
    if (request.method == "HEAD") request.method = "GET";
    std::string_view target(message.target().data(), message.target().size());
    if (!target.starts_with('/')) {
        return make_error(Code::kInvalid, "the request's address has to begin with '/'");
    }
    const std::size_t question = target.find('?');
    request.path = CAIRN_TRY(url_decode(target.substr(0, question), false));
    std::string_view query =
        question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        std::string name = CAIRN_TRY(url_decode(pair.substr(0, equals), true));
        request.query[name] =
            CAIRN_TRY(url_decode(pair.substr(std::min(equals + 1, pair.size())), true));
    }
    for (const auto& field : message) {
        std::string name(field.name_string());
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        request.headers[name] = std::string(field.value());
    }
    request.body = message.body();
    return request;
}

}  // namespace

asio::awaitable<bool> Server::State::serve_one(beast::tcp_stream& stream,
                                               beast::flat_buffer& buffer) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(limits::kRequestHeaderBytesMax);
    parser.body_limit(limits::kRequestBodyBytesMax);
    beast::error_code failure;
    stream.expires_after(buffer.size() == 0 ? kIdleTimeout : kHeaderTimeout);
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, failure));
    const std::string id = "req_" + random_hex(12);
    if (failure == http::error::body_limit || failure == http::error::header_limit) {
        co_return co_await write_reply(
            stream,
            error_reply(413, "invalid_request_error",
                        "the request is larger than the limit of " +
                            std::to_string(limits::kRequestBodyBytesMax) + " bytes",
                        "too_large"),
            false, id, false);
    }
    if (failure) {
        const bool malformed =
            failure.category() == http::make_error_code(http::error::bad_method).category() &&
            failure != http::error::end_of_stream;
        if (malformed) {
            co_await write_reply(stream,
                                 error_reply(400, "invalid_request_error", "this is not HTTP"),
                                 false, id, false);
        }
        co_return false;
    }
    const bool head_only = parser.get().method() == http::verb::head;
    bool keep_alive = parser.get().keep_alive();
    auto request = make_request(parser.get());
    if (!request)
        co_return co_await write_reply(stream, error_reply(request.error()), false, id, head_only);
    request->id = id;
    StreamResponder responder(stream, stopping, id);
    stream.expires_never();
    Reply reply;
    // The handler runs on a worker; this coroutine comes back to the io thread when it is done.
    co_await asio::co_spawn(
        *workers,
        [&]() -> asio::awaitable<void> {
            reply = dispatch(*request, responder);
            co_return;
        },
        asio::use_awaitable);
    if (reply.streamed || responder.begun()) co_return false;
    co_return co_await write_reply(stream, std::move(reply), keep_alive && !stopping, id,
                                   head_only);
}

asio::awaitable<void> Server::State::serve_connection(tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    try {
        while (!stopping && co_await serve_one(stream, buffer)) {
        }
    } catch (const std::exception& failure) {
        spdlog::debug("connection: {}", failure.what());
    }
    beast::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream.socket().close(ignored);
    --connections;
}

asio::awaitable<void> Server::State::accept_loop() {
    while (!stopping) {
        beast::error_code failure;
        tcp::socket socket =
            co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, failure));
        if (failure) {
            if (failure == asio::error::operation_aborted) co_return;
            continue;
        }
        if (connections >= limits::kConnectionsMax) continue;  // closes the socket
        ++connections;
        socket.set_option(tcp::no_delay(true), failure);
        asio::co_spawn(io, serve_connection(std::move(socket)), asio::detached);
    }
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Router router,
                                              Authenticator authenticator, Observer observer) {
    auto state = std::make_unique<State>();
    state->options = options;
    state->router = std::move(router);
    state->authenticator = std::move(authenticator);
    state->observer = std::move(observer);
    const std::string where = options.address + ":" + std::to_string(options.port);
    beast::error_code failure;
    const auto address = asio::ip::make_address(options.address, failure);
    if (failure) {
        return make_error(Code::kInvalid,
                          "expected an IP address to listen on, found '" + options.address + "'");
    }
    state->acceptor = std::make_unique<tcp::acceptor>(state->io);
    tcp::acceptor& acceptor = *state->acceptor;
    const tcp::endpoint endpoint(address, options.port);
    acceptor.open(endpoint.protocol(), failure);
    if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor.bind(endpoint, failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) {
        return make_error(Code::kUnavailable,
                          "cannot listen on " + where + ": " + failure.message(),
                          "stop the program that uses this port, or choose another with --port");
    }
    state->port = acceptor.local_endpoint().port();
    state->workers = std::make_unique<asio::thread_pool>(std::max(1, options.worker_threads));
    asio::co_spawn(state->io, state->accept_loop(), asio::detached);
    state->io_thread = std::thread([raw = state.get()] { raw->io.run(); });
    return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
    stop();
}

std::uint16_t Server::port() const {
    return state_->port;
}

void Server::stop() {
    if (state_->stopping.exchange(true)) return;
    asio::post(state_->io, [this] {
        beast::error_code ignored;
        state_->acceptor->close(ignored);
    });
    state_->workers->join();
    state_->io.stop();
    if (state_->io_thread.joinable()) state_->io_thread.join();
}

}  // namespace cairn::serve
