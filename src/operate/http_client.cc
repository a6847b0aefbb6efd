// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over Beast, one connection a request: see http_client.h. Operations are asynchronous
// inside and blocking outside, because only asynchronous ones have time limits.
#include "http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <cstdlib>

#include "cairn/base/progress.h"

namespace cairn::operate {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::size_t kUrlBytesMax = 16 * 1024;  // signed addresses of content networks are long
constexpr std::uint32_t kHeadBytesMax = 64 * 1024;
constexpr std::size_t kErrorBodyBytesMax = 16 * 1024;
constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr int kRedirectsMax = 5;
constexpr auto kListenToUser = std::chrono::milliseconds(100);

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error unavailable(const Url& url, std::string_view what) {
    return make_error(
        Code::kUnavailable, fmt::format("{}: {}", url.origin(), what),
        "check the network (behind a proxy: HTTPS_PROXY=http://HOST:PORT), then run the "
        "command again: it goes on where it was");
}

struct Proxy {
    Url url;
    std::string authorization;  ///< "Basic ...", or empty
};

const char* environment(std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') return value;
    }
    return "";
}

/// NO_PROXY: "example.com" also means what ends in .example.com; "*" means every host.
bool goes_direct(std::string_view host, std::string_view list) {
    while (!list.empty()) {
        std::string_view name = list.substr(0, list.find(','));
        list.remove_prefix(std::min(name.size() + 1, list.size()));
        while (name.starts_with(' ') || name.starts_with('.'))
            name.remove_prefix(1);
        while (name.ends_with(' '))
            name.remove_suffix(1);
        if (name == "*" || (!name.empty() && host == name)) return true;
        if (!name.empty() && host.ends_with("." + std::string(name))) return true;
    }
    return false;
}

/// Where a company lets https out: HTTPS_PROXY or ALL_PROXY, [http://][NAME:PASSWORD@]HOST:PORT.
Result<std::optional<Proxy>> find_proxy(const Url& url) {
    std::string_view text = environment({"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"});
    if (!url.tls || text.empty()) return std::optional<Proxy>();
    if (goes_direct(url.host, lower(environment({"NO_PROXY", "no_proxy"})))) {
        return std::optional<Proxy>();
    }
    if (text.starts_with("http://")) text.remove_prefix(7);
    Proxy proxy;
    if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
        const std::string name(text.substr(0, at));
        std::string encoded(4 * ((name.size() + 2) / 3) + 1, '\0');
        const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                         reinterpret_cast<const unsigned char*>(name.data()),
                                         static_cast<int>(name.size()));
        proxy.authorization = "Basic " + encoded.substr(0, static_cast<std::size_t>(size));
        text.remove_prefix(at + 1);
    }
    const auto parsed = parse_url("http://" + std::string(text));
    if (!parsed) {
        return make_error(Code::kInvalid, "HTTPS_PROXY: expected http://HOST:PORT",
                          "proxies of other kinds are not known");
    }
    proxy.url = *parsed;
    return std::optional<Proxy>(std::move(proxy));
}

/// One connection. `Stream` is a tcp_stream or a TLS stream over one.
class Connection {
  public:
    Connection(const Url& url, const HttpTimeouts& timeouts) : url_(url), timeouts_(timeouts) {}

    Status open();
    Result<HttpResponse> exchange(const HttpRequest& request, const BodySink& sink);

  private:
    using Tls = asio::ssl::stream<beast::tcp_stream&>;

    /// Starts an operation and waits for its end, its time limit or Ctrl-C.
    template <typename Start>
    beast::error_code wait(double seconds, Start start) {
        beast::error_code result;
        bool done = false;
        tcp_.expires_after(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
        start([&](beast::error_code failure, auto&&...) {
            result = failure;
            done = true;
        });
        while (!done) {
            io_.restart();
            io_.run_for(kListenToUser);
            if (!done && interrupted()) tcp_.cancel();
        }
        return result;
    }
    Error failed(const beast::error_code& failure, std::string_view doing) const;
    Status start_tls();
    /// Asks the proxy that is connected for a tunnel to the hub.
    Status open_tunnel(const Proxy& proxy);
    template <typename Stream>
    Result<HttpResponse> talk(Stream& stream, const HttpRequest& request, const BodySink& sink);
    template <typename Stream, typename Parser>
    Status read_body(Stream& stream, Parser& parser, HttpResponse& response, const BodySink& sink);

    const Url& url_;
    const HttpTimeouts& timeouts_;
    asio::io_context io_{1};
    beast::tcp_stream tcp_{io_};
    asio::ssl::context context_{asio::ssl::context::tls_client};
    std::optional<Tls> tls_;
    beast::flat_buffer buffer_;
};

Error Connection::failed(const beast::error_code& failure, std::string_view doing) const {
    if (interrupted()) return make_error(Code::kCancelled, "stopped by the user");
    if (failure == beast::error::timeout) {
        return unavailable(
            url_, fmt::format("no answer within {} s while {}", timeouts_.silence_seconds, doing));
    }
    return unavailable(url_, fmt::format("{} while {}", failure.message(), doing));
}

Status Connection::open_tunnel(const Proxy& proxy) {
    const std::string target = url_.host + ":" + url_.port;
    http::request<http::empty_body> ask(http::verb::connect, target, 11);
    ask.set(http::field::host, target);
    ask.set(http::field::user_agent, "cairn");
    if (!proxy.authorization.empty()) {
        ask.set(http::field::proxy_authorization, proxy.authorization);
    }
    auto failure = wait(timeouts_.silence_seconds,
                        [&](auto handler) { http::async_write(tcp_, ask, handler); });
    if (failure) return failed(failure, "asking the proxy");
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kHeadBytesMax);
    parser.skip(true);
    failure = wait(timeouts_.silence_seconds,
                   [&](auto handler) { http::async_read_header(tcp_, buffer_, parser, handler); });
    if (failure) return failed(failure, "waiting for the proxy");
    const unsigned status = parser.get().result_int();
    if (status >= 200 && status < 300) return {};
    return make_error(status == 407 ? Code::kDenied : Code::kUnavailable,
                      fmt::format("the proxy {} refused a tunnel to {}: status {}",
                                  proxy.url.origin(), target, status),
                      status == 407 ? "give NAME:PASSWORD@ in HTTPS_PROXY"
                                    : "ask who runs the proxy, or name a mirror with --hub");
}

Status Connection::open() {
    const std::optional<Proxy> proxy = CAIRN_TRY(find_proxy(url_));
    const Url& next = proxy ? proxy->url : url_;
    std::string host = next.host;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    tcp::resolver resolver(io_);
    tcp::resolver::results_type addresses;
    auto failure = wait(timeouts_.connect_seconds, [&](auto handler) {
        resolver.async_resolve(host, next.port, [&, handler](auto problem, auto found) mutable {
            addresses = std::move(found);
            handler(problem);
        });
    });
    const std::string what = proxy ? " of the proxy " + next.origin() : "";
    if (failure) return failed(failure, "looking up the name" + what);
    failure = wait(timeouts_.connect_seconds,
                   [&](auto handler) { tcp_.async_connect(addresses, handler); });
    if (failure) return failed(failure, proxy ? "connecting to the proxy" : "connecting");
    if (proxy) CAIRN_TRY(open_tunnel(*proxy));
    return url_.tls ? start_tls() : Status();
}

Status Connection::start_tls() {
    beast::error_code failure;
    context_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                             asio::ssl::context::no_tlsv1_1,
                         failure);
    if (timeouts_.certificates.empty()) {
        context_.set_default_verify_paths(failure);
    } else {
        context_.load_verify_file(timeouts_.certificates, failure);
    }
    if (failure) {
        return make_error(Code::kDenied, "cannot read trusted certificates: " + failure.message(),
                          "install the package ca-certificates, or set SSL_CERT_FILE");
    }
    tls_.emplace(tcp_, context_);
    tls_->set_verify_mode(asio::ssl::verify_peer, failure);
    tls_->set_verify_callback(asio::ssl::host_name_verification(url_.host), failure);
    if (SSL_set_tlsext_host_name(tls_->native_handle(), url_.host.c_str()) != 1) {
        return make_error(Code::kInvalid, "not a host name: " + url_.host);
    }
    failure = wait(timeouts_.connect_seconds, [&](auto handler) {
        tls_->async_handshake(asio::ssl::stream_base::client, handler);
    });
    if (!failure) return {};
    const long verified = SSL_get_verify_result(tls_->native_handle());
    if (verified != X509_V_OK) {
        return make_error(
            Code::kDenied,
            fmt::format("{}: its certificate is not trusted: {}", url_.origin(),
                        X509_verify_cert_error_string(verified)),
            "if this is your own mirror, put its authority's certificate into SSL_CERT_FILE");
    }
    return failed(failure, "agreeing on encryption");
}

Result<HttpResponse> Connection::exchange(const HttpRequest& request, const BodySink& sink) {
    return tls_ ? talk(*tls_, request, sink) : talk(tcp_, request, sink);
}

http::request<http::empty_body> make_message(const HttpRequest& request, const Url& url) {
    http::request<http::empty_body> message(request.head ? http::verb::head : http::verb::get,
                                            url.target, 11);
    const bool usual = url.port == (url.tls ? "443" : "80");
    message.set(http::field::host, usual ? url.host : url.host + ":" + url.port);
    message.set(http::field::user_agent, "cairn");
    message.set(http::field::accept_encoding, "identity");
    message.set(http::field::connection, "close");
    if (!request.token.empty()) {
        message.set(http::field::authorization, "Bearer " + request.token);
    }
    if (request.range) {
        message.set(http::field::range,
                    fmt::format("bytes={}-{}", request.range->first, request.range->second - 1));
    }
    return message;
}

template <typename Stream>
Result<HttpResponse> Connection::talk(Stream& stream, const HttpRequest& request,
                                      const BodySink& sink) {
    const auto message = make_message(request, url_);
    auto failure = wait(timeouts_.silence_seconds,
                        [&](auto handler) { http::async_write(stream, message, handler); });
    if (failure) return failed(failure, "sending the request");
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(kHeadBytesMax);
    parser.body_limit(boost::none);  // the sink knows how much it expects
    parser.skip(request.head);
    failure = wait(timeouts_.silence_seconds, [&](auto handler) {
        http::async_read_header(stream, buffer_, parser, handler);
    });
    if (failure) return failed(failure, "waiting for the answer");
    HttpResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
        response.fields[lower(
            std::string_view(field.name_string().data(), field.name_string().size()))] =
            std::string(field.value().data(), field.value().size());
    }
    if (!request.head && !is_redirect(response.status)) {
        const Status read = read_body(stream, parser, response, sink);
        if (!read) return read.error();
    }
    return response;
}

template <typename Stream, typename Parser>
Status Connection::read_body(Stream& stream, Parser& parser, HttpResponse& response,
                             const BodySink& sink) {
    std::string block(kBlockBytes, '\0');
    const bool good = response.status >= 200 && response.status < 300;
    while (!parser.is_done()) {
        parser.get().body().data = block.data();
        parser.get().body().size = block.size();
        auto failure = wait(timeouts_.silence_seconds, [&](auto handler) {
            http::async_read_some(stream, buffer_, parser, handler);
        });
        if (failure == http::error::need_buffer) failure = {};
        const std::string_view piece(block.data(), block.size() - parser.get().body().size);
        if (!piece.empty() && good) CAIRN_TRY(sink(response, piece));
        if (!piece.empty() && !good) {
            response.error_body.append(piece.substr(
                0, kErrorBodyBytesMax - std::min(kErrorBodyBytesMax, response.error_body.size())));
        }
        if (failure && !good) return {};  // the status says enough
        if (failure) return failed(failure, "reading");
        if (interrupted()) return make_error(Code::kCancelled, "stopped by the user");
        if (!good && response.error_body.size() >= kErrorBodyBytesMax) return {};
    }
    return {};
}

}  // namespace

std::string Url::origin() const {
    return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

bool Url::is_loopback() const {
    return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

Result<Url> parse_url(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return make_error(Code::kInvalid,
                          fmt::format("expected an address like https://host/path, found {}", why));
    };
    const bool printable =
        std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (!printable || text.size() > kUrlBytesMax) return bad("spaces, controls or too many bytes");
    Url url;
    const std::string scheme = lower(text.substr(0, std::min(text.find("://"), text.size())));
    if (scheme != "https" && scheme != "http") return bad("'" + scheme + "'");
    url.tls = scheme == "https";
    text.remove_prefix(scheme.size() + 3);
    text = text.substr(0, text.find('#'));
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    std::string_view authority = text.substr(0, end);
    url.target = std::string(text.substr(end));
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    if (authority.find('@') != std::string_view::npos) return bad("a name or password in it");
    const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
    if (bracket == std::string_view::npos) return bad("'" + std::string(authority) + "'");
    const std::size_t colon = authority.find(':', bracket);
    url.host = lower(authority.substr(0, colon));
    url.port = colon == std::string_view::npos ? (url.tls ? "443" : "80")
                                               : std::string(authority.substr(colon + 1));
    const bool digits =
        !url.port.empty() && url.port.size() <= 5 &&
        std::ranges::all_of(url.port, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (url.host.empty() || !digits) return bad("'" + std::string(authority) + "'");
    return url;
}

Result<Url> resolve_location(const Url& from, std::string_view location) {
    if (location.find("://") < location.find_first_of("/?#")) return parse_url(location);
    if (location.starts_with("//")) {
        return parse_url((from.tls ? "https:" : "http:") + std::string(location));
    }
    std::string path(location);
    if (!path.starts_with('/')) {
        const std::string base = from.target.substr(0, from.target.find('?'));
        path = base.substr(0, base.rfind('/') + 1) + path;
    }
    return parse_url(from.origin() + path);
}

std::string encode_path(std::string_view path) {
    std::string result;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos)
            result += c;
        else
            result += fmt::format("%{:02X}", byte);
    }
    return result;
}

std::string HttpResponse::field(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
}

Result<HttpResponse> http_exchange(const HttpRequest& request, const HttpTimeouts& timeouts,
                                   const BodySink& sink) {
    HttpRequest current = request;
    for (int hop = 0; hop <= kRedirectsMax; ++hop) {
        Connection connection(current.url, timeouts);
        CAIRN_TRY(connection.open());
        HttpResponse response = CAIRN_TRY(connection.exchange(current, sink));
        if (!is_redirect(response.status)) return response;
        const Url next = CAIRN_TRY(resolve_location(current.url, response.field("location")));
        const bool same = next.origin() == current.url.origin();
        if (!same && !request.follow_to_other_hosts) return response;
        if (current.url.tls && !next.tls) {
            return make_error(Code::kDenied,
                              fmt::format("{}: redirects from https to {}, which is not encrypted",
                                          current.url.origin(), next.origin()),
                              "use another mirror: such a redirect can be an attack");
        }
        if (!same) current.token.clear();  // and it never comes back
        current.url = next;
    }
    return make_error(
        Code::kUnavailable,
        fmt::format("{}: more than {} redirects", request.url.origin(), kRedirectsMax),
        "the hub sends requests in a circle: check its address");
}

}  // namespace cairn::operate
